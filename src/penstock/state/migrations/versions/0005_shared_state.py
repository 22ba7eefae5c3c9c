"""State that several processes share, and jobs that are dropped when they are old."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ENDED = sa.text("ended_ms IS NOT NULL")
_SORTED = (("buckets", "name"), ("services", "bucket"), ("events", "target"))


def upgrade() -> None:
    """Make the tables of drops and agreements; on PostgreSQL the place of executions as well."""
    op.create_table(
        "dropped_jobs",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("dropped_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "agreements",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_index(
        "jobs_ended", "jobs", ["ended_ms"], sqlite_where=_ENDED, postgresql_where=_ENDED
    )
    if op.get_bind().dialect.name == "postgresql":
        _share()


def _share() -> None:
    """Go over to what only PostgreSQL has; no released version has written to one before."""
    op.execute(
        "CREATE TABLE executions_shared (PRIMARY KEY (job, chunk, position)) INHERITS (executions)"
    )
    for table, column in _SORTED:
        op.alter_column(table, column, type_=sa.Text(collation="C"))
