"""Refusals in words that the agent reads: what is wrong, and who was faster."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse

from bot.handoff.ownership import NotYours
from core.errors import OtklikError, Refused
from core.transitions import IllegalTransition
from desk.rendering import HEADERS, Reader
from storage.outbox.columns import table
from storage.tables import Agent

_AGENTS = table(Agent)
EXPECTED = (OtklikError, IllegalTransition)
"""What an act of an agent may run into."""


async def words_of(connection: AsyncConnection, error: Exception, reader: Reader) -> tuple[str, str, int]:
    """(what it was, its words, the status) of a refusal."""
    match error:
        case NotYours():
            name = await connection.scalar(select(_AGENTS.c.name).where(_AGENTS.c.id == error.agent))
            return "taken", reader.say("refused_not_yours", who=name) if name else reader.say("refused_changed"), 409
        case IllegalTransition():
            return "taken", reader.say("refused_not_now"), 409
        case Refused():
            return "refused", reader.refusal(error), 422
        case _:
            return "lost", reader.say("refused_lost"), 404


def told(error: str, words: str, status: int) -> JSONResponse:
    """The answer to a form's script."""
    return JSONResponse({"error": error, "words": words}, status, headers=dict(HEADERS))
