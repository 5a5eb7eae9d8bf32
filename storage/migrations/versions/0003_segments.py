"""Segments: tags, how far memberships are kept up, and the indexes that tell what changed since"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LEFT = sa.text("left_at IS NOT NULL")
_CHANGED = sa.text("changed_at IS NOT NULL")

_ORDERS = sa.text("name = 'order'")

_INDEXES = (
    ("ix_customers_created", "customers", ["created_at"], None),
    ("ix_customers_updated", "customers", ["updated_at"], None),
    ("ix_identities_changed", "identities", ["changed_at"], _CHANGED),
    ("ix_events_name", "events", ["name", "customer_id", "at", "amount_micros"], None),
    ("ix_events_when", "events", ["name", "at", "customer_id", "amount_micros"], None),
    ("ix_memberships_entered", "segment_memberships", ["segment", "entered_at"], None),
    ("ix_memberships_left", "segment_memberships", ["segment", "left_at"], _LEFT),
)


def upgrade() -> None:
    op.create_table(
        "customer_tags",
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("customer_id", "tag"),
    )
    op.create_index("ix_customer_tags_tag", "customer_tags", ["tag", "customer_id"])
    op.create_table(
        "segment_refreshes",
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("through", sa.BigInteger(), nullable=True),
        sa.Column("full_at", sa.BigInteger(), nullable=True),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("segment"),
    )
    op.add_column("identities", sa.Column("changed_at", sa.BigInteger(), nullable=True))
    # one index for events of every name: with a partial one SQLite still reads each row for its name
    op.drop_index("ix_events_orders", table_name="events")
    op.drop_index("ix_events_name", table_name="events")
    for name, table, columns, where in _INDEXES:
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table_name=table)
    op.create_index("ix_events_name", "events", ["name", "customer_id", "at"])
    op.create_index(
        "ix_events_orders", "events", ["customer_id", "at", "amount_micros"],
        sqlite_where=_ORDERS, postgresql_where=_ORDERS,
    )  # fmt: skip
    op.execute("ALTER TABLE identities DROP COLUMN changed_at")
    op.drop_table("segment_refreshes")
    op.drop_index("ix_customer_tags_tag", table_name="customer_tags")
    op.drop_table("customer_tags")
