"""Conversations that end on the version they began on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("environment", sa.String(100), primary_key=True),
        sa.Column("agent", sa.String(100), primary_key=True),
        sa.Column("conversation", sa.String(256), primary_key=True),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("conversations")
