"""Saving: the draft becomes the files of the folder, and the folder comes into force, as ``otklik apply`` brings it.

What it would change is said before, and put in force only if it is still that. The files go first: after a crash
between the two the folder is ahead of the store, which the editor and ``otklik plan`` tell; what somebody wrote is
never lost.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.applying import FlowsPart
from campaigns.applying import Applied, Change, Part, apply, diff
from core.actors import Actor
from core.errors import OtklikError, Refused, StoreUnavailable
from desk.campaigns.editing.checking import check
from desk.campaigns.editing.folder import Draft, Folder
from desk.campaigns.editing.subject import Subject
from desk.campaigns.editing.workbench import Loaded, Workbench
from storage.store import Store

_PATIENCE = 10.0
"""Seconds that a save waits for another one."""
_LOOK = 0.05


class Moved(Exception):
    """What is in force is not what was looked at any more; nothing was written."""


class Otherwise(Exception):
    """Saving would now change something else than was said; nothing was written."""


@dataclass(frozen=True, slots=True)
class Review:
    """What saving would change; ``mark`` stands for just that."""

    changes: Sequence[Change]
    mark: str

    def own(self, subject: Subject) -> Sequence[Change]:
        """Those that concern what is edited."""
        return [one for one in self.changes if subject.holds(one)]

    def others(self, subject: Subject) -> Sequence[Change]:
        """Those that concern something else: the folder had them before, or it goes with this."""
        return [one for one in self.changes if not subject.holds(one) and one.action != "keep"]


@dataclass(frozen=True, slots=True)
class _StillThere:
    """Refuses the whole transaction where somebody else put another version in force meanwhile.

    Satisfies ``campaigns.applying.Part``.
    """

    subject: Subject
    seen: str

    async def changes(self, connection: AsyncConnection) -> Sequence[Change]:
        """None of its own: a look, in the transaction, before anything of it is written."""
        if await self.subject.standing(connection) != self.seen:
            raise Moved
        return ()

    async def write(self, connection: AsyncConnection, actor: Actor, now: datetime) -> None:
        """Nothing."""


async def review(store: Store, loaded: Loaded, drafts: Sequence[Draft]) -> Review:
    """What it would change now."""
    changes = await diff(store, loaded.workspace, parts=[FlowsPart(loaded.flows)])
    written = [f"{draft.path}\0{draft.text}\0{draft.base}" for draft in drafts]
    digest = hashlib.sha256("\1".join([*map(str, changes), *written]).encode()).hexdigest()
    return Review(changes, digest)


async def save(
    store: Store,
    bench: Workbench,
    drafts: Sequence[Draft],
    subject: Subject,
    *,
    seen: str,
    sure: str,
    actor: Actor,
    now: datetime,
) -> Applied:
    """Write the files and put the folder in force, both or nothing. ``sure`` is the mark of the review that was read.

    Raises:
        Overtaken: if a file changed since it was read.
        Moved: if what is in force did.
        Otherwise: if it would change something else than was said.
        Refused: in words; nothing was changed.
        StoreUnavailable: perhaps with the files written: then the folder is ahead of the store.
    """
    folder = Folder(bench.folder)
    async with _alone(folder):
        loaded = (await asyncio.to_thread(check, bench, subject, drafts)).loaded
        if loaded is None or (await review(store, loaded, drafts)).mark != sure:
            raise Otherwise
        before = await asyncio.to_thread(folder.write, drafts)
        try:
            parts: list[Part] = [_StillThere(subject, seen), FlowsPart(loaded.flows)]
            return await apply(store, loaded.workspace, actor, now, parts=parts)
        except StoreUnavailable:
            raise
        except (Moved, OtklikError):
            await asyncio.to_thread(folder.put_back, before)
            raise


@asynccontextmanager
async def _alone(folder: Folder) -> AsyncIterator[None]:
    with ExitStack() as stack:
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    with suppress(BlockingIOError):
                        stack.enter_context(folder.locked())
                        break
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            words = "somebody else is saving just now; try again in a moment"
            raise Refused(words, name="saving") from None
        yield
