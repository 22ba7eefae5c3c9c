"""Puts a planner process together: what opens the inputs of jobs."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from penstock.bootstrap.logs import configure_logs
from penstock.domain.jobs import InputKind, Job
from penstock.settings import Settings
from penstock.storage.opening import open_store
from penstock.storage.sources import (
    ListingSource,
    ManifestSource,
    ObjectSource,
    Source,
    UrlListSource,
    resolve_key,
)


def planner_argument(settings: Settings, scratch: Path) -> str:
    """What `make_opener` is told."""
    return json.dumps(
        {
            "scratch": str(scratch),
            "max_lines": settings.url_file_lines,
            "max_bytes": settings.url_file_bytes,
            "log_level": settings.log_level,
        }
    )


def make_opener(argument: str) -> Callable[[Job], Source]:
    """Make what opens the objects that a job's input names; of a planner process."""
    facts = json.loads(argument)
    configure_logs(facts["log_level"])
    store_of = cache(open_store)

    def open_source(job: Job) -> Source:
        store = store_of(job.buckets[job.bucket])
        names = _names_of(job)
        value = job.input.value
        match job.input.kind:
            case InputKind.PREFIX:
                return ListingSource(store, value)
            case InputKind.OBJECT:
                return ObjectSource(store, value, with_facts=True)
            case InputKind.URL_FILE:
                return UrlListSource(
                    store,
                    resolve_key(value, names),
                    bucket_names=names,
                    max_lines=facts["max_lines"],
                    max_bytes=facts["max_bytes"],
                )
            case InputKind.MANIFEST:
                return ManifestSource(
                    store,
                    resolve_key(value, names),
                    bucket_names=names,
                    scratch=Path(facts["scratch"]),
                )

    return open_source


def _names_of(job: Job) -> set[str]:
    """Every name that a job's bucket has: its own, without appid, and its store's."""
    url = job.buckets[job.bucket]
    names = {job.bucket, job.bucket.rpartition("-")[0] or job.bucket}
    if url.startswith("s3://"):
        names.add(url.removeprefix("s3://").partition("?")[0].partition("/")[0])
    return names
