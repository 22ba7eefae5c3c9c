"""The outbox of callbacks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_DUE = sa.text("next_try_ms IS NOT NULL")
_WAITING = sa.text("ended_ms IS NULL")
_ENDED = sa.text("ended_ms IS NOT NULL")


def upgrade() -> None:
    """Make the table of events and its indexes."""
    op.create_table(
        "events",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("job", sa.BigInteger, nullable=False),
        sa.Column("chunk", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("node", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_try_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("answer", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint("format IN ('XML', 'JSON')", name="event_format"),
        sa.CheckConstraint("state IN ('Waiting', 'Delivered', 'Expired')", name="event_state"),
        sa.CheckConstraint(
            "(ended_ms IS NOT NULL) = (state IN ('Delivered', 'Expired'))"
            " AND (ended_ms IS NULL OR next_try_ms IS NULL)",
            name="event_end",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "events_due",
        "events",
        ["target", "next_try_ms", "number"],
        sqlite_where=_DUE,
        postgresql_where=_DUE,
    )
    op.create_index(
        "events_waiting",
        "events",
        ["job", "chunk", "position", "number"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index(
        "events_ended",
        "events",
        ["ended_ms"],
        sqlite_where=_ENDED,
        postgresql_where=_ENDED,
    )
