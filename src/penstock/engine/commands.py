"""What an executor and its worker processes tell each other, pickled over a pipe.

In a module of its own: what a worker process runs is called `__main__` there, and a class of that
module would not be the one that the executor's messages name.
"""

from dataclasses import dataclass

from penstock.domain.chunks import Chunk
from penstock.engine.executor import CutShort
from penstock.engine.runner import Assignment, ChunkOutcome


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Tells a worker to give up what it does for a job under one claim."""

    job: int
    epoch: int


@dataclass(frozen=True, slots=True)
class CutChunk:
    """Tells a worker to end a chunk behind its present object; it answers where by `CutShort`."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Drain:
    """Tells a worker to stop behind its present object and take no more."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Tells the executor that a worker has started and runs what it is handed."""


Command = Assignment | CancelJob | CutChunk | Drain
Answer = Ready | ChunkOutcome | CutShort | float
"""An outcome, or the share of the present chunk that is done."""
