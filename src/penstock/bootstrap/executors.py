"""Makes what runs chunks: worker processes of this machine, or tasks of a Ray cluster."""

import json
from pathlib import Path

from penstock.domain.errors import InvalidArgumentError
from penstock.engine.executor import Executor
from penstock.engine.executor_local import LocalExecutor
from penstock.engine.executor_ray import RayExecutor, RayOptions
from penstock.operations.base import Limits, Needs
from penstock.operations.registry import is_known
from penstock.settings import Settings


def make_executor(settings: Settings, scratch: Path, *, single_workers: int = 0) -> Executor:
    """Start the workers, or begin to join the cluster.

    Args:
        scratch: Folder for scratch space on this machine.
        single_workers: How many more workers of this machine take single triggers only; a
            cluster has room for these without.

    Raises:
        InvalidArgumentError: The settings ask for what is not there.
    """
    if settings.engine == "ray":
        return _ray_executor(settings, scratch)
    return LocalExecutor(
        workers=settings.worker_count,
        single_workers=single_workers,
        factory="penstock.bootstrap.worker:make_runner",
        argument=_argument(settings, str(scratch), threads=1),
    )


def _ray_executor(settings: Settings, scratch: Path) -> RayExecutor:
    if unknown := sorted(tag for tag in settings.ray_needs if not is_known(tag)):
        raise InvalidArgumentError(
            *(f"ray_needs: there is no operation {tag!r}" for tag in unknown)
        )
    folder = settings.ray_scratch if settings.ray_address else str(scratch)
    return RayExecutor(
        RayOptions(
            address=settings.ray_address,
            cpus=settings.worker_count,
            places=settings.ray_places,
            needs={
                tag: Needs(cpus=set_.cpus, gpus=set_.gpus, memory_bytes=set_.memory_bytes)
                for tag, set_ in settings.ray_needs.items()
            },
        ),
        factory="penstock.bootstrap.worker:make_node_runner",
        argument=lambda threads: _argument(settings, folder, threads=threads),
    )


def _argument(settings: Settings, scratch: str, *, threads: int) -> str:
    """What a worker process is told; see `bootstrap.worker`."""
    limits = Limits(
        seconds=settings.object_seconds,
        memory_bytes=settings.child_memory_bytes,
        output_bytes=settings.output_bytes,
        pixels=settings.pixels,
        threads=threads,
    )
    return json.dumps(
        {
            "scratch": scratch,
            "limits": limits._asdict(),
            "log_level": settings.log_level,
            "functions": {
                "urls": settings.functions,
                "allow": settings.function_allow,
                "seconds": settings.function_seconds,
                "secret": settings.callback_secret,
                "region": settings.region,
            },
        }
    )
