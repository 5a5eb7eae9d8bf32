"""What is live: the applied workspace settings, never pinned by a campaign."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Brand, WorkspaceConfig
from storage.outbox.columns import table
from storage.tables import Setting

WORKSPACE = "workspace"


_DEFAULT = WorkspaceConfig(brand=Brand(name="Otklik"))
_last: tuple[Any, WorkspaceConfig] = (None, _DEFAULT)


async def workspace_config(connection: AsyncConnection) -> WorkspaceConfig:
    """``otklik.yaml`` as it was last applied; a bare default before that. Always read, checked only when it changed."""
    global _last  # noqa: PLW0603  a value and what was made of it, replaced together
    settings = table(Setting)
    value = await connection.scalar(select(settings.c.value).where(settings.c.name == WORKSPACE))
    seen, config = _last
    if value != seen:
        config = WorkspaceConfig.model_validate(value) if value else _DEFAULT
        _last = value, config
    return config
