"""SQLite finds open chunks by their index."""

from alembic import op

from penstock.state._statistics import SQLITE_STATISTICS

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Tell SQLite what to assume."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE_STATISTICS:
            op.execute(statement)
