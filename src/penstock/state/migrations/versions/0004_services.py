"""Which services are open on which bucket; until now all of them were."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_SERVICES = ("ci", "media", "pic", "doc", "ai", "asr", "file")


def upgrade() -> None:
    """Make the table, with every service open on every bucket."""
    op.create_table(
        "services",
        sa.Column("bucket", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    for service in _SERVICES:
        op.execute(
            "INSERT INTO services (bucket, service, opened_ms) "  # noqa: S608  # own words
            f"SELECT name, '{service}', created_ms FROM buckets"
        )
