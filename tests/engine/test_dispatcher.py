from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.jobs import Job, JobType
from penstock.engine.dispatcher import Shares, is_held, next_job
from tests.factories import make_id, make_job

QUEUES = ("p1", "p2", "p3")
LIMITS = st.fixed_dictionaries({}, optional=dict.fromkeys(QUEUES, st.integers(0, 3)))


@st.composite
def candidates(draw: st.DrawFn) -> list[Job]:
    """Jobs that differ in all that the dispatcher looks at, in any order."""
    numbers = draw(st.permutations(range(1, draw(st.integers(1, 6)) + 1)))
    return [
        make_job(
            number=number,
            id=make_id("b", number),
            type=draw(st.sampled_from(JobType)),
            priority=draw(st.integers(0, 2)),
            queue_ids=tuple(draw(st.sets(st.sampled_from(QUEUES)))),
            cancel_requested_ms=draw(st.sampled_from([None, None, 1])),
            is_dry_run=draw(st.sampled_from([False, False, True])),
        )
        for number in numbers
    ]


IN_FLIGHT = st.dictionaries(st.integers(1, 6), st.integers(0, 3))
NUMBERS = st.sets(st.integers(1, 6))


def may_run(job: Job, jobs: list[Job], in_flight: dict[int, int], limits: dict[str, int]) -> bool:
    """Whether nothing forbids a job to hand out a chunk."""
    load = Counter(
        {queue: sum(in_flight.get(one.number, 0) for one in jobs if queue in one.queue_ids)
         for queue in QUEUES}
    )  # fmt: skip
    return (
        job.cancel_requested_ms is None
        and not job.is_dry_run
        and all(queue not in limits or load[queue] < limits[queue] for queue in job.queue_ids)
    )


SERVED = st.lists(st.tuples(st.integers(1, 6), st.floats(0, 9)), max_size=12)


@given(jobs=candidates(), served=SERVED, in_flight=IN_FLIGHT, limits=LIMITS, exhausted=NUMBERS)
def test_dispatcher_chooses_the_first_that_may_run(
    jobs: list[Job],
    served: list[tuple[int, float]],
    in_flight: dict[int, int],
    limits: dict[str, int],
    exhausted: set[int],
) -> None:
    """A trigger goes first, then priority, then the job whose turn it is, then age."""
    shares = Shares()
    by_number = {job.number: job for job in jobs}
    for number, seconds in served:
        if number in by_number:
            shares.serve(by_number[number], seconds)

    chosen = next_job(
        jobs, shares=shares, in_flight=in_flight, queue_limits=limits, exhausted=exhausted
    )

    ready = [
        job
        for job in jobs
        if job.number not in exhausted and may_run(job, jobs, in_flight, limits)
    ]
    if chosen is None:
        assert not ready
        return
    assert chosen in ready
    for other in ready:
        assert rank(chosen, shares) <= rank(other, shares)


def rank(job: Job, shares: Shares) -> tuple[bool, int, float, int]:
    """The order in which jobs are served."""
    is_batch = job.type is not JobType.TRIGGER
    return (is_batch, -job.priority, shares.turn(job), job.number)


def deal(
    jobs: list[Job],
    rounds: int,
    limits: dict[str, int] | None = None,
    *,
    shares: Shares | None = None,
    seconds: dict[int, float] | None = None,
) -> Counter[int]:
    """Hand out chunks that never end, of a second or of `seconds` each; how many each job got."""
    shares = shares or Shares()
    in_flight: Counter[int] = Counter()
    for _ in range(rounds):
        job = next_job(
            jobs, shares=shares, in_flight=in_flight, queue_limits=limits or {}, exhausted=()
        )
        if job is None:
            break
        shares.serve(job, (seconds or {}).get(job.number, 1.0))
        in_flight[job.number] += 1
    return in_flight


