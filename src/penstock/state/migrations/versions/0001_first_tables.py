"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_OPEN = sa.text("ended_ms IS NULL")


def upgrade() -> None:
    """Make every table of the first version."""
    _make_resources()
    _make_jobs()
    _make_chunks()
    _make_executions()


def _make_resources() -> None:
    op.create_table(
        "buckets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "workflows",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("topology", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('Active', 'Paused')", name="workflow_state"),
    )
    op.create_index("workflows_by_bucket", "workflows", ["bucket", "created_ms"])
    op.create_table(
        "templates",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("templates_by_name", "templates", ["bucket", "name"], unique=True)
    op.create_table(
        "queues",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("max_size", sa.Integer, nullable=False),
        sa.Column("max_concurrent", sa.Integer, nullable=False),
        sa.Column("notify", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('Active', 'Paused')", name="queue_state"),
    )
    op.create_index("queues_by_family", "queues", ["bucket", "family", "category"], unique=True)


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("input_kind", sa.Text, nullable=False),
        sa.Column("input_value", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("workflows", sa.Text, nullable=False),
        sa.Column("workflow_ids", sa.Text, nullable=False),
        sa.Column("buckets", sa.Text, nullable=False),
        sa.Column("filter", sa.Text, nullable=False),
        sa.Column("queue_ids", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("is_dry_run", sa.SmallInteger, nullable=False),
        sa.Column("request_digest", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("cancel_requested_ms", sa.BigInteger),
        sa.Column("cursor", sa.Text, nullable=False, server_default=""),
        sa.Column("is_expanded", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("seconds_per_object", sa.Float),
        sa.Column("next_chunk", sa.BigInteger, nullable=False, server_default="0"),
        *(
            sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
            for name in (
                *("total", "succeeded", "failed", "skipped"),
                *("cancelled", "waiting", "running"),
            )
        ),
        sa.Column("lease_owner", sa.Text, nullable=False, server_default=""),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("type IN ('Workflow', 'Job', 'Trigger')", name="job_type"),
        sa.CheckConstraint(
            "state IN ('Submitted', 'Running', 'Pause', 'Success', 'Failed', 'Cancel')",
            name="job_state",
        ),
        sa.CheckConstraint(
            "total = succeeded + failed + skipped + cancelled + waiting + running"
            " AND waiting >= 0 AND running >= 0",
            name="job_counters",
        ),
        sa.CheckConstraint(
            "(ended_ms IS NOT NULL) = (state IN ('Success', 'Failed', 'Cancel'))",
            name="job_end",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_by_bucket", "jobs", ["bucket", "number"])
    op.create_index("jobs_open", "jobs", ["number"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("jobs_by_digest", "jobs", ["request_digest", "number"])


def _make_chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("job", sa.BigInteger, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("origin", sa.BigInteger, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("objects", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("planned_ms", sa.BigInteger, nullable=False),
        sa.Column("leased_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("progress", sa.Float, nullable=False, server_default="0"),
        sa.Column("seconds", sa.Float),
        sa.CheckConstraint(
            "state IN ('Planned', 'Leased', 'Sealed', 'Cancelled')", name="chunk_state"
        ),
        sa.CheckConstraint("size > 0", name="chunk_size"),
        sa.CheckConstraint(
            "(ended_ms IS NOT NULL) = (state IN ('Sealed', 'Cancelled'))", name="chunk_end"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "chunks_open",
        "chunks",
        ["job", "state", "number"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("chunks_by_origin", "chunks", ["job", "origin", "start"])


def _make_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("job", sa.BigInteger, primary_key=True),
        sa.Column("chunk", sa.BigInteger, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("object_key", sa.Text, nullable=False),
        sa.Column("source_etag", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.Column("nodes", sa.Text, nullable=False),
        sa.CheckConstraint(
            "state IN ('Success', 'Failed', 'Skipped', 'Cancel')", name="execution_state"
        ),
        sqlite_with_rowid=False,
    )
