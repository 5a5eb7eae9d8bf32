"""Keeping topics in step with the store: whatever was said or done since stands in the topic a little later.

A topic is worked at by one process at a time, one call to the group at a time, and only when the group's rate allows
it. What comes while a group has to wait goes together, as one message. What was mirrored is written down after the
call: when no answer comes, or the process dies in between, staff may read a line twice, and never miss one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import Any, Protocol

import structlog

from bot.topics import keeping
from bot.topics.hearing import thread_key
from bot.topics.keeping import GAP, STAFFED
from bot.topics.reading import TAIL, Found, entries_after, tail_begins
from bot.topics.wording import FULL, UNDELIVERED, Shown, shown, topic_name
from campaigns.composing.files import read_contents
from campaigns.live import workspace_config
from channels.telegram.forum import TopicClosed, TopicGone, parts
from channels.telegram.splitting import utf16_length
from core import catalogue
from core.clock import Clock, machine_now, uptime
from core.errors import ChannelFault, PermanentFailure, PermanentKind, SendFailure, TransientFailure, UnknownOutcome
from core.ids import id_floor
from core.machines.conversation import ConversationState
from core.messages import WEBCHAT, Attachment, Span
from core.naming import called
from core.standing import DESK_GROUP, Standing, Trouble
from core.text import clipped
from storage.store import Store

log = structlog.get_logger(__name__)

OVERLAP = timedelta(seconds=5)
"""Rows of another process may become visible so much later than younger ones."""
PAUSE_SECONDS, FAULT_SECONDS = 5.0, 60.0
LONGEST_PAUSE = 3600.0
_OF_THE_FILE = (PermanentKind.REJECTED, PermanentKind.CONTENT_REFUSED, PermanentKind.UNSUPPORTED)
"""Refusals that say nothing of the group: the next message may be taken."""

Turn = Callable[[str, int], Awaitable[float]]
"""From (chat, messages) to 0 once they may be sent to it, else the seconds until it is worth asking again."""


class Topics(Protocol):
    """The groups; raises as :class:`channels.telegram.forum.Forum` does."""

    async def create(self, chat: str, name: str) -> int: ...

    async def say(self, chat: str, thread: int, text: str, spans: Sequence[Span] = ()) -> None: ...

    async def send(self, chat: str, thread: int, file: Attachment) -> None: ...

    async def close(self, chat: str, thread: int) -> None: ...

    async def reopen(self, chat: str, thread: int) -> None: ...


class TopicDesk:
    """The topics of ``groups`` (chat ids), which one bot keeps. Several processes may do it at once."""

    def __init__(
        self, store: Store, clock: Clock, forum: Topics, groups: Sequence[str], turn: Turn,
        now: Callable[[], float] = uptime,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._forum = forum
        self._groups = sorted(groups)
        self._turn = turn
        self._now = now
        self._rest: dict[str, float] = {}
        self._refusals: dict[str, Standing] = {}

    @property
    def refusals(self) -> Sequence[Standing]:
        """The groups that take nothing until somebody sees to them."""
        return [one for one in self._refusals.values() if one.trouble]

    async def run_once(self) -> int:
        """One call for every topic that needs one, as far as its group takes it now; gives how many were made.

        Raises:
            StoreUnavailable: the rest waits.
        """
        free = [group for group in self._groups if self._rest.get(group, 0.0) <= self._now()]
        if not free:
            return 0
        await keeping.wish(self._store, self._groups, self._clock.now())
        async with self._store.read() as connection:
            rows = await keeping.due(connection, free)
            locale = (await workspace_config(connection)).locale if rows else ""
        by_group: defaultdict[str, list[Any]] = defaultdict(list)
        for row in rows:
            by_group[row.chat_id].append(row)
        works = [self._group(due, locale) for due in by_group.values()]
        done = await asyncio.gather(*works, return_exceptions=True)  # a group in trouble holds no other
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return sum(one for one in done if not isinstance(one, BaseException))

    async def _group(self, due: Sequence[Any], locale: str) -> int:
        done = 0
        for row in due:
            if self._rest.get(row.chat_id, 0.0) > self._now():
                break
            held = await keeping.hold(self._store, row.conversation_id)
            if held is None:
                continue
            try:
                done += await self._step(row, held, locale)
            finally:
                await asyncio.shield(keeping.change(self._store, row.conversation_id, busy_until=None))
        return done

    async def _step(self, row: Any, held: Any, locale: str) -> bool:
        """One call for one topic; False where none was needed or none is allowed now."""
        chat, id_ = held.chat_id, held.conversation_id
        try:
            made = await self._call(row, held, locale)
        except TopicGone:
            await keeping.change(self._store, id_, thread_id=None, making=False, closed=False)
            return True
        except TopicClosed:
            await keeping.change(self._store, id_, closed=True)
            return True
        except (SendFailure, ChannelFault) as failure:
            self._rest[chat] = self._now() + _pause(failure)
            before = self._refusals.get(chat)
            if before is None:
                log.warning("the desk's group does not take it", chat=chat, error=str(failure))
            since = before.since if before is not None else machine_now()
            trouble: Trouble = "fault" if _asks_for_a_person(failure) else ""
            self._refusals[chat] = Standing(chat, DESK_GROUP, trouble, clipped(str(failure), 200), since)
            return False
        if made:
            self._refusals.pop(chat, None)
        return made

    async def _call(self, row: Any, held: Any, locale: str) -> bool:
        chat, thread, id_ = held.chat_id, held.thread_id, held.conversation_id
        staffed = row.state in STAFFED
        if thread is None:
            return staffed and await self._make(row, held, locale)
        if held.closed:
            wanted = staffed or held.notice or (row.bounced and await self._untold(held))
            if not wanted or not await self._may(chat):
                return False
            await self._forum.reopen(chat, thread)
            await keeping.change(self._store, id_, closed=False)
            return True
        async with self._store.read() as connection:
            found = await entries_after(connection, id_, held.customer_id, held.mirrored)
        here = thread_key(chat, thread)
        known = {*held.recent, *(one.entry.id for one in found if one.key.startswith(here))}
        fresh = [one for one in found if one.entry.id not in known and not one.pending]
        if fresh and fresh[0].file is not None and not held.notice:
            return await self._show(held, fresh[0], found, known, locale)
        words = [one.entry for one in takewhile(lambda one: one.file is None, fresh)]
        if words or held.notice:
            return await self._say(held, shown(words, locale), found, known)
        await self._advance(held, found, known)
        if row.state is not ConversationState.RESOLVED or any(one.pending and not one.outcome for one in found):
            return False
        if not await self._may(chat):
            return False
        await self._forum.close(chat, thread)
        await keeping.change(self._store, id_, closed=True)
        return True

    async def _untold(self, held: Any) -> bool:
        """Whether an answer came back since the topic was closed; what was told already is written down as such."""
        async with self._store.read() as connection:
            found = await entries_after(connection, held.conversation_id, held.customer_id, held.mirrored)
        known = set(held.recent)
        if any(one.entry.event == UNDELIVERED and one.entry.id not in known for one in found):
            return True
        await self._advance(held, found, known)
        return False

    async def _make(self, row: Any, held: Any, locale: str) -> bool:
        chat, id_ = held.chat_id, held.conversation_id
        if not await self._may(chat):
            return False
        await keeping.change(self._store, id_, making=True)
        try:
            known = f"{row.first_name} {row.last_name}".strip()
            who = called(locale, known, held.customer_id, visitor=row.channel == WEBCHAT)
            name = topic_name(who, row.channel, locale)
            thread = await self._forum.create(chat, name)
        except (SendFailure, ChannelFault) as failure:
            if not isinstance(failure, UnknownOutcome):
                await keeping.change(self._store, id_, making=False)
            raise
        async with self._store.read() as connection:
            begins = await tail_begins(connection, id_, held.customer_id, TAIL)
        mirrored = min(begins, held.mirrored)  # what came since the wish, or never stood in a topic, is not left out
        told = catalogue.text(locale, "desk.topics_twice") + GAP if held.making else ""
        await keeping.change(
            self._store, id_, thread_id=thread, making=False, closed=False, mirrored=mirrored, recent=[],
            notice=keeping.TOPICS.c.notice.concat(told),
        )  # fmt: skip
        return True

    async def _say(self, held: Any, new: Shown, found: Sequence[Found], known: set[str]) -> bool:
        chat, id_ = held.chat_id, held.conversation_id
        told = held.notice
        if new.text and utf16_length(new.text) + utf16_length(told) + len(GAP) > FULL:
            told = ""  # it comes with the next one
        messages = parts(GAP.join(filter(None, (new.text, told.strip()))), new.spans)
        if not await self._may(chat, len(messages)):
            return False
        for part in messages:
            await self._forum.say(chat, held.thread_id, part.text, part.spans)
        if told:
            await keeping.change(self._store, id_, notice=keeping.without(told))
        await self._advance(held, found, known | set(new.ids))
        return True

    async def _show(self, held: Any, new: Found, found: Sequence[Found], known: set[str], locale: str) -> bool:
        """Put one file into the topic; one that Telegram does not take, or nobody has any more, is named."""
        if new.file is None or not await self._may(held.chat_id):
            return False
        async with self._store.read() as connection:
            content = (await read_contents(connection, [new.file.blob])).get(new.file.blob, b"")
        refused = not content
        if content:
            try:
                await self._forum.send(held.chat_id, held.thread_id, replace(new.file, content=content))
            except PermanentFailure as failure:
                if failure.kind not in _OF_THE_FILE:
                    raise
                refused = True
        if refused:
            told = catalogue.text(locale, "desk.topics_file_not_here", file=new.file.name) + GAP
            await keeping.change(self._store, held.conversation_id, notice=keeping.TOPICS.c.notice.concat(told))
        await self._advance(held, found, known | {new.entry.id})
        return True

    async def _advance(self, held: Any, found: Sequence[Found], known: set[str]) -> None:
        """Write down what stands in the topic: up to the first that does not, and younger ones by name."""
        mirrored, settled = held.mirrored, id_floor(machine_now() - OVERLAP)
        open_ = {one.message for one in found if one.entry.id not in known}  # it, or a file of it, is not there yet
        for one in found:
            if one.message in open_ or one.entry.id >= settled:
                break
            mirrored = one.message
        recent = sorted(one.entry.id for one in found if one.entry.id in known and one.message > mirrored)
        if (mirrored, recent) != (held.mirrored, held.recent):
            await keeping.change(self._store, held.conversation_id, mirrored=mirrored, recent=recent)

    async def _may(self, chat: str, messages: int = 1) -> bool:
        wait = await self._turn(chat, messages)
        if wait > 0:
            self._rest[chat] = self._now() + wait
        return wait <= 0


def _asks_for_a_person(failure: SendFailure | ChannelFault) -> bool:
    return isinstance(failure, ChannelFault | PermanentFailure)


def _pause(failure: SendFailure | ChannelFault) -> float:
    """Seconds for which the group is left alone."""
    if _asks_for_a_person(failure):
        return FAULT_SECONDS
    if isinstance(failure, TransientFailure) and failure.retry_after is not None:
        return min(LONGEST_PAUSE, max(1.0, float(failure.retry_after)))
    return PAUSE_SECONDS
