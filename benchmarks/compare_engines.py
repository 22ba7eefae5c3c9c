"""Penstock's control plane beside task queues and schedulers that do one no-op an object.

Run by hand; see README.md. It installs what it compares with into an environment of its own.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from statistics import median

PACKAGES = (
    "celery==5.7.0",
    "dramatiq==2.2.1",
    "huey==3.5.4",
    "dbos==3.4.0",
    "dask==2026.8.0",
    "distributed==2026.8.0",
    "ray==2.60.0",
    "redis==8.1.0",
)
DURABLE_WITH = {
    "celery": "Redis, its log synced as --redis-sync says; results in Redis",
    "dramatiq": "Redis, its log synced as --redis-sync says; results in Redis",
    "huey": "SQLite, synced at every write",
    "dbos": "SQLite, a workflow an object",
    "dask": "nothing: tasks and results live in memory",
    "ray": "nothing: tasks and results live in memory",
}
NEEDS_REDIS = {"celery", "dramatiq"}
BOX_SECONDS = 60.0
WORKERS = 2
PENSTOCK_FACTOR = 50
SYNCS = 200

Count = Callable[[], int]


def main() -> None:
    """Install, measure each engine, then Penstock, and print the ratios."""
    options = _options()
    os.environ["COMPARE_REDIS_SYNC"] = options.redis_sync  # for the processes below
    if options.run:
        _print_measured(options.run, options.tasks, options.folder)
        return
    with tempfile.TemporaryDirectory(prefix="compare-engines-") as temporary:
        folder = options.environment or Path(temporary) / "environment"
        python = _install(folder)
        ratios: dict[str, list[float]] = {engine: [] for engine in options.engines}
        for turn in range(options.turns):
            found = _take_turn(python, options, Path(temporary) / str(turn))
            for engine, ratio in found.items():
                ratios[engine].append(ratio)
    for engine, some in ratios.items():
        if some:
            extent = f"{min(some):,.0f} to {max(some):,.0f}"
            _say(f"Penstock / {engine}", f"{median(some):,.0f} ({extent} in {len(some)} turns)")


def _take_turn(python: Path, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Penstock's rate divided by that of each engine that could be run."""
    folder.mkdir()
    _say("sync of the disk", f"{_sync_ms(folder):.2f} ms")
    rates = {engine: _measure(python, engine, options.tasks, folder) for engine in options.engines}
    objects = options.tasks * PENSTOCK_FACTOR
    ours = _penstock(options.penstock, objects)
    _say("Penstock", f"{ours:,.0f} objects/s, {objects:,} objects")
    return {engine: ours / rate for engine, rate in rates.items() if rate}


def _sync_ms(folder: Path) -> float:
    """What it takes to write one page and have the disk keep it: most of a durable task."""
    with (folder / "synced").open("wb", buffering=0) as file:
        started = time.perf_counter()
        for _ in range(SYNCS):
            file.write(bytes(4096))
            os.fsync(file.fileno())
        return (time.perf_counter() - started) * 1000 / SYNCS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, help="Folder to install into and keep.")
    parser.add_argument("--tasks", type=int, default=2000, help="Tasks of an engine.")
    parser.add_argument("--turns", type=int, default=3, help="How often all are measured.")
    parser.add_argument("--penstock", default="penstock", help="The program to compare.")
    parser.add_argument("--engines", nargs="+", choices=DURABLE_WITH, default=[*DURABLE_WITH])
    parser.add_argument(
        "--redis-sync",
        choices=("always", "everysec"),
        default="always",
        help="When Redis syncs its log; everysec may lose the last second when power fails.",
    )
    parser.add_argument("--run", choices=DURABLE_WITH, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _install(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *PACKAGES], check=True)
    return python


