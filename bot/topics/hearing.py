"""What staff do in a topic: kept as a command when it arrives, carried out once, refusals told in the topic.

An answer takes the conversation where nobody has it. It goes the same way as one from the web: two desks, one store.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.handoff import ownership
from bot.handoff.answering import Draft, answer, note
from bot.handoff.ending import end_chat
from bot.handoff.ownership import NotYours
from bot.topics.carrying import Files, fetched_files, keep_files, noted
from bot.topics.editing import edited, reply_of
from bot.topics.keeping import STAFFED, TOPICS, tell
from bot.topics.meaning import (
    Answer,
    Canned,
    Meaning,
    Note,
    Resolve,
    Return,
    ShowCustomer,
    Snooze,
    Take,
    Unclear,
    meaning_of,
)
from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.running.commands import Finish, OpenCommand
from core import catalogue
from core.actors import Actor
from core.clock import Clock
from core.errors import OtklikError, Refused, StoreUnavailable
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.messages import WEBCHAT, StaffWrote, TopicShut
from core.naming import called
from core.transitions import IllegalTransition
from core.wakeup import DESK, Wakeup, outbox
from core.wakeup import TOPICS as TOPICS_HINT
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, Command, Conversation, Customer, Identity

STAFF_WROTE = "staff_wrote"
TRIES = 3
"""How often their files are asked for before it is told that they cannot be had."""
_AGENTS, _COMMANDS, _CONVERSATIONS = table(Agent), table(Command), table(Conversation)
_CUSTOMERS, _IDENTITIES = table(Customer), table(Identity)
_HAD = frozenset({ConversationState.ASSIGNED, ConversationState.SNOOZED})


class Offered(Protocol):
    """A canned reply filled in for a customer; ``problem`` says why it cannot be."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def problem(self) -> str: ...


Offers = Callable[[AsyncConnection, WorkspaceConfig, str, str, datetime], Awaitable[Sequence[Offered]]]
"""From (config, customer, language, now) to all canned replies, the best for the customer first."""


def thread_key(chat: str, thread: int) -> str:
    """Begins the key of every answer that was written in that topic."""
    return f"topic:{chat}:{thread}:"


async def hear(connection: AsyncConnection, event: StaffWrote, context: Context) -> None:
    """Keep what was written in a topic of ours as a command, in the transaction that marks its delivery."""
    here = (TOPICS.c.chat_id == event.chat, TOPICS.c.thread_id == event.thread)
    topic = (await connection.execute(select(TOPICS.c.conversation_id, TOPICS.c.customer_id).where(*here))).first()
    if topic is None:
        return
    payload = {
        "conversation_id": topic.conversation_id, "customer_id": topic.customer_id, "user": event.user,
        "name": event.name, "text": event.text, "key": f"{thread_key(event.chat, event.thread)}{event.message_id}",
        "account": event.account, "edit": event.key if event.edited else "", "files": noted(event.attachments),
        "quoted": event.quoted,
        "answered": f"{thread_key(event.chat, event.thread)}{event.in_reply_to}" if event.in_reply_to else "",
    }  # fmt: skip
    await connection.execute(
        _COMMANDS.insert().values(
            id=new_id(), kind=STAFF_WROTE, payload=payload, created_at=context.now, tries=0, error=""
        )
    )


async def note_shut(connection: AsyncConnection, event: TopicShut, context: Context) -> None:
    """A topic that was closed by hand: while people of ours have the chat it is opened again, and why is told."""
    here = (TOPICS.c.chat_id == event.chat, TOPICS.c.thread_id == event.thread)
    shut = update(TOPICS).where(*here, TOPICS.c.closed.is_(False)).values(closed=True)
    id_ = await connection.scalar(shut.returning(TOPICS.c.conversation_id))
    if id_ is None:
        return
    state = await connection.scalar(select(_CONVERSATIONS.c.state).where(_CONVERSATIONS.c.id == id_))
    if state in STAFFED:
        await tell(connection, id_, _text(context.config.locale, "shut"))