def test_dispatcher_shares_workers_between_equal_jobs() -> None:
    """Three jobs of one priority get a third of the places each."""
    jobs = [make_job(number=number, id=make_id("b", number)) for number in (1, 2, 3)]

    assert deal(jobs, 9) == {1: 3, 2: 3, 3: 3}


def test_dispatcher_shares_time_and_not_turns() -> None:
    """A job whose chunks take four times as long gets a quarter of the turns."""
    jobs = [make_job(number=number, id=make_id("b", number)) for number in (1, 2)]

    assert deal(jobs, 10, seconds={1: 4.0, 2: 1.0}) == {1: 2, 2: 8}


def test_dispatcher_shares_by_weight() -> None:
    """A job of weight 3 gets three times the time of a job of weight 1."""
    jobs = [make_job(number=1), make_job(number=2, weight=3)]

    assert deal(jobs, 40) == {1: 10, 2: 30}


def test_dispatcher_gives_a_late_job_its_share_and_no_more() -> None:
    """A job that comes later does not make up for the time before it came."""
    early, late = make_job(number=1), make_job(number=2)
    shares = Shares()
    deal([early], 100, shares=shares)

    assert deal([early, late], 10, shares=shares) == {1: 5, 2: 5}


def test_dispatcher_corrects_what_was_estimated() -> None:
    """What a turn really cost decides whose turn is next, whatever was estimated before it."""
    jobs = [make_job(number=number, id=make_id("b", number)) for number in (1, 2)]
    shares, turns = Shares(), Counter[int]()

    for _ in range(50):
        job = next_job(jobs, shares=shares, in_flight={}, queue_limits={}, exhausted=())
        assert job is not None
        shares.serve(job, 1.0)
        shares.correct(job, 3.0 if job.number == 1 else 0.0)
        turns[job.number] += 1

    assert turns == {1: 10, 2: 40}


def test_shares_forget_jobs_that_are_over() -> None:
    """What a job had is kept as long as it is driven, and no longer."""
    over, driven = make_job(number=1), make_job(number=2)
    shares = Shares()
    for job in (over, driven):
        shares.correct(job, 60.0)

    shares.keep({driven.number})

    assert (shares.turn(over), shares.turn(driven)) == (0.0, 60.0)


def test_dispatcher_serves_the_larger_priority_alone() -> None:
    """While a job of a larger priority has work, the others wait."""
    jobs = [make_job(number=1), make_job(number=2, priority=1)]

    assert deal(jobs, 5) == {2: 5}


def test_dispatcher_serves_a_trigger_before_any_batch() -> None:
    """One object that somebody waits for goes before every batch, whatever its priority."""
    jobs = [make_job(number=1, priority=9), make_job(number=2, type=JobType.TRIGGER)]

    assert deal(jobs, 1) == {2: 1}


def test_dispatcher_fills_a_queue_and_no_more() -> None:
    """Two jobs of one queue share its places; a job of another queue is not held up."""
    jobs = [
        make_job(number=1, queue_ids=("p1",)),
        make_job(number=2, queue_ids=("p1", "p2")),
        make_job(number=3, queue_ids=("p2",)),
    ]

    assert deal(jobs, 100, {"p1": 2, "p2": 4}) == {1: 1, 2: 1, 3: 3}


def test_dispatcher_hands_out_nothing_of_a_paused_queue() -> None:
    """A queue with the limit 0 stops every job that passes through it."""
    jobs = [make_job(number=1, queue_ids=("p1", "p2"))]

    assert deal(jobs, 1, {"p1": 0, "p2": 5}) == {}


def test_dispatcher_tells_which_jobs_a_pause_holds() -> None:
    """A job is held by a paused queue, not by a full or an unknown one."""
    job = make_job(queue_ids=("p1", "p2"))

    assert is_held(job, {"p1": 5, "p2": 0})
    assert not is_held(job, {"p1": 5, "p2": 1})
    assert not is_held(job, {})