def _measure(python: Path, engine: str, tasks: int, temporary: Path) -> float:
    """Tasks a second of one engine, in a process of its own; 0 where it could not be run."""
    if engine in NEEDS_REDIS and shutil.which("redis-server") is None:
        _say(engine, "skipped: there is no redis-server")
        return 0.0
    folder = temporary / engine
    folder.mkdir()
    command = [python, __file__, "--run", engine, "--tasks", str(tasks), "--folder", folder]
    command += ["--redis-sync", os.environ["COMPARE_REDIS_SYNC"]]
    try:
        done = subprocess.run(command, capture_output=True, timeout=BOX_SECONDS * 3, check=False)
    except subprocess.TimeoutExpired:
        _say(engine, "skipped: it did not end in time")
        return 0.0
    if done.returncode:
        _say(engine, f"skipped: it failed ({done.stderr.decode(errors='replace')[-400:]})")
        return 0.0
    found = json.loads(done.stdout.splitlines()[-1])
    rate: float = found["tasks"] / found["seconds"]
    what = f"{rate:,.0f} tasks/s, {found['tasks']:,} tasks in {found['seconds']:.1f} s"
    _say(engine, f"{what}; durable with {DURABLE_WITH[engine]}")
    return rate


def _penstock(program: str, objects: int) -> float:
    command = [program, "bench", "control-plane", "--workers", str(WORKERS)]
    shown = subprocess.check_output([*command, "--objects", str(objects)], text=True)
    line = next(line for line in shown.splitlines() if line.startswith("job "))
    return float(line.split()[1].replace(",", ""))


def _say(name: str, what: str) -> None:
    print(f"{name:24}{what}", flush=True)


# What follows runs in the environment of the engines.


def _print_measured(engine: str, tasks: int, folder: Path) -> None:
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    measured, seconds = RUNS[engine](tasks, folder)
    print(json.dumps({"tasks": measured, "seconds": seconds}), flush=True)
    os._exit(0)  # some engines keep threads that nothing ends


def _wait(count: Count, tasks: int, started: float) -> tuple[int, float]:
    """How many were done by when: all of them, or as many as the time box allowed."""
    done = count()
    while done < tasks and time.perf_counter() - started < BOX_SECONDS:
        time.sleep(0.02)
        done = count()
    return done, time.perf_counter() - started


def _redis(folder: Path, *, is_durable: bool) -> "tuple[subprocess.Popen[bytes], int]":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = ["--appendonly", "yes", "--appendfsync", os.environ["COMPARE_REDIS_SYNC"]]
    how = [*(log if is_durable else ["--save", ""]), "--dir", str(folder)]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", *how]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.05)
    raise RuntimeError("redis-server does not answer")


def _run_queue(module: str, worker: list[str], tasks: int, folder: Path) -> tuple[int, float]:
    """A queue on Redis: enqueue all tasks and wait until the workers have counted them."""
    import redis

    server, port = _redis(folder, is_durable=True)
    counting, counting_port = _redis(folder, is_durable=False)  # counting costs the queue no sync
    text = module.replace("COUNTER", f"redis://127.0.0.1:{counting_port}/0")
    (folder / "queued.py").write_text(text.replace("ADDRESS", f"redis://127.0.0.1:{port}"))
    log = (folder / "worker.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", *worker], stdout=log, stderr=log)
    try:
        client = redis.Redis(port=counting_port)
        import queued

        queued.start(1)
        deadline = time.perf_counter() + BOX_SECONDS
        while not int(client.get("done") or 0):  # the workers are up when it is 1
            if time.perf_counter() > deadline:
                raise RuntimeError((folder / "worker.log").read_text()[-300:])
            time.sleep(0.05)
        started = time.perf_counter()
        queued.start(tasks)
        return _wait(lambda: int(client.get("done") or 0) - 1, tasks, started)
    finally:
        process.terminate()
        process.wait(20)
        for one in (server, counting):
            one.terminate()
            one.wait(20)


