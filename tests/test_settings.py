"""Settings that have a shape of their own: tables, addresses, and what follows from others."""

from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.settings import read_settings

URL = "http://speech.internal:9000/transcribe?code=x"


def test_functions_are_a_table_in_the_file(tmp_path: Path) -> None:
    """In TOML each function is a line of a table."""
    file = tmp_path / "own.toml"
    file.write_text(f'function_seconds = 5\n[functions]\ntranscribe = "{URL}"\n')

    settings = read_settings(file)

    assert settings.functions == {"transcribe": URL}
    assert settings.function_seconds == 5
    assert URL not in repr(settings)


def test_functions_are_json_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment has no tables, so JSON stands there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_FUNCTIONS", f'{{"transcribe": "{URL}"}}')

    assert read_settings().functions == {"transcribe": URL}


def test_functions_are_checked_at_the_start(tmp_path: Path) -> None:
    """What cannot be called is told before anything runs, all at once."""
    file = tmp_path / "own.toml"
    file.write_text('function_allow = "10.0.0.0/99"\n[functions]\na = "ftp://x/"\nb = "here"\n')

    with pytest.raises(InvalidArgumentError) as caught:
        read_settings(file)

    text = str(caught.value)
    assert "a 'ftp://x/' must begin with http://" in text
    assert "b 'here' must begin with http://" in text
    assert "10.0.0.0/99" in text


def test_functions_that_are_no_json_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip of the pen in the environment is a fault like others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_FUNCTIONS", "{oops")

    with pytest.raises(InvalidArgumentError, match='"functions"'):
        read_settings()


@pytest.mark.parametrize("address", ["", "auto", "head:6379", "10.0.0.1:6379", "[fe80::1]:6379"])
def test_settings_take_addresses_of_ray(address: str) -> None:
    """A head is a host and a port, or the cluster of this machine, or none."""
    assert read_settings(ray_address=address).ray_address == address


@pytest.mark.parametrize("address", ["head", "ray://head:10001", "head:", "head:port", "a b:1"])
def test_settings_refuse_what_is_no_address_of_ray(address: str) -> None:
    """Ray's client protocol, and what is no address at all, is told at once."""
    with pytest.raises(InvalidArgumentError, match="ray_address"):
        read_settings(ray_address=address)


def test_settings_read_what_operations_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Needs come from a table of the file, or as JSON from the environment; faults are told."""
    file = tmp_path / "penstock.toml"
    file.write_text("[ray_needs.Transcode]\ncpus = 4\n")

    from_file = read_settings(file).ray_needs["Transcode"]
    monkeypatch.setenv("PENSTOCK_RAY_NEEDS", '{"Transcode": {"gpus": 0.5}}')
    from_environment = read_settings().ray_needs["Transcode"]

    assert (from_file.cpus, from_file.gpus) == (4, 0)
    assert (from_environment.cpus, from_environment.gpus) == (1, 0.5)


@pytest.mark.parametrize(
    "needs", ['{"cpu": 4}', '{"cpus": 0}', '{"cpus": 0.00001}', '{"gpus": 1.5}', '{"gpus": -1}']
)
def test_settings_refuse_needs_that_ray_cannot_meet(
    needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Ray would refuse for each chunk is told at once."""
    monkeypatch.setenv("PENSTOCK_RAY_NEEDS", f'{{"Transcode": {needs}}}')

    with pytest.raises(InvalidArgumentError, match=r"ray_needs\.Transcode\.[cg]pu"):
        read_settings()


def test_settings_let_queues_of_a_cluster_be_wide() -> None:
    """On a cluster, whose size nobody knows, a queue does not hold the workers back."""
    cluster: dict[str, Any] = {"engine": "ray", "ray_address": "auto"}

    assert read_settings(**cluster).quotas.queue_concurrency == 1000
    assert read_settings(**cluster, ray_places=64).quotas.queue_concurrency == 64
    assert read_settings(**cluster, queue_concurrency=3).quotas.queue_concurrency == 3
    assert read_settings(engine="ray", workers=12).quotas.queue_concurrency == 12
