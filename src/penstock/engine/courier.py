"""Delivers callbacks out of the outbox: at least once, in order within an execution.

What is sent was leased before, so that couriers of several engines on one database do not send
the same event side by side; what became of it is written down after. One that dies in between
leaves events whose leases run out, and they are sent again.

No target holds up another: one may use half of the connections, and one that did not answer
lately a single connection, until it does.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import structlog

from penstock.domain.callbacks import Event
from penstock.domain.errors import BackendError
from penstock.domain.states import DeliveryEvent
from penstock.engine.letters import LetterWriter
from penstock.engine.sender import TOTAL_SECONDS, Reply, Sender
from penstock.state import events
from penstock.state.database import Database, Transaction
from penstock.state.events import target_of
from penstock.wire.callbacks import sign_body

POLL_SECONDS = 0.5
LEASE_MS = 30_000  # longer than the longest try
SWEEP_MS = 60_000
SWEPT_AT_ONCE = 1000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How deliveries are made.

    Attributes:
        first_pause_seconds: Pause behind the first failed try; it doubles with each.
        longest_pause_seconds: Where it stops doubling.
        expire_seconds: Age at which an event is given up, once it has been tried then.
        keep_seconds: How long events that have ended are kept.
        connections: Most tries at once.
        secret: What bodies are signed with; empty for no signature.
    """

    first_pause_seconds: float = 5.0
    longest_pause_seconds: float = 3600.0
    expire_seconds: float = 86400.0
    keep_seconds: float = 604800.0
    connections: int = 16
    secret: str = ""

    def pause_seconds(self, attempts: int, jitter: float) -> float:
        """The pause behind a failed try: shortened by up to a half, so that retries spread.

        Args:
            attempts: Tries so far; at least 1.
            jitter: A random number from 0 to 1.
        """
        doubled = self.first_pause_seconds * 2.0 ** min(attempts - 1, 64)
        return min(doubled, self.longest_pause_seconds) * (1.0 - jitter / 2)


