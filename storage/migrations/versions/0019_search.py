"""Full-text search over what was said"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# The rows hold words that were folded and split already: the tokenizer has to know ASCII's spaces only, and takes
# every other character as a word's. Nobody asks for phrases or ranks, so no places and sizes are kept.
SQLITE = (
    """CREATE VIRTUAL TABLE search_words USING fts5(
        text, content='search_texts', content_rowid='number', tokenize='ascii', detail='none', columnsize=0,
        prefix='2 3 4 5 6'
    )""",
    """CREATE TRIGGER search_texts_added AFTER INSERT ON search_texts BEGIN
        INSERT INTO search_words(rowid, text) VALUES (new.number, new.text);
    END""",
    """CREATE TRIGGER search_texts_removed AFTER DELETE ON search_texts BEGIN
        INSERT INTO search_words(search_words, rowid, text) VALUES ('delete', old.number, old.text);
    END""",
    """CREATE TRIGGER search_texts_changed AFTER UPDATE ON search_texts BEGIN
        INSERT INTO search_words(search_words, rowid, text) VALUES ('delete', old.number, old.text);
        INSERT INTO search_words(rowid, text) VALUES (new.number, new.text);
    END""",
)
# An array of words as they are, past PostgreSQL's own parser, which depends on the database's locale.
POSTGRESQL = """CREATE INDEX ix_search_texts_words ON search_texts
    USING gin (array_to_tsvector(string_to_array(text, ' ')))"""


def upgrade() -> None:
    op.create_table(
        "search_texts",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.String(length=26), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("message_id"),
    )
    said = sa.text("conversation_id IS NOT NULL")
    op.create_index(
        "ix_messages_said", "messages", ["id", "conversation_id"], sqlite_where=said, postgresql_where=said
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
    else:
        op.execute(POSTGRESQL)


def downgrade() -> None:
    op.drop_index("ix_messages_said", table_name="messages")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_words")
    op.drop_table("search_texts")
