"""Queries of chunks: planned, leased, cut, sealed.

A lease adds one to the epoch; whoever seals or releases names the epoch it was given, so that a
holder that lost its claim changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Row, insert, select, tuple_, update

from penstock.domain.chunks import Chunk
from penstock.domain.states import CHUNK_TABLE, ChunkEvent, ChunkState, move, sources
from penstock.state.database import Transaction
from penstock.state.jobs import take_chunk_numbers
from penstock.state.schema import chunks


class PackedObjects(NamedTuple):
    """The objects of one chunk as they are stored.

    Attributes:
        objects: What `planning.pack_objects` made.
        size: How many objects it holds.
    """

    objects: bytes
    size: int


_COLUMNS = [chunks.c[name] for name in Chunk.__dataclass_fields__]


def insert_chunks(
    transaction: Transaction,
    job: int,
    packed: Sequence[PackedObjects],
    now_ms: int,
    *,
    state: ChunkState = ChunkState.PLANNED,
) -> list[int]:
    """Store new chunks of a job, in order, and return their numbers."""
    if not packed:
        return []
    first = take_chunk_numbers(transaction, job, len(packed))
    numbers = list(range(first, first + len(packed)))
    ended_ms = now_ms if state is ChunkState.SEALED else None
    rows = [
        {
            "job": job,
            "number": number,
            "origin": number,
            "start": 0,
            "size": size,
            "objects": objects,
            "state": str(state),
            "planned_ms": now_ms,
            "ended_ms": ended_ms,
        }
        for number, (objects, size) in zip(numbers, packed, strict=True)
    ]
    transaction.execute(insert(chunks), rows)
    return numbers


def lease_next_chunk(
    transaction: Transaction, job: int, *, most_objects: int, now_ms: int
) -> Chunk | None:
    """Claim the next planned chunk of a job; a longer one is cut, and its rest stays planned."""
    row = transaction.execute(
        select(*_COLUMNS)
        .where(*_open(job, ChunkState.PLANNED))
        .order_by(chunks.c.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    chunk = _chunk(row)
    size = chunk.size
    if size > most_objects * 1.5:  # a little too long is cheaper than one chunk more
        size = most_objects
        _insert_piece(transaction, chunk, chunk.start + size, chunk.size - size)
    changed = {
        "state": str(move(CHUNK_TABLE, chunk.state, ChunkEvent.LEASE)),
        "epoch": chunk.epoch + 1,
        "attempts": chunk.attempts + 1,
        "leased_ms": now_ms,
        "size": size,
        "progress": 0.0,
    }
    transaction.execute(
        update(chunks).where(chunks.c.job == job, chunks.c.number == chunk.number).values(changed)
    )
    return _chunk(row, **{**changed, "state": ChunkState.LEASED})


def count_last_objects(transaction: Transaction, job: int, *, most_chunks: int) -> int | None:
    """How many objects of a job are planned and not at work; None for more chunks than that."""
    sizes = transaction.execute(
        select(chunks.c.size)
        .where(*_open(job, ChunkState.PLANNED))
        .order_by(chunks.c.number)
        .limit(most_chunks + 1)
    ).scalars()
    found = list(sizes)
    return None if len(found) > most_chunks else sum(found)


def packed_objects(transaction: Transaction, job: int, origin: int) -> bytes:
    """The packed objects of an origin chunk."""
    packed = transaction.execute(
        select(chunks.c.objects).where(chunks.c.job == job, chunks.c.number == origin)
    ).scalar_one()
    return bytes(packed)


def seal_chunk_if_leased(
    transaction: Transaction, chunk: Chunk, *, done: int, seconds: float, now_ms: int
) -> bool:
    """Close a leased chunk; False when the lease was lost, and then nothing is changed.

    Args:
        done: How many of its objects, from the first on, were taken to an end; at least one. The
            rest becomes a planned chunk of its own.
        seconds: Working time.
    """
    won = transaction.execute(
        update(chunks)
        .where(*_held(chunk))
        .values(
            state=str(ChunkState.SEALED), size=done, ended_ms=now_ms, seconds=seconds, progress=1.0
        )
    ).rowcount
    if won and done < chunk.size:
        _insert_piece(transaction, chunk, chunk.start + done, chunk.size - done)
    return bool(won)


def cut_chunk_if_leased(transaction: Transaction, chunk: Chunk, size: int) -> Chunk | None:
    """Make a leased chunk end behind `size` objects; None when the lease was lost.

    The rest becomes a planned chunk of its own.
    """
    won = transaction.execute(update(chunks).where(*_held(chunk)).values(size=size)).rowcount
    if not won:
        return None
    _insert_piece(transaction, chunk, chunk.start + size, chunk.size - size)
    return replace(chunk, size=size)


def release_chunk_if_leased(
    transaction: Transaction, chunk: Chunk, *, is_attempt: bool, is_cut: bool = False
) -> bool:
    """Give a leased chunk back to the planned ones; False when the lease was lost.

    Args:
        is_attempt: Whether this lease counts as an attempt (its worker died) or was given back.
        is_cut: Cut it in half, so that what killed its worker comes to stand alone.
    """
    half = (chunk.size + 1) // 2 if is_cut else chunk.size
    won = transaction.execute(
        update(chunks)
        .where(*_held(chunk))
        .values(
            state=str(ChunkState.PLANNED),
            size=half,
            attempts=chunks.c.attempts - (0 if is_attempt else 1),
        )
    ).rowcount
    if won and half < chunk.size:
        _insert_piece(transaction, chunk, chunk.start + half, chunk.size - half)
    return bool(won)


def release_leased_chunks(transaction: Transaction, job: int) -> int:
    """Give back every leased chunk of a job whose engine is gone; how many objects they hold."""
    released = (
        update(chunks)
        .where(*_open(job, ChunkState.LEASED))
        .values(state=str(ChunkState.PLANNED), attempts=chunks.c.attempts - 1)
    )
    return sum(transaction.scalars(released.returning(chunks.c.size)))


def cancel_planned_chunks(transaction: Transaction, job: int, now_ms: int) -> int:
    """Close every planned chunk of a job unrun; how many objects they hold."""
    cancelled = (
        update(chunks)
        .where(*_open(job, ChunkState.PLANNED))
        .values(state=str(ChunkState.CANCELLED), ended_ms=now_ms)
    )
    return sum(transaction.scalars(cancelled.returning(chunks.c.size)))


def save_progress(transaction: Transaction, chunk: Chunk, progress: float) -> None:
    """Keep how far a running chunk is."""
    transaction.execute(update(chunks).where(*_held(chunk)).values(progress=progress))


def find_chunk_of(transaction: Transaction, job: int, origin: int, index: int) -> Chunk | None:
    """The chunk, whole or cut, to which object `index` of an origin belongs now."""
    row = transaction.execute(
        select(*_COLUMNS)
        .where(chunks.c.job == job, chunks.c.origin == origin, chunks.c.start <= index)
        .order_by(chunks.c.start.desc())
        .limit(1)
    ).first()
    chunk = None if row is None else _chunk(row)
    return chunk if chunk is not None and index < chunk.start + chunk.size else None


def unsealed_chunks(
    transaction: Transaction,
    job: int,
    *,
    is_ascending: bool,
    beyond: int | None = None,
    page: int = 100,
) -> Iterator[Chunk]:
    """Chunks whose executions are not recorded, streamed in the order of their addresses.

    Args:
        beyond: Begin with this origin; None for the beginning.
    """
    last: tuple[int, int] | None = None
    while True:
        rows = transaction.execute(
            _unsealed_page(job, is_ascending=is_ascending, beyond=beyond, last=last).limit(page)
        ).all()
        for row in rows:
            yield _chunk(row)
        if len(rows) < page:
            return
        last = (rows[-1].origin, rows[-1].start)


def _unsealed_page(
    job: int, *, is_ascending: bool, beyond: int | None, last: tuple[int, int] | None
) -> Any:  # noqa: ANN401  # a SQLAlchemy select of many columns
    order = (chunks.c.origin, chunks.c.start)
    page = select(*_COLUMNS).where(chunks.c.job == job, chunks.c.state != str(ChunkState.SEALED))
    if beyond is not None:
        page = page.where(chunks.c.origin >= beyond if is_ascending else chunks.c.origin <= beyond)
    if last is not None:
        place = tuple_(*order)
        page = page.where(place > last if is_ascending else place < last)
    return page.order_by(*(order if is_ascending else [column.desc() for column in order]))


def _insert_piece(transaction: Transaction, chunk: Chunk, start: int, size: int) -> None:
    number = take_chunk_numbers(transaction, chunk.job, 1)
    transaction.execute(
        insert(chunks).values(
            job=chunk.job,
            number=number,
            origin=chunk.origin,
            start=start,
            size=size,
            state=str(ChunkState.PLANNED),
            planned_ms=chunk.planned_ms,
        )
    )


def _open(job: int, state: ChunkState) -> list[Any]:
    """Chunks of a job in a state that is not final, in words that the index of them answers."""
    return [chunks.c.job == job, chunks.c.state == str(state), chunks.c.ended_ms.is_(None)]


def _held(chunk: Chunk) -> list[Any]:
    return [
        chunks.c.job == chunk.job,
        chunks.c.number == chunk.number,
        chunks.c.epoch == chunk.epoch,
        chunks.c.state.in_(_words(ChunkEvent.SEAL)),
    ]


def _words(event: ChunkEvent) -> list[str]:
    return [str(state) for state in sources(CHUNK_TABLE, event)]


def _chunk(row: Row[Any], **changed: Any) -> Chunk:  # noqa: ANN401  # rows become records
    values = {**dict(zip(Chunk.__dataclass_fields__, row, strict=True)), **changed}
    return Chunk(**{**values, "state": ChunkState(values["state"])})
