"""Notes of conversations, by time"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NOTES = sa.text("event = 'NoteAdded'")


def upgrade() -> None:
    op.create_index("ix_conversation_notes", "conversation_events", ["id"], sqlite_where=NOTES, postgresql_where=NOTES)


def downgrade() -> None:
    op.drop_index("ix_conversation_notes", "conversation_events")
