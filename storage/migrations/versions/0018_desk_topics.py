"""Topics of the desk's groups"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "desk_topics",
        sa.Column("conversation_id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("chat_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("making", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("mirrored", sa.String(), nullable=False),
        sa.Column("recent", JSON, nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("strangers", JSON, nullable=False),
        sa.Column("busy_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    with op.batch_alter_table("desk_topics", schema=None) as batch_op:
        batch_op.create_index("ix_desk_topics_closed", ["closed"], unique=False)
        batch_op.create_index(batch_op.f("ix_desk_topics_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "ux_desk_topics_thread",
            ["chat_id", "thread_id"],
            unique=True,
            sqlite_where=sa.text("thread_id IS NOT NULL"),
            postgresql_where=sa.text("thread_id IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("desk_topics", schema=None) as batch_op:
        batch_op.drop_index(
            "ux_desk_topics_thread",
            sqlite_where=sa.text("thread_id IS NOT NULL"),
            postgresql_where=sa.text("thread_id IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_desk_topics_customer_id"))
        batch_op.drop_index("ix_desk_topics_closed")

    op.drop_table("desk_topics")
