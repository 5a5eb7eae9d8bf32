"""Campaigns: offers, budgets, quotas, tasks, experiments"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

_NEW_COLUMNS = (
    ("campaign_versions", sa.Column("approved_by", sa.String(), nullable=False, server_default="")),
    ("campaign_versions", sa.Column("approved_at", sa.BigInteger(), nullable=True)),
    ("campaigns", sa.Column("pending", sa.String(), nullable=False, server_default="")),
    ("commands", sa.Column("tries", sa.Integer(), nullable=False, server_default="0")),
    ("commands", sa.Column("retry_at", sa.BigInteger(), nullable=True)),
    ("commands", sa.Column("error", sa.String(), nullable=False, server_default="")),
    ("enrolments", sa.Column("step_at", sa.BigInteger(), nullable=True)),
    ("enrolments", sa.Column("event_id", sa.String(length=26), nullable=True)),
    ("holds", sa.Column("period_from", sa.BigInteger(), nullable=True)),
    ("holds", sa.Column("actual_micros", sa.BigInteger(), nullable=True)),
    ("holds", sa.Column("parts", sa.Integer(), nullable=False, server_default="1")),
    ("messages", sa.Column("template", sa.String(), nullable=False, server_default="")),
)


def upgrade() -> None:
    op.create_table(
        "budget_uses",
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("period_from", sa.BigInteger(), nullable=False),
        sa.Column("taken_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("budget", "period_from"),
    )
    op.create_table(
        "offer_codes",
        sa.Column("offer", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("grant_id", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("offer", "code"),
    )
    with op.batch_alter_table("offer_codes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_offer_codes_free",
            ["offer", "code"],
            unique=False,
            sqlite_where=sa.text("taken_at IS NULL"),
            postgresql_where=sa.text("taken_at IS NULL"),
        )

    op.create_table(
        "experiment_weights",
        sa.Column("campaign_id", sa.String(length=26), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("weights", JSON, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("campaign_id", "day"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("offer", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String(length=26), nullable=True),
        sa.Column("enrolment_id", sa.String(length=26), nullable=True),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index("ix_grants_enrolment", ["enrolment_id"], unique=False)
        batch_op.create_index("ix_grants_offer", ["offer", "granted_at"], unique=False)
        batch_op.create_index(
            "ux_grants_in_force",
            ["customer_id", "product"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "quota_uses",
        sa.Column("campaign_id", sa.String(length=26), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("campaign_id", "step", "day"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("campaign_id", sa.String(length=26), nullable=True),
        sa.Column("enrolment_id", sa.String(length=26), nullable=True),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("done_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tasks_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "ix_tasks_open",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    # what is there already gets the empty value: a server's default makes that instant on both databases
    for name, column in _NEW_COLUMNS:
        op.add_column(name, column)


def downgrade() -> None:
    for name, column in reversed(_NEW_COLUMNS):
        op.execute(f"ALTER TABLE {name} DROP COLUMN {column.name}")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_tasks_open", sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'")
        )
        batch_op.drop_index(batch_op.f("ix_tasks_customer_id"))

    op.drop_table("tasks")
    op.drop_table("quota_uses")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(
            "ux_grants_in_force", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )
        batch_op.drop_index("ix_grants_offer")
        batch_op.drop_index("ix_grants_enrolment")

    op.drop_table("grants")
    op.drop_table("experiment_weights")
    with op.batch_alter_table("offer_codes", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_offer_codes_free",
            sqlite_where=sa.text("taken_at IS NULL"),
            postgresql_where=sa.text("taken_at IS NULL"),
        )

    op.drop_table("offer_codes")
    op.drop_table("budget_uses")
