"""Child processes: how they end, and that none is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    BackendError,
    OperationTimeoutError,
)
from penstock.operations._child import run_child
from penstock.operations.base import Limits
from tests.operations.workspace import FolderWorkspace
from tests.waiting import wait_until


class ImpatientWorkspace(FolderWorkspace):
    """A workspace that is cancelled as soon as a condition holds."""

    condition: Callable[[], bool] = staticmethod(lambda: False)

    def is_cancelled(self) -> bool:
        """Whether the condition holds."""
        return self.condition()


def _python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-S", "-c", code, *arguments]


def _workspace(tmp_path: Path, limits: Limits | None = None) -> ImpatientWorkspace:
    return ImpatientWorkspace(tmp_path, "a.bin", limits=limits)


def _is_alive(process_id: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_child_hands_over_lines_and_keeps_the_tail_of_its_errors(tmp_path: Path) -> None:
    """Standard output arrives line by line; of standard error the last 40 lines are kept."""
    lines: list[str] = []
    code = (
        "import sys\n"
        "for n in range(100): print('line', n); print('error', n, file=sys.stderr)\n"
        "sys.stdout.write('no end'); sys.exit(3)"
    )

    end = run_child(_python(code), _workspace(tmp_path), on_line=lines.append)

    assert lines == [*(f"line {number}" for number in range(100)), "no end"]
    assert end.tail == tuple(f"error {number}" for number in range(60, 100))
    assert (end.exit_code, end.signal_number, end.is_success) == (3, 0, False)


def test_child_with_endless_lines_costs_no_memory(tmp_path: Path) -> None:
    """A line without an end is cut, not collected."""
    code = "import sys; [sys.stderr.write('x' * 100000) for _ in range(300)]"

    end = run_child(_python(code), _workspace(tmp_path))

    assert end.is_success
    assert [len(line) for line in end.tail] == [2000]


def test_child_has_no_input_and_a_bare_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be read from standard input, and secrets do not reach a child."""
    monkeypatch.setenv("PENSTOCK_SECRET_KEY", "secret")
    lines: list[str] = []
    code = "import os, sys; print(repr(sys.stdin.read()), sorted(os.environ), os.getcwd())"

    end = run_child(_python(code), _workspace(tmp_path), on_line=lines.append)

    assert end.is_success
    assert lines[0].startswith("'' ")
    assert "PENSTOCK" not in lines[0]
    assert lines[0].endswith(str((tmp_path / "scratch").resolve()))


def test_child_that_closes_its_pipes_is_waited_for(tmp_path: Path) -> None:
    """A child lives on behind closed pipes until it ends by itself."""
    code = (
        "import os, pathlib; os.close(1); os.close(2); n = sum(range(3000000));"
        "pathlib.Path('done').write_text('x'); os._exit(7)"
    )

    end = run_child(_python(code), _workspace(tmp_path))

    assert end.exit_code == 7
    assert (tmp_path / "scratch" / "done").exists()


def test_child_that_leaves_its_pipes_to_another_does_not_hang(tmp_path: Path) -> None:
    """A grandchild that holds the pipes open is killed with the group."""
    code = (
        "import os, signal, sys\n"
        "if (child := os.fork()) == 0:\n    signal.pause()\n"
        "print(child, flush=True)"
    )
    lines: list[str] = []

    end = run_child(_python(code), _workspace(tmp_path), on_line=lines.append)

    assert end.is_success
    wait_until(lambda: not _is_alive(int(lines[0])), "the grandchild is gone")


def test_child_is_killed_with_its_group_when_cancelled(tmp_path: Path) -> None:
    """Cancelling ends a child and its own children."""
    code = (
        "import os, signal\n"
        "child = os.fork()\n"
        "if child: print(os.getpid(), child, flush=True)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True: signal.pause()"
    )
    lines: list[str] = []
    workspace = _workspace(tmp_path)
    workspace.condition = lambda: bool(lines)

    with pytest.raises(AttemptCancelledError):
        run_child(_python(code), workspace, on_line=lines.append)

    for process_id in map(int, lines[0].split()):
        wait_until(lambda found=process_id: not _is_alive(found), "the group is gone")  # type: ignore[misc]


def test_child_is_killed_after_its_wall_clock(tmp_path: Path) -> None:
    """A child that only waits is stopped at the time limit."""
    workspace = _workspace(tmp_path, Limits(seconds=0.3))

    with pytest.raises(OperationTimeoutError, match=r"0\.3 s"):
        run_child(_python("import signal; signal.pause()"), workspace)


def test_child_is_stopped_by_the_limit_on_file_size(tmp_path: Path) -> None:
    """A child that writes too large a file ends, and the end says why."""
    workspace = _workspace(tmp_path, Limits(output_bytes=100_000))
    code = "import signal; signal.signal(25, 0); open('big', 'wb', 0).write(bytes(200_000))"
    code = f"{code}; open('big', 'ab', 0).write(b'x')"

    end = run_child(_python(code), workspace)

    assert end.is_over_size
    assert not end.is_success
    assert (workspace.scratch / "big").stat().st_size == 100_000


def test_child_is_stopped_by_the_limit_on_processor_time(tmp_path: Path) -> None:
    """The kernel ends a child that spins longer than its limit, and the end says why."""
    code = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"

    end = run_child(_python(code), _workspace(tmp_path))

    assert end.is_over_time or end.signal_number == signal.SIGKILL


def test_child_gets_processor_time_by_the_wall_clock(tmp_path: Path) -> None:
    """The limit on processor time is the wall clock's, for each thread."""
    lines: list[str] = []
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[0])"

    run_child(
        _python(code), _workspace(tmp_path, Limits(seconds=30, threads=2)), on_line=lines.append
    )

    assert lines == ["60"]


def test_child_is_bounded_in_memory(tmp_path: Path) -> None:
    """A child cannot take more address space than its limit."""
    workspace = _workspace(tmp_path, Limits(memory_bytes=300 << 20))

    end = run_child(_python("bytearray(400 << 20)"), workspace)

    assert end.exit_code == 1
    assert end.tail[-1] == "MemoryError"


def test_child_that_cannot_start_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    """A missing program is retryable and named without its path."""
    with pytest.raises(BackendError, match=r"cannot start no-such-program$"):
        run_child(["/nowhere/no-such-program"], _workspace(tmp_path))


def test_child_dies_with_its_parent(tmp_path: Path) -> None:
    """A worker killed with SIGKILL takes the child with it."""
    code = """
import sys
from pathlib import Path
from penstock.operations._child import run_child
from tests.operations.workspace import FolderWorkspace
child = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
workspace = FolderWorkspace(Path(sys.argv[1]), "a")
show = lambda line: print(line, flush=True)
run_child([sys.executable, "-S", "-c", child], workspace, on_line=show)
"""
    root = Path(__file__).parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with worker:
        assert worker.stdout is not None
        process_id = int(worker.stdout.readline())
        assert _is_alive(process_id)
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not _is_alive(process_id), "the child is gone")
