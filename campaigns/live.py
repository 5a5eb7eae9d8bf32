"""What is live: the applied workspace settings, never pinned by a campaign."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Brand, WorkspaceConfig
from storage.outbox.columns import table
from storage.tables import Setting

WORKSPACE = "workspace"


async def workspace_config(connection: AsyncConnection) -> WorkspaceConfig:
    """``otklik.yaml`` as it was last applied; a bare default before that."""
    settings = table(Setting)
    value = await connection.scalar(select(settings.c.value).where(settings.c.name == WORKSPACE))
    return WorkspaceConfig.model_validate(value) if value else WorkspaceConfig(brand=Brand(name="Otklik"))
