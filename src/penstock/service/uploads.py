"""Starts Active workflows for objects that come in through the object calls.

Only those calls come here. What an engine publishes goes to the store directly, so a workflow
that writes below its own prefix never starts itself.

A start is recorded before the upload is answered, so that a client that was told of success can
rely on it. It is recorded in a thread of its own: a database that is slow, or fails, makes an
upload neither wait longer than a moment nor fail.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog

from penstock.domain.errors import PenstockError
from penstock.domain.selection import ObjectInfo
from penstock.domain.start_nodes import takes_upload
from penstock.domain.trees import Tree, child
from penstock.domain.workflows import START, Workflow
from penstock.service.buckets import BINDING
from penstock.state import services, workflows
from penstock.state.database import Database

LONGEST_WAIT_SECONDS = 1.0
_MEDIA = "media"

_log = structlog.get_logger()

StartStored = Callable[[str, str, ObjectInfo], object]
"""Runs an object of a bucket, first, through a workflow by its id, second."""


class UploadTrigger:
    """Finds the workflows that an upload starts, and starts them."""

    def __init__(
        self,
        database: Database,
        start: StartStored,
        *,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> None:
        """Take what it needs.

        Args:
            longest_wait_seconds: How long an upload waits for the record of its starts, which
                goes on in any case.
        """
        self._database = database
        self._start = start
        self._longest_wait_seconds = longest_wait_seconds
        self._recorder = ThreadPoolExecutor(1, thread_name_prefix="upload-trigger")

    def __call__(self, bucket: str, stored: ObjectInfo) -> None:
        """Start every workflow that an upload matches; what goes wrong is logged."""
        try:
            matching = self._matching(bucket, stored)
        except PenstockError as error:
            _log.warning("upload_not_matched", bucket=bucket, code=error.code, message=str(error))
            return
        if matching:
            recording = self._recorder.submit(self._record, bucket, matching, stored)
            recording.add_done_callback(_log_crash)
            wait([recording], timeout=self._longest_wait_seconds)

    def close(self) -> None:
        """Wait for the starts that are being recorded."""
        self._recorder.shutdown()

    def _matching(self, bucket: str, stored: ObjectInfo) -> list[str]:
        """Ids of the workflows that an upload starts, oldest first."""
        with self._database.read() as transaction:
            active = workflows.active_workflows(transaction, bucket)
            if not active or not {BINDING, _MEDIA} <= services.open_services(transaction, bucket):
                return []
        return [workflow.id for workflow in active if takes_upload(_start_of(workflow), stored)]

    def _record(self, bucket: str, workflow_ids: list[str], stored: ObjectInfo) -> None:
        for workflow_id in workflow_ids:
            try:
                self._start(bucket, workflow_id, stored)
            except PenstockError as error:
                _log.warning(
                    "upload_started_nothing",
                    bucket=bucket,
                    workflow_id=workflow_id,
                    code=error.code,
                    message=str(error),
                )


def _log_crash(recording: Future[None]) -> None:
    error = recording.exception()
    if error is not None:
        _log.error("upload_trigger_crashed", exc_info=error)


def _start_of(workflow: Workflow) -> Tree:
    return child(child(child(workflow.topology, "Nodes"), START), "Input")
