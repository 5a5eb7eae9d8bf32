"""Flows that campaigns start"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_runs", sa.Column("message_id", sa.String(length=26), nullable=True))
    op.create_index("ux_flow_runs_message", "flow_runs", ["message_id"], unique=True)


def downgrade() -> None:
    op.drop_index("ux_flow_runs_message", "flow_runs")
    with op.batch_alter_table("flow_runs", schema=None) as batch_op:
        batch_op.drop_column("message_id")
