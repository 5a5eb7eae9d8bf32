"""The campaign as it was applied last."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignBody
from campaigns.versions import bodies
from core.errors import Refused
from storage.outbox.columns import table
from storage.tables import Campaign

_CAMPAIGNS = table(Campaign)


async def applied_body(connection: AsyncConnection, campaign: str) -> CampaignBody:
    """The version that new enrolments take.

    Raises:
        Refused: if no campaign of that name was applied.
    """
    version = await connection.scalar(select(_CAMPAIGNS.c.version).where(_CAMPAIGNS.c.name == campaign))
    body = (await bodies(connection, [version])).get(version) if version else None
    if body is None:
        raise Refused(f"there is no applied campaign {campaign!r}; apply it first: otklik apply")
    return body
