"""Applied versions: a campaign's body by its hash. A version never changes, so a process reads it once."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignBody, CampaignDefinition
from storage.outbox.columns import table
from storage.tables import CampaignVersion

_VERSIONS = table(CampaignVersion)
_LIMIT = 256
_known: WeakKeyDictionary[Engine, dict[str, CampaignBody]] = WeakKeyDictionary()


async def bodies(connection: AsyncConnection, hashes: Iterable[str]) -> dict[str, CampaignBody]:
    """The bodies of these versions, by hash; a hash that the store does not know is left out."""
    known = _known.setdefault(connection.engine.sync_engine, {})
    wanted = {hash_ for hash_ in hashes if hash_}
    result = {hash_: known[hash_] for hash_ in wanted if hash_ in known}
    missing = wanted - result.keys()
    if missing:
        statement = select(_VERSIONS.c.hash, _VERSIONS.c.body).where(_VERSIONS.c.hash.in_(missing))
        read = {row.hash: CampaignBody.model_validate(row.body) for row in await connection.execute(statement)}
        if len(known) + len(read) > _LIMIT:
            known.clear()
        known.update(read)
        result.update(read)
    return result


async def definitions(connection: AsyncConnection, hashes: Iterable[str]) -> dict[str, CampaignDefinition]:
    """The definitions of these versions, by hash."""
    return {hash_: body.definition for hash_, body in (await bodies(connection, hashes)).items()}


def answers_of(definition: CampaignDefinition | None, step: str) -> frozenset[str]:
    """What answers that step; nothing where the version or the step is not known."""
    found = definition.send_step(step) if definition is not None else None
    return found.until if found is not None else frozenset()


def hears_replies(definition: CampaignDefinition | None, step: str) -> bool:
    """Whether a reply that is credited to nothing answers that step, as it does wherever anything answers it.

    What is written behind a flow's first words is for the flow, unless the step's ``until`` names replies.
    """
    found = definition.send_step(step) if definition is not None else None
    return found is not None and bool(found.until) and (found.flow is None or "reply" in found.until)
