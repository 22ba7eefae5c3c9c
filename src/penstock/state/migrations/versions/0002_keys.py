"""Access keys of sub-accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of access keys."""
    op.create_table(
        "keys",
        sa.Column("secret_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("parent", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("old_sealed", sa.LargeBinary),
        sa.Column("old_until_ms", sa.BigInteger),
        sa.Column("token_digest", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.CheckConstraint(
            "(parent = '') = (token_digest = '') AND (parent = '' OR expires_ms IS NOT NULL)",
            name="key_token",
        ),
        sa.CheckConstraint("(old_sealed IS NULL) = (old_until_ms IS NULL)", name="key_old_secret"),
    )