class StaffInTopics:
    """Carries out what staff wrote; ``offers`` gives canned replies, ``adapters`` (by account) fetch their files."""

    def __init__(
        self, store: Store, clock: Clock, wakeup: Wakeup, offers: Offers, adapters: Mapping[str, object] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._offers = offers
        self._adapters = adapters or {}

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        said = command.payload
        id_ = str(said["conversation_id"])
        files = await self._files(command)
        try:
            async with self._store.write() as connection:
                words = await self._carry_out(connection, said, files)
                await tell(connection, id_, words) if words else None
                await finish(connection)
        except StoreUnavailable:
            raise
        except (OtklikError, IllegalTransition) as error:  # nothing of it was done
            async with self._store.write() as connection:
                locale = await _locale(connection, str(said["user"]))
                await tell(connection, id_, await _refusal(connection, error, locale))
                await finish(connection)
        async with self._store.read() as connection:
            channel = await connection.scalar(select(_CONVERSATIONS.c.channel).where(_CONVERSATIONS.c.id == id_))
        self._wakeup.notify(DESK)
        self._wakeup.notify(TOPICS_HINT)
        self._wakeup.notify(outbox(str(channel or "")))

    async def _files(self, command: OpenCommand) -> Files:
        """Those that came with it, fetched before anything is locked; none where it is no agent's."""
        wanted = command.payload.get("files", ())
        if not wanted:
            return ()
        async with self._store.read() as connection:
            if await _agent(connection, str(command.payload["user"])) is None:
                return ()
        adapter = self._adapters.get(str(command.payload["account"]))
        return await fetched_files(adapter, wanted, again=command.tries < TRIES)

    async def _carry_out(self, connection: AsyncConnection, said: Any, files: Files) -> str:
        """Do it; gives what the writer is to be told, if anything."""
        agent = await _agent(connection, str(said["user"]))
        id_ = str(said["conversation_id"])
        if agent is None:
            return await _stranger(connection, id_, str(said["user"]), str(said["name"]))
        meaning = meaning_of(str(said["text"]))
        if said["edit"]:
            if not isinstance(meaning, Answer):
                return _text(agent.locale, "edited")
            return await self._edit(connection, id_, agent, meaning.text, said)
        return await self._do(connection, agent, meaning, said, files)

    async def _do(
        self, connection: AsyncConnection, agent: Any, meaning: Meaning, said: Mapping[str, Any], files: Files
    ) -> str:
        now, actor, id_ = self._clock.now(), Actor("agent", agent.id), str(said["conversation_id"])
        match meaning:
            case Answer(text):
                problem = await keep_files(connection, id_, files, now)
                if problem is not None:
                    return _text(agent.locale, problem.text, file=problem.file, why=problem.why)
                more = {"attachments": [noted for noted, _ in files]} if files else {}
                more |= await reply_of(connection, id_, said) if said["quoted"] or said["answered"] else {}
                await self._answer(connection, id_, agent, Draft(str(said["key"]), text, more=more), now)
            case Canned(name):
                return await self._canned(connection, id_, agent, name, str(said["key"]), now)
            case Note(text):
                await note(connection, id_, agent.id, text, [], now)
                return _text(agent.locale, "note_files") if files else ""
            case Take():
                await ownership.take(connection, id_, agent.id, actor=actor, now=now)
            case Return():
                await ownership.give_back(connection, id_, actor=actor, now=now)
            case Resolve():
                await end_chat(connection, id_, agent.id, await workspace_config(connection), now)
            case Snooze(period):
                config = await workspace_config(connection)
                until = period.after(now, zone_named(agent.zone or config.zone))
                await ownership.snooze(connection, id_, until, actor=actor, now=now)
            case ShowCustomer():
                return await _customer(connection, id_, agent.locale)
            case Unclear(hint, word):
                return _text(agent.locale, hint, word=word)
        return ""

    async def _edit(self, connection: AsyncConnection, id_: str, agent: Any, text: str, said: Mapping[str, Any]) -> str:
        """Change what was sent, where that can be; else send the new words as a correction."""
        found = await edited(connection, id_, agent.id, str(said["key"]), str(said["edit"]), text)
        if found is None:
            return _text(agent.locale, "edited")
        if found.draft is not None:
            await self._answer(connection, id_, agent, found.draft, self._clock.now())
        return _text(agent.locale, found.told) if found.told else ""

    async def _answer(self, connection: AsyncConnection, id_: str, agent: Any, draft: Draft, now: datetime) -> None:
        row = await ownership.held(connection, id_)
        token = int(row.token)
        if row.state not in _HAD:
            token = await ownership.take(connection, id_, agent.id, actor=Actor("agent", agent.id), now=now, over=token)
        await answer(connection, id_, agent.id, token, draft, now)

    async def _canned(
        self, connection: AsyncConnection, id_: str, agent: Any, name: str, key: str, now: datetime
    ) -> str:
        row = await ownership.held(connection, id_)
        config = await workspace_config(connection)
        offered = await self._offers(connection, config, row.customer_id, row.language, now)
        reply = next((one for one in offered if one.name == name), None)
        if reply is None:
            names = catalogue.listed(agent.locale, dict.fromkeys(one.name for one in offered)) or "–"
            return _text(agent.locale, "canned_none", word=name, names=names)
        if reply.problem or not reply.text:
            return _text(agent.locale, "canned_broken", word=name, why=reply.problem)
        await self._answer(connection, id_, agent, Draft(key, reply.text), now)
        return reply.text  # what the customer is sent: its writer saw the name only


async def _agent(connection: AsyncConnection, user: str) -> Any:
    if not user:
        return None
    theirs = select(_AGENTS).where(_AGENTS.c.telegram == user, _AGENTS.c.disabled_at.is_(None))
    return (await connection.execute(theirs)).first()


async def _locale(connection: AsyncConnection, user: str) -> str:
    agent = await _agent(connection, user)
    return str(agent.locale) if agent is not None else (await workspace_config(connection)).locale


async def _stranger(connection: AsyncConnection, conversation_id: str, user: str, name: str) -> str:
    """Who is no agent is told so, once in a topic."""
    here = TOPICS.c.conversation_id == conversation_id
    told = list(await connection.scalar(select(TOPICS.c.strangers).where(here).with_for_update()) or ())
    if user in told:
        return ""
    await connection.execute(update(TOPICS).where(here).values(strangers=[*told, user]))
    locale = (await workspace_config(connection)).locale
    return _text(locale, "stranger" if user else "anonymous", who=name, user=user)


async def _refusal(connection: AsyncConnection, error: Exception, locale: str) -> str:
    if isinstance(error, NotYours):
        name = await connection.scalar(select(_AGENTS.c.name).where(_AGENTS.c.id == error.agent))
        return _text(locale, "not_yours", who=name) if name else _text(locale, "changed")
    if isinstance(error, IllegalTransition):
        return _text(locale, "not_now")
    if not isinstance(error, Refused):
        return _text(locale, "lost")
    try:
        return _text(locale, "refused", why=catalogue.text(locale, f"desk.refused_{error.name}", **error.values))
    except KeyError:
        return _text(locale, "refused", why=str(error))


async def _customer(connection: AsyncConnection, conversation_id: str, locale: str) -> str:
    """Who the customer is and where they are reached."""
    row = (
        await connection.execute(
            select(
                _CUSTOMERS.c.id,
                _CUSTOMERS.c.first_name,
                _CUSTOMERS.c.last_name,
                _CONVERSATIONS.c.language,
                _CONVERSATIONS.c.channel,
            )
            .join(_CONVERSATIONS, _CONVERSATIONS.c.customer_id == _CUSTOMERS.c.id)
            .where(_CONVERSATIONS.c.id == conversation_id)
        )
    ).one()
    theirs = select(_IDENTITIES).where(_IDENTITIES.c.customer_id == row.id).order_by(_IDENTITIES.c.id).limit(20)
    places = [
        f"{one.channel}: {one.address}" + ("" if one.reachable else f" ({_text(locale, 'unreachable')})")
        for one in await connection.execute(theirs)
    ]
    name = called(locale, f"{row.first_name} {row.last_name}".strip(), row.id, visitor=row.channel == WEBCHAT)
    return "\n".join([" · ".join(filter(None, (name, row.language))), *places])


def _text(locale: str, name: str, **values: object) -> str:
    return catalogue.text(locale, f"desk.topics_{name}", **values)
