"""A Ray cluster of several nodes on this machine, in a process of its own.

Ray ends a process that watches a cluster whose head comes back as another; the tests must not be
that process. Run as a program this module is the process: a command a line on standard input, an
answer a line on standard output.
"""

import contextlib
import importlib.util
import json
import os
import subprocess  # noqa: TID251  # the cluster lives in a child process
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
STORE_BYTES = 80 << 20
# How long Ray looks for a head that is gone, for the cluster's nodes and for drivers.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
}


def require_ray() -> None:
    """Skip the test where Ray is not installed; in CI that fails."""
    if importlib.util.find_spec("ray") is None:
        assert os.environ.get("CI") != "true", "Ray is not installed"
        pytest.skip("Ray is not installed: pip install 'penstock[ray]'")


class RayCluster:
    """A running cluster: a head that runs nothing, and nodes beside it."""

    def __init__(self, *cpus: int) -> None:
        """Start a head, and a node with so many processor cores for each number."""
        require_ray()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ray_cluster"],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = self.start_head()
        self.nodes = [self.add_node(number) for number in cpus]

    def start_head(self) -> str:
        """Start a head where there is none, on the port of the one before; its address."""
        return str(self._ask("start_head"))

    def kill_head(self) -> None:
        """Kill every process of the head, as the death of its machine does."""
        self._ask("kill_head")

    def add_node(self, cpus: int, gpus: int = 0) -> int:
        """Start another node; its number."""
        return int(self._ask("add_node", cpus, gpus))

    def kill_node(self, number: int) -> None:
        """Kill every process of a node."""
        self._ask("kill_node", number)

    def workers(self) -> set[int]:
        """The processes that run a chunk at the moment."""
        parents: dict[int, int] = {}
        running = set()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                stat = (path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                parents[int(path.name)] = int(stat[1])
                if (path / "cmdline").read_bytes().startswith(b"ray::penstock"):
                    running.add(int(path.name))
        return {pid for pid in running if parents.get(parents[pid]) == self._process.pid}

    def stop(self) -> None:
        """End every node."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        finally:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, *words: object) -> Any:  # noqa: ANN401  # JSON
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process of the cluster has ended"
        return json.loads(answer)


def _serve() -> None:
    """Carry out commands until standard input ends."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415, TID251  # only in the process of its own

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray talks a lot
    cluster: Any = Cluster(initialize_head=False)
    port = 0
    nodes: dict[int, Any] = {}
    for line in sys.stdin:
        word, *numbers = json.loads(line)
        answer: object = None
        if word == "start_head":
            chosen = {"gcs_server_port": port} if port else {}
            head = cluster.add_node(
                num_cpus=0, include_dashboard=False, object_store_memory=STORE_BYTES, **chosen
            )
            answer = head.gcs_address
            port = int(head.gcs_address.rpartition(":")[2])
        elif word == "kill_head":
            cluster.remove_node(cluster.head_node, allow_graceful=False)
        elif word == "add_node":
            answer = len(nodes)
            nodes[len(nodes)] = cluster.add_node(
                num_cpus=numbers[0], num_gpus=numbers[1], object_store_memory=STORE_BYTES
            )
        else:
            cluster.remove_node(nodes[numbers[0]], allow_graceful=False)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    cluster.shutdown()


if __name__ == "__main__":
    _serve()
