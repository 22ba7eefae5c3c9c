"""Random histories of chunks: the model is that every object is in exactly one piece, always."""

from itertools import count

import hypothesis.strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from penstock.domain.chunks import Chunk
from penstock.domain.planning import unpack_objects
from penstock.domain.states import ChunkState
from penstock.state import chunks
from penstock.state.database import Database
from tests.factories import make_id, make_job, make_objects
from tests.state.stored import chunk_of, lease, plan, release, seal, store_job

_numbers = count(1)


class ChunkMachine(RuleBasedStateMachine):
    """One job whose chunks are leased, cut, sealed and lost in any order."""

    held = Bundle("held")

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.sizes: dict[int, int] = {}
        self.alive: set[tuple[int, int]] = set()

    @initialize(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=3))
    def begin(self, sizes: list[int]) -> None:
        """A new job with a plan."""
        self.job = store_job(self.database, make_job(id=make_id("b", next(_numbers))))
        self.add(sizes)

    @rule(size=st.integers(1, 12))
    def plan_more(self, size: int) -> None:
        """The expander goes on while chunks run."""
        self.add([size])

    @rule(target=held, most=st.integers(1, 8))
    def lease(self, most: int) -> Chunk | None:
        """A worker takes the next chunk."""
        chunk = lease(self.database, self.job, most_objects=most)
        if chunk is not None:
            assert chunk.size <= most * 1.5
            self.alive.add((chunk.number, chunk.epoch))
        return chunk

    @rule(chunk=consumes(held), share=st.floats(0, 1))
    def seal(self, chunk: Chunk | None, share: float) -> None:
        """A worker ends, with all of its chunk or a first part."""
        if chunk is not None:
            done = max(1, int(chunk.size * share))
            self.expect(chunk, won=seal(self.database, chunk, done=done))

    @rule(chunk=consumes(held), is_cut=st.booleans())
    def release(self, chunk: Chunk | None, *, is_cut: bool) -> None:
        """A worker dies, or gives its chunk back."""
        if chunk is not None:
            won = release(self.database, chunk, is_attempt=is_cut, is_cut=is_cut)
            self.expect(chunk, won=won)

    @rule()
    def crash(self) -> None:
        """The engine dies; another takes back what it had leased. Old holders live on."""
        with self.database.write() as transaction:
            chunks.release_leased_chunks(transaction, self.job.number)
        self.alive.clear()

    @invariant()
    def covers(self) -> None:
        """Every object is in exactly one piece, at the address it was planned at."""
        for origin, size in self.sizes.items():
            pieces = {}
            for index in range(size):
                piece = chunk_of(self.database, self.job, origin, index)
                assert piece is not None
                assert piece.start <= index < piece.start + piece.size
                pieces[piece.number] = piece
            assert sum(piece.size for piece in pieces.values()) == size

    def teardown(self) -> None:
        """Whatever happened: what is left can be run to the end, each object once."""
        if not self.sizes:
            return
        with self.database.write() as transaction:
            chunks.release_leased_chunks(transaction, self.job.number)
        while (chunk := lease(self.database, self.job, most_objects=3)) is not None:
            assert seal(self.database, chunk, done=max(1, chunk.size - 1))
        first = 0
        for origin, size in self.sizes.items():
            for index in range(size):
                piece = chunk_of(self.database, self.job, origin, index)
                assert piece is not None
                assert piece.state is ChunkState.SEALED
            with self.database.read() as transaction:
                packed = chunks.packed_objects(transaction, self.job.number, origin)
            assert unpack_objects(packed) == make_objects(size, first)
            first += size

    def add(self, sizes: list[int]) -> None:
        """Plan chunks behind those that are there."""
        numbers = plan(self.database, self.job, *sizes, first=sum(self.sizes.values()))
        self.sizes.update(zip(numbers, sizes, strict=True))

    def expect(self, chunk: Chunk, *, won: bool) -> None:
        """A holder wins exactly once, and never after its lease was taken back."""
        place = (chunk.number, chunk.epoch)
        assert won == (place in self.alive)
        self.alive.discard(place)
