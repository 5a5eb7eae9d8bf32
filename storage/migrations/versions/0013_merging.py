"""Customers merged into others, and codes that prove an address"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "distinct_pairs",
        sa.Column("one_id", sa.String(length=26), nullable=False),
        sa.Column("other_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("one_id", "other_id"),
    )
    op.create_index("ix_distinct_pairs_other", "distinct_pairs", ["other_id"], unique=False)
    op.create_table(
        "merges",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("merged_id", sa.String(length=26), nullable=False),
        sa.Column("survivor_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_merges_merged_id", "merges", ["merged_id"], unique=False)
    op.create_index("ix_merges_survivor_id", "merges", ["survivor_id"], unique=False)
    op.create_table(
        "merge_moves",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("merge_id", sa.String(length=26), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("row", JSON, nullable=False),
        sa.Column("was", JSON, nullable=False),
        sa.Column("became", JSON, nullable=True),
        sa.ForeignKeyConstraint(
            ["merge_id"],
            ["merges.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_merge_moves_merge_id", "merge_moves", ["merge_id"], unique=False)
    op.create_table(
        "merged_customers",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("survivor_id", sa.String(length=26), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("merge_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["survivor_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external_id"),
    )
    op.create_index("ix_merged_customers_survivor_id", "merged_customers", ["survivor_id"], unique=False)
    op.create_table(
        "address_proofs",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("identity_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identities.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_address_proofs_customer", "address_proofs", ["customer_id", "at"], unique=False)
    op.create_index("ix_address_proofs_key", "address_proofs", ["key", "at"], unique=False)
    op.add_column("customers", sa.Column("locale_by", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.execute("ALTER TABLE customers DROP COLUMN locale_by")
    op.drop_index("ix_address_proofs_key", table_name="address_proofs")
    op.drop_index("ix_address_proofs_customer", table_name="address_proofs")
    op.drop_table("address_proofs")
    op.drop_index("ix_merged_customers_survivor_id", table_name="merged_customers")
    op.drop_table("merged_customers")
    op.drop_index("ix_merge_moves_merge_id", table_name="merge_moves")
    op.drop_table("merge_moves")
    op.drop_index("ix_merges_survivor_id", table_name="merges")
    op.drop_index("ix_merges_merged_id", table_name="merges")
    op.drop_table("merges")
    op.drop_index("ix_distinct_pairs_other", table_name="distinct_pairs")
    op.drop_table("distinct_pairs")
