"""The director: moves the two clocks, and only when there is nothing left to do at the present instant."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from core.clock import uptime
from core.errors import OtklikError

LOOK_SECONDS = 0.005
WAIT = 5.0
"""Machine seconds after which a sender that is not at rest says so, for a look at whether it gets on."""
PATIENCE = 60.0
"""Machine seconds after which a scene that does not come to rest is an error, not a wait."""
REQUEST = aiohttp.ClientTimeout(total=600)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where both sides stand."""

    now: datetime
    next_ours: datetime | None
    next_theirs: datetime | None
    ours: dict[str, Any]
    theirs: dict[str, Any]


class Director:
    """Drives a worker (``otklik run`` on a virtual clock) and the sandbox."""

    def __init__(self, session: aiohttp.ClientSession, worker: str, sandbox: str) -> None:
        self._session = session
        self.worker = worker
        self.sandbox = sandbox

    async def get(self, url: str) -> dict[str, Any]:
        """GET JSON."""
        async with self._session.get(url, timeout=REQUEST) as response:
            return _checked(url, response.status, await response.read())

    async def post(self, url: str, body: object) -> dict[str, Any]:
        """POST JSON."""
        headers = {"content-type": "application/json"}
        async with self._session.post(url, data=orjson.dumps(body), headers=headers, timeout=REQUEST) as response:
            return _checked(url, response.status, await response.read())

    async def rest(self) -> Scene:
        """Wait until nothing is due, claimed, on its way or unprocessed on either side.

        Theirs is seen before and after ours: what they had in hand in between has then arrived.

        Raises:
            OtklikError: if that does not come about; says what is left.
        """
        moved, since = None, uptime()
        theirs = await self.get(f"{self.sandbox}/control/state")
        while True:
            seconds = WAIT if not theirs["undelivered_updates"] else 0
            wait = f"mails={theirs['company_mails']}&seconds={seconds}"
            ours = await self.get(f"{self.worker}/control/rest?{wait}")
            before, theirs = theirs, await self.get(f"{self.sandbox}/control/state")
            fetched = ours["mails"] >= theirs["company_mails"]
            taken = not before["undelivered_updates"] and not theirs["undelivered_updates"]
            if ours["idle"] and fetched and taken:
                return _scene(ours, theirs)
            progress = (theirs["ledger"]["total"], theirs["performed_actions"], ours["due"], ours["unprocessed"])
            if progress != moved:
                moved, since = progress, uptime()
            if uptime() - since > PATIENCE:
                left = {key: ours[key] for key in ("due", "sendable", "claimed", "dispatching", "unprocessed", "busy")}
                raise OtklikError(f"the scene does not come to rest: {left}, mail fetched: {fetched}")
            if theirs["undelivered_updates"]:
                await asyncio.sleep(LOOK_SECONDS)

    async def move_to(self, instant: datetime, scene: Scene) -> None:
        """Move both clocks to ``instant``: first the side on which nothing happens then."""
        ours = scene.next_ours is not None and scene.next_ours <= instant
        body = {"now": instant.isoformat()}
        if ours:
            await self.post(f"{self.sandbox}/control/clock", body)
            await self.post(f"{self.worker}/control/clock", body)
        else:
            await self.post(f"{self.worker}/control/clock", body)
            await self.post(f"{self.sandbox}/control/clock", body)

    async def hurry(self, now: datetime) -> None:
        """Let the worker look at once at what was put into its store from here."""
        await self.post(f"{self.worker}/control/clock", {"now": now.isoformat()})

    async def play(
        self, until: datetime, on_scene: Callable[[Scene], Awaitable[bool]], *, start: Scene | None = None
    ) -> Scene:
        """Play until ``until``, or until nothing is left, or until ``on_scene`` says False."""
        scene = start or await self.rest()
        while await on_scene(scene):
            upcoming = [at for at in (scene.next_ours, scene.next_theirs) if at is not None]
            if not upcoming or min(upcoming) > until:
                return scene
            await self.move_to(max(min(upcoming), scene.now), scene)
            scene = await self.rest()
        return scene

    async def skip_to(self, instant: datetime) -> Scene:
        """Play up to ``instant`` and let the clocks stand there."""
        scene = await self.play(instant, _always)
        if scene.now < instant:
            await self.move_to(instant, scene)
            scene = await self.rest()
        return scene


async def _always(_: Scene) -> bool:
    return True


def _scene(ours: dict[str, Any], theirs: dict[str, Any]) -> Scene:
    def instant(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    now = datetime.fromisoformat(ours["now"])
    return Scene(now, instant(ours["next_at"]), instant(theirs["next"]), ours, theirs)


def _checked(url: str, status: int, body: bytes) -> dict[str, Any]:
    if status != 200:
        raise OtklikError(f"{url} answered {status}: {body[:500].decode(errors='replace')}")
    answer: dict[str, Any] = orjson.loads(body)
    return answer
