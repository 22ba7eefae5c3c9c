"""Claims of jobs count up, and jobs have weights."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add both columns; a job that is claimed now is at its claim number 0."""
    op.add_column("jobs", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"))