_CELERY = """
import redis
from celery import Celery
app = Celery("queued", broker="ADDRESS/0", backend="ADDRESS/0")
app.conf.update(task_acks_late=True)
counter = redis.Redis.from_url("COUNTER")

@app.task
def nothing(number):
    counter.incr("done")

def start(tasks):
    for number in range(tasks):
        nothing.delay(number)
"""
_DRAMATIQ = """
import dramatiq, redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
broker = RedisBroker(url="ADDRESS/0")
broker.add_middleware(Results(backend=RedisBackend(url="ADDRESS/0")))
dramatiq.set_broker(broker)
counter = redis.Redis.from_url("COUNTER")

@dramatiq.actor(store_results=True)
def nothing(number):
    counter.incr("done")
    return number

def start(tasks):
    for number in range(tasks):
        nothing.send(number)
"""


def _celery(tasks: int, folder: Path) -> tuple[int, float]:
    worker = ["celery", "-A", "queued", "worker", "-c", str(WORKERS), "-l", "ERROR"]
    return _run_queue(_CELERY, worker, tasks, folder)


def _dramatiq(tasks: int, folder: Path) -> tuple[int, float]:
    worker = ["dramatiq", "queued", "-p", str(WORKERS), "-t", "1"]
    return _run_queue(_DRAMATIQ, worker, tasks, folder)


def _huey(tasks: int, folder: Path) -> tuple[int, float]:
    (folder / "queued.py").write_text(
        "from huey import SqliteHuey\n"
        f"huey = SqliteHuey(filename={str(folder / 'huey.db')!r}, fsync=True)\n"
        "@huey.task()\n"
        "def nothing(number):\n"
        "    return number\n"
    )
    import queued

    consumer = [sys.executable, "-m", "huey.bin.huey_consumer", "queued.huey"]
    log = (folder / "worker.log").open("wb")
    process = subprocess.Popen(
        [*consumer, "-k", "process", "-w", str(WORKERS), "-d", "0.01", "-m", "0.1"],
        stdout=log,
        stderr=log,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    try:
        queued.nothing(0).get(blocking=True, timeout=BOX_SECONDS)
        started = time.perf_counter()
        for number in range(tasks):
            queued.nothing(number)
        return _wait(queued.huey.result_count, tasks, started)
    finally:
        process.terminate()
        process.wait(20)


def _dbos(tasks: int, folder: Path) -> tuple[int, float]:
    from dbos import DBOS

    DBOS(
        config={
            "name": "compare",
            "system_database_url": f"sqlite:///{folder / 'dbos.db'}",
            "log_level": "ERROR",
        }
    )

    @DBOS.workflow()
    def nothing(number: int) -> int:
        return number

    DBOS.launch()
    DBOS.start_workflow(nothing, 0).get_result()
    started = time.perf_counter()
    done = 0
    handles = []
    for number in range(tasks):
        handles.append(DBOS.start_workflow(nothing, number))
        if time.perf_counter() - started > BOX_SECONDS:
            break
    for handle in handles:
        handle.get_result()
        done += 1
    return done, time.perf_counter() - started


def _dask(tasks: int, _folder: Path) -> tuple[int, float]:
    from distributed import Client

    client = Client(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)
    client.submit(_nothing, -1).result()
    started = time.perf_counter()
    client.gather(client.map(_nothing, range(tasks), pure=False))
    taken = time.perf_counter() - started
    client.shutdown()
    return tasks, taken


def _ray(tasks: int, _folder: Path) -> tuple[int, float]:
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(_nothing)
    ray.get([remote.remote(number) for number in range(100)])
    started = time.perf_counter()
    ray.get([remote.remote(number) for number in range(tasks)])
    taken = time.perf_counter() - started
    ray.shutdown()
    return tasks, taken


def _nothing(number: int) -> int:
    return number


RUNS = {
    "celery": _celery,
    "dramatiq": _dramatiq,
    "huey": _huey,
    "dbos": _dbos,
    "dask": _dask,
    "ray": _ray,
}

if __name__ == "__main__":
    main()
