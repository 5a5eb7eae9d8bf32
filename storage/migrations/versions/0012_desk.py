"""The desk: agents, their sessions, what became of conversations"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("languages", JSON, nullable=False),
        sa.Column("skills", JSON, nullable=False),
        sa.Column("shift", JSON, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("presence", sa.String(length=24), nullable=False),
        sa.Column("presence_at", sa.BigInteger(), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=True),
        sa.Column("telegram", sa.String(), nullable=True),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("totp", sa.String(), nullable=False),
        sa.Column("totp_step", sa.Integer(), nullable=False),
        sa.Column("wrong_passwords", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.UniqueConstraint("telegram"),
    )
    op.create_table(
        "canned_replies",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ux_canned_replies", "canned_replies", ["name", "locale"], unique=True)
    op.create_table(
        "agent_sessions",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(length=26), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
        ),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_agent_sessions_agent_id", "agent_sessions", ["agent_id"], unique=False)
    op.create_table(
        "conversation_events",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("conversation_id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_conversation_events", "conversation_events", ["conversation_id", "id"], unique=False)
    op.create_index("ix_conversation_events_customer_id", "conversation_events", ["customer_id"], unique=False)
    op.add_column("conversations", sa.Column("queue", sa.String(), nullable=False, server_default=""))
    op.add_column("conversations", sa.Column("priority", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("conversations", sa.Column("language", sa.String(), nullable=False, server_default=""))
    op.add_column("conversations", sa.Column("queued_at", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("waiting_since", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("answer_due", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("resolve_due", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("answered_at", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("alerted_at", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("snoozed_until", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("blocked_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_conversations_agent", "conversations", ["agent", "state", "last_at"], unique=False)
    op.add_column("messages", sa.Column("owner_token", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.execute("ALTER TABLE messages DROP COLUMN owner_token")
    op.drop_index("ix_conversations_agent", table_name="conversations")
    op.execute("ALTER TABLE conversations DROP COLUMN blocked_at")
    op.execute("ALTER TABLE conversations DROP COLUMN snoozed_until")
    op.execute("ALTER TABLE conversations DROP COLUMN alerted_at")
    op.execute("ALTER TABLE conversations DROP COLUMN answered_at")
    op.execute("ALTER TABLE conversations DROP COLUMN resolve_due")
    op.execute("ALTER TABLE conversations DROP COLUMN answer_due")
    op.execute("ALTER TABLE conversations DROP COLUMN waiting_since")
    op.execute("ALTER TABLE conversations DROP COLUMN queued_at")
    op.execute("ALTER TABLE conversations DROP COLUMN language")
    op.execute("ALTER TABLE conversations DROP COLUMN priority")
    op.execute("ALTER TABLE conversations DROP COLUMN queue")
    op.drop_index("ix_conversation_events_customer_id", table_name="conversation_events")
    op.drop_index("ix_conversation_events", table_name="conversation_events")
    op.drop_table("conversation_events")
    op.drop_index("ix_agent_sessions_agent_id", table_name="agent_sessions")
    op.drop_table("agent_sessions")
    op.drop_index("ux_canned_replies", table_name="canned_replies")
    op.drop_table("canned_replies")
    op.drop_table("agents")
