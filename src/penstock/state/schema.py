"""The tables. Times are milliseconds since 1970 UTC; trees are JSON text.

CHECK constraints repeat the invariants of the domain, so that no code path can break them
unseen; `tests/house` compares them with the enums.
"""

from collections.abc import Iterable

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    event,
    text,
)

from penstock.domain.callbacks import CallbackFormat
from penstock.domain.jobs import JobType
from penstock.domain.states import (
    FINAL_EXECUTION_STATES,
    JOB_TABLE,
    ChunkState,
    DeliveryState,
    JobState,
    is_final,
)
from penstock.state._statistics import SQLITE_STATISTICS

metadata = MetaData()

BigNumber = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only
SortedText = Text().with_variant(Text(collation="C"), "postgresql")  # as SQLite: by its bytes


def _one_of(column: str, words: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


buckets = Table(
    "buckets",
    metadata,
    Column("name", SortedText, primary_key=True),
    Column("url", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

services = Table(  # what is open on a bucket: `ci`, once it is bound, and service families
    "services",
    metadata,
    Column("bucket", SortedText, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("opened_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

workflows = Table(
    "workflows",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("topology", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('Active', 'Paused')", name="workflow_state"),
    Index("workflows_by_bucket", "bucket", "created_ms"),  # listing
)

templates = Table(
    "templates",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Index("templates_by_name", "bucket", "name", unique=True),  # TemplateNameDuplicate
)

queues = Table(
    "queues",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("max_size", Integer, nullable=False),
    Column("max_concurrent", Integer, nullable=False),
    Column("notify", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('Active', 'Paused')", name="queue_state"),
    Index("queues_by_family", "bucket", "family", "category", unique=True),  # one a family
)

keys = Table(
    "keys",
    metadata,
    Column("secret_id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("policies", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("old_sealed", LargeBinary),
    Column("old_until_ms", BigInteger),
    Column("token_digest", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    CheckConstraint(  # temporary keys have a token and an end
        "(parent = '') = (token_digest = '') AND (parent = '' OR expires_ms IS NOT NULL)",
        name="key_token",
    ),
    CheckConstraint("(old_sealed IS NULL) = (old_until_ms IS NULL)", name="key_old_secret"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", BigNumber, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("bucket", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("input_kind", Text, nullable=False),
    Column("input_value", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("workflows", Text, nullable=False),
    Column("workflow_ids", Text, nullable=False),  # ",w…,w…," so that LIKE finds one
    Column("buckets", Text, nullable=False),
    Column("filter", Text, nullable=False),
    Column("queue_ids", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False, server_default="1"),
    Column("is_dry_run", SmallInteger, nullable=False),
    Column("request_digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("cancel_requested_ms", BigInteger),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("is_expanded", SmallInteger, nullable=False, server_default="0"),
    Column("seconds_per_object", Float),
    Column("next_chunk", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("succeeded", BigInteger, nullable=False, server_default="0"),
    Column("failed", BigInteger, nullable=False, server_default="0"),
    Column("skipped", BigInteger, nullable=False, server_default="0"),
    Column("cancelled", BigInteger, nullable=False, server_default="0"),
    Column("waiting", BigInteger, nullable=False, server_default="0"),
    Column("running", BigInteger, nullable=False, server_default="0"),
    Column("lease_owner", Text, nullable=False, server_default=""),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("lease_until_ms", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(_one_of("type", JobType), name="job_type"),
    CheckConstraint(_one_of("state", JobState), name="job_state"),
    CheckConstraint(
        "total = succeeded + failed + skipped + cancelled + waiting + running"
        " AND waiting >= 0 AND running >= 0",
        name="job_counters",
    ),
    CheckConstraint(
        "(ended_ms IS NOT NULL) = ("
        + _one_of("state", [state for state in JobState if is_final(JOB_TABLE, state)])
        + ")",
        name="job_end",
    ),
    Index("jobs_by_bucket", "bucket", "number"),  # listing
    Index(  # what an engine looks through several times a second
        "jobs_open",
        "number",
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
    Index("jobs_by_digest", "request_digest", "number"),  # the same command line again
    Index(  # jobs that have been kept long enough
        "jobs_ended",
        "ended_ms",
        sqlite_where=text("ended_ms IS NOT NULL"),
        postgresql_where=text("ended_ms IS NOT NULL"),
    ),
    sqlite_autoincrement=True,  # a number is part of ids: never used again
)

dropped_jobs = Table(  # gone for everybody; what they leave behind is removed step by step
    "dropped_jobs",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("dropped_ms", BigInteger, nullable=False),
)

agreements = Table(  # what every server of a database must have alike, as digests
    "agreements",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("job", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    # A chunk that was cut keeps the addresses of its executions: its objects are those of
    # chunk `origin` from index `start` on.
    Column("origin", BigInteger, nullable=False),
    Column("start", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("objects", LargeBinary),  # packed; only where number = origin
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("planned_ms", BigInteger, nullable=False),
    Column("leased_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("progress", Float, nullable=False, server_default="0"),
    Column("seconds", Float),
    CheckConstraint(_one_of("state", ChunkState), name="chunk_state"),
    CheckConstraint("size > 0", name="chunk_size"),
    CheckConstraint(
        "(ended_ms IS NOT NULL) = (state IN ('Sealed', 'Cancelled'))", name="chunk_end"
    ),
    Index(  # the next chunk of a job, and what a dead engine left leased
        "chunks_open",
        "job",
        "state",
        "number",
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
    Index("chunks_by_origin", "job", "origin", "start"),  # from an address to its chunk
    sqlite_with_rowid=False,
)

for statement in SQLITE_STATISTICS:
    event.listen(chunks, "after_create", DDL(statement).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]  # the library's own

executions = Table(
    "executions",
    metadata,
    Column("job", BigInteger, primary_key=True),
    Column("chunk", BigInteger, primary_key=True),  # the origin: half of the address
    Column("position", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("source_etag", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("nodes", Text, nullable=False),
    CheckConstraint(_one_of("state", FINAL_EXECUTION_STATES), name="execution_state"),
    sqlite_with_rowid=False,
)

# On PostgreSQL this table stays empty, and its children hold the rows: one for all jobs over a
# single object, and one for each other job, which is made and dropped with it (`_postgres`).
event.listen(
    executions,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]  # the library's own
        "CREATE TABLE executions_shared (PRIMARY KEY (job, chunk, position)) INHERITS (executions)"
    ).execute_if(dialect="postgresql"),
)

events = Table(
    "events",
    metadata,
    Column("number", BigNumber, primary_key=True, autoincrement=True),
    Column("job", BigInteger, nullable=False),
    Column("chunk", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("node", Integer, nullable=False),  # 0 for the end of the execution
    Column("url", Text, nullable=False),
    Column("target", SortedText, nullable=False),  # scheme, host and port of the URL
    Column("format", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # NULL behind an earlier event of the execution, and at the end; a lease moves it ahead.
    Column("next_try_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("answer", Text, nullable=False, server_default=""),
    CheckConstraint(_one_of("format", CallbackFormat), name="event_format"),
    CheckConstraint(_one_of("state", DeliveryState), name="event_state"),
    CheckConstraint(
        "(ended_ms IS NOT NULL) = (state IN ('Delivered', 'Expired'))"
        " AND (ended_ms IS NULL OR next_try_ms IS NULL)",
        name="event_end",
    ),
    Index(  # what is due at each target, without looking at what waits behind it
        "events_due",
        "target",
        "next_try_ms",
        "number",
        sqlite_where=text("next_try_ms IS NOT NULL"),
        postgresql_where=text("next_try_ms IS NOT NULL"),
    ),
    Index(  # the order within an execution
        "events_waiting",
        "job",
        "chunk",
        "position",
        "number",
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
    Index(  # sweeping
        "events_ended",
        "ended_ms",
        sqlite_where=text("ended_ms IS NOT NULL"),
        postgresql_where=text("ended_ms IS NOT NULL"),
    ),
    sqlite_autoincrement=True,  # a number is part of an id: never used again
)