class Courier:
    """Delivers events. One thread runs it; `stop` may come from another."""

    def __init__(
        self,
        database: Database,
        writer: LetterWriter,
        sender: Sender,
        policy: DeliveryPolicy,
        *,
        now_ms: Callable[[], int],
        jitter: Callable[[], float],
    ) -> None:
        """Take what it needs.

        Args:
            jitter: A random number from 0 to 1.
        """
        self._database = database
        self._writer = writer
        self._sender = sender
        self._policy = policy
        self._now_ms = now_ms
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(policy.connections, thread_name_prefix="courier")
        self._under_way: dict[Future[Reply], Event] = {}
        self._silent: set[str] = set()
        self._refused: set[str] = set()
        self._swept_ms = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        """Deliver until `stop`, then let what is under way come to its end."""
        while not self._stopping.is_set():
            try:
                self._sweep()
                self._turn(is_open=True)
            except BackendError as error:
                _log.exception("database_failed", error=str(error))
                self._stopping.wait(1.0)
            self._wait(POLL_SECONDS)
        self.close()

    def stop(self) -> None:
        """Have `run` come to its end; safe from any thread."""
        self._stopping.set()

    def deliver_due(self) -> int:
        """Deliver everything that is due at this moment; how many tries that took. Blocks."""
        tries = self._turn(is_open=True)
        while self._under_way:
            wait(self._under_way)
            tries += self._turn(is_open=True)
        return tries

    def close(self) -> None:
        """Wait for what is under way, write down what became of it, and end the threads."""
        wait(self._under_way, timeout=TOTAL_SECONDS + 1.0)
        try:
            self._turn(is_open=False)
        except BackendError as error:
            _log.exception("database_failed", error=str(error))
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _wait(self, seconds: float) -> None:
        if self._under_way:
            wait(self._under_way, timeout=seconds, return_when=FIRST_COMPLETED)
        else:
            self._stopping.wait(seconds)

    def _turn(self, *, is_open: bool) -> int:
        """Write down what has ended and lease what is due, in one transaction; then send it.

        Returns:
            How many tries were begun.
        """
        ended = {future: one for future, one in self._under_way.items() if future.done()}
        if not ended and not (is_open and self._is_anything_due()):
            return 0
        with self._database.write() as transaction:
            for future, event in ended.items():
                self._write_down(transaction, event, future.result())
            left = [one for future, one in self._under_way.items() if future not in ended]
            leased = self._lease(transaction, left) if is_open else []
        for future in ended:
            del self._under_way[future]
        for event in leased:
            self._under_way[self._pool.submit(self._try, event)] = event
        return len(leased)

    # --- what goes out --------------------------------------------------------------------

    def _is_anything_due(self) -> bool:
        under_way = list(self._under_way.values())
        with self._database.read() as transaction:
            targets = events.due_targets(transaction, self._now_ms())
        return any(self._room(target, under_way) for target in targets)

    def _lease(self, transaction: Transaction, under_way: list[Event]) -> list[Event]:
        now_ms = self._now_ms()
        leased: list[Event] = []
        for target in events.due_targets(transaction, now_ms):
            room = self._room(target, [*under_way, *leased])
            if room:
                leased += events.lease_due_events(
                    transaction, target, most=room, now_ms=now_ms, until_ms=now_ms + LEASE_MS
                )
        return leased

    def _room(self, target: str, under_way: list[Event]) -> int:
        """How many more tries at a target may begin."""
        load = Counter(target_of(event.url) for event in under_way)
        share = 1 if target in self._silent else (self._policy.connections + 1) // 2
        return max(min(share - load[target], self._policy.connections - load.total()), 0)

    def _try(self, event: Event) -> Reply:
        """One try, in a thread of the pool; every failure is a reply."""
        try:
            letter = self._writer.write(event)
            if letter is None:
                return Reply(text="what it tells of is recorded no more", is_refused=True)
            headers = {
                "Content-Type": letter.content_type,
                "User-Agent": "penstock",
                "x-penstock-event-id": letter.id,
                "x-penstock-attempt": str(event.attempts),
            }
            if self._policy.secret:
                signature = sign_body(self._policy.secret, self._now_ms(), letter.body)
                headers["x-penstock-signature"] = signature
            return self._sender.send(event.url, headers, letter.body)
        except Exception as error:  # noqa: BLE001  # a thread's end must reach its event
            _log.exception("callback_broke", event_number=event.number)
            return Reply(text=f"InternalError: {type(error).__name__}", is_reached=True)

    # --- what came back -------------------------------------------------------------------

    def _write_down(self, transaction: Transaction, event: Event, reply: Reply) -> None:
        self._note_silence(event, reply)
        now_ms = self._now_ms()
        expires_ms = event.created_ms + int(self._policy.expire_seconds * 1000)
        if reply.is_delivered or reply.is_refused or now_ms >= expires_ms:
            what = DeliveryEvent.DELIVER if reply.is_delivered else DeliveryEvent.EXPIRE
            if what is DeliveryEvent.EXPIRE:
                self._log_end(event, reply)
            events.end_event_if_leased(transaction, event, what, answer=reply.text, now_ms=now_ms)
            return
        pause_ms = int(self._policy.pause_seconds(event.attempts, self._jitter()) * 1000)
        next_try_ms = min(now_ms + pause_ms, expires_ms)
        events.postpone_event_if_leased(
            transaction, event, next_try_ms=next_try_ms, answer=reply.text
        )

    def _note_silence(self, event: Event, reply: Reply) -> None:
        """Remember which targets do not answer."""
        if reply.is_reached:
            self._silent.discard(target_of(event.url))
        elif not reply.is_refused:
            self._silent.add(target_of(event.url))

    def _log_end(self, event: Event, reply: Reply) -> None:
        """Tell of an event that was given up; of a refused target once."""
        target = target_of(event.url)
        if reply.is_refused and target in self._refused:
            return
        if reply.is_refused:
            self._refused.add(target)
        _log.warning(
            "callback_refused" if reply.is_refused else "callback_expired",
            target=target,
            attempts=event.attempts,
            answer=reply.text,
        )

    def _sweep(self) -> None:
        """Remove events that ended long ago, once a minute, and more often while many are old."""
        now_ms = self._now_ms()
        if now_ms - self._swept_ms < SWEEP_MS:
            return
        before_ms = now_ms - int(self._policy.keep_seconds * 1000)
        with self._database.write() as transaction:
            swept = events.delete_ended_events(
                transaction, before_ms=before_ms, most=SWEPT_AT_ONCE
            )
        self._swept_ms = now_ms if swept < SWEPT_AT_ONCE else 0
