"""Languages between an agent and a customer: who else speaks the customer's, and a draft that is in another one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff.agents import team
from bot.languages import language_of_text
from core.machines.conversation import LIVE_CHAT, ConversationState
from desk.inbox.listing import Line
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, Customer

_AGENTS, _CONVERSATIONS, _CUSTOMERS = table(Agent), table(Conversation), table(Customer)
_QUEUED = ConversationState.QUEUED
SHORTEST = 12
"""Characters of a draft that tell its language; fewer are a name or a number as likely."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A colleague who is there, has room, and speaks the customer's language (a two-letter code)."""

    id: str
    name: str
    language: str


async def language_of(connection: AsyncConnection, conversation_id: str) -> str:
    """The customer's language in the conversation, a two-letter code; empty where nobody knows it."""
    row = (
        await connection.execute(
            select(_CONVERSATIONS.c.language, _CUSTOMERS.c.locale)
            .join(_CUSTOMERS, _CUSTOMERS.c.id == _CONVERSATIONS.c.customer_id)
            .where(_CONVERSATIONS.c.id == conversation_id)
        )
    ).first()
    return "" if row is None else (row.language or row.locale).replace("_", "-").partition("-")[0].casefold()


async def speaker_for(connection: AsyncConnection, line: Line, me: str, zone: str, now: datetime) -> Speaker | None:
    """Who should rather have a live chat than ``me``; None where I speak the language, or nobody else who is there.

    A colleague's chat is theirs to pass on.
    """
    open_to_me = line.state in LIVE_CHAT and (line.state is _QUEUED or line.agent == me)
    language = await language_of(connection, line.id) if open_to_me else ""
    if not language:
        return None
    mine = await connection.scalar(select(_AGENTS.c.languages).where(_AGENTS.c.id == me))
    if not mine or language in mine:
        return None
    able = [
        one for one in (await team(connection, zone, now)).candidates
        if one.available and one.id != me and language in one.languages and one.chats < one.capacity
    ]  # fmt: skip
    if not able:
        return None
    best = min(able, key=lambda one: (one.chats / one.capacity, one.id))
    name = await connection.scalar(select(_AGENTS.c.name).where(_AGENTS.c.id == best.id))
    return Speaker(best.id, str(name or ""), language)


def other_tongue(draft: str, language: str) -> str:
    """The language of a draft (a two-letter code), where it can be told and is not the customer's; else empty."""
    if not language or len(draft.strip()) < SHORTEST:
        return ""
    written = language_of_text(draft)
    return written if written != language else ""


def named(language: str, locale: str) -> str:
    """A language's name for who reads ``locale``; the code where nobody has a name for it."""
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(locale.replace("-", "_")).languages.get(language, language))
    except (UnknownLocaleError, ValueError):
        return language
