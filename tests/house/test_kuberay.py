"""The manifests for Kubernetes are well-formed, agree with each other and with this build."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

from penstock import __version__
from penstock.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/kuberay"


def manifests() -> dict[str, dict[str, Any]]:
    """Every object that the files describe, by its kind."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))]
    found = [one for text in texts for one in yaml.safe_load_all(text)]
    assert len({one["kind"] for one in found}) == len(found)
    return {one["kind"]: one for one in found}


def containers() -> dict[str, dict[str, Any]]:
    """Every container of every pod, by its name."""
    found = manifests()
    cluster = found["RayCluster"]["spec"]
    pods = [
        cluster["headGroupSpec"]["template"],
        *(group["template"] for group in cluster["workerGroupSpecs"]),
        found["Deployment"]["spec"]["template"],
    ]
    return {one["name"]: one for pod in pods for one in pod["spec"]["containers"]}


def test_kuberay_runs_one_image_everywhere() -> None:
    """Server and nodes have the same Ray, the one that is tested, and the same Penstock."""
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (ray,) = re.findall(r"ray==([\d.]+)", " ".join(pinned["dependency-groups"]["dev"]))
    dockerfile = (FOLDER / "Dockerfile").read_text(encoding="utf-8")

    images = {container["image"] for container in containers().values()}

    assert images == {f"registry.example/penstock:{__version__}"}
    assert manifests()["RayCluster"]["spec"]["rayVersion"] == ray
    assert f"rayproject/ray:{ray}-" in dockerfile
    assert f"penstock[ray,postgres]=={__version__}" in dockerfile


def test_kuberay_server_is_started_with_options_that_exist() -> None:
    """Options and settings in the manifests are ones of this build."""
    server = containers()["penstock"]
    program, command, *options = server["command"]
    shown = subprocess.run(
        [sys.executable, "-m", "penstock", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200"},
    )

    assert program == "penstock"
    assert all(option.partition("=")[0] in shown.stdout for option in options)
    names = {entry["name"] for entry in server["env"]}
    assert names <= {f"PENSTOCK_{name.upper()}" for name in Settings.model_fields}


def test_kuberay_names_lead_to_each_other() -> None:
    """The server looks for the head where KubeRay puts it, and shares the sockets of its node."""
    found = containers()
    address = f"{manifests()['RayCluster']['metadata']['name']}-head-svc:6379"

    assert f"--ray-address={address}" in found["penstock"]["command"]
    assert f"--address={address}" in found["ray-node"]["command"]
    mounted = [
        {one["name"] for one in found[name]["volumeMounts"] if one["mountPath"] == "/tmp/ray"}  # noqa: S108
        for name in ("penstock", "ray-node")
    ]
    assert mounted == [{"ray"}, {"ray"}]
