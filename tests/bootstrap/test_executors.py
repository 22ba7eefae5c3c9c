import json
import sys
from pathlib import Path

import pytest

from penstock.bootstrap.executors import make_executor
from penstock.bootstrap.worker import make_node_runner
from penstock.domain.errors import InvalidArgumentError
from penstock.engine.executor_local import LocalExecutor
from penstock.operations.base import Limits
from penstock.settings import RayNeeds, read_settings


def test_executor_is_the_worker_processes_of_this_machine(tmp_path: Path) -> None:
    """Without a word about it, chunks run here."""
    executor = make_executor(read_settings(data=tmp_path, workers=1), tmp_path)
    executor.close()

    assert isinstance(executor, LocalExecutor)


def test_executor_ray_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for Ray where there is none, the message has the command that installs it."""
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(InvalidArgumentError, match=r"pip install 'penstock\[ray\]'"):
        make_executor(read_settings(data=tmp_path, engine="ray"), tmp_path)


def test_executor_refuses_needs_of_an_unknown_operation(tmp_path: Path) -> None:
    """A slip in the name of an operation is told, and not passed over."""
    needs = {"Transcod": RayNeeds(cpus=4)}
    settings = read_settings(data=tmp_path, engine="ray", ray_needs=needs)

    with pytest.raises(InvalidArgumentError, match="ray_needs: there is no operation 'Transcod'"):
        make_executor(settings, tmp_path)


def test_node_runner_has_scratch_space_of_its_own(tmp_path: Path) -> None:
    """Each worker process of a node works in a folder that no other uses."""
    argument = json.dumps(
        {
            "scratch": str(tmp_path),
            "limits": Limits()._asdict(),
            "log_level": "warning",
            "functions": {"urls": {}, "allow": "", "seconds": 1.0, "secret": "", "region": "here"},
        }
    )

    for _ in range(2):
        make_node_runner(argument)

    assert len(list(tmp_path.glob("worker-*"))) == 2
