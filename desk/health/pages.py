"""The health page: read on every look, the same for a script that asks for its living part again."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from core.agents import Role
from core.clock import Clock, machine_now
from desk.access.sessions import SignedIn
from desk.guard import Guard, reader_of
from desk.health.judging import findings_of, level_of
from desk.health.reading import ALIVE_SECONDS, read_health
from desk.health.words import HealthWords
from desk.rendering import HEADERS, page, rendered
from storage.store import Store


class HealthPages:
    """For admins."""

    def __init__(self, store: Store, clock: Clock, guard: Guard) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [Route("/health", self._guard.page(self._page, Role.ADMIN), methods=["GET"])]

    async def _page(self, request: Request, me: SignedIn) -> Response:
        now, workspace = self._clock.now(), await self._guard.workspace()
        async with self._store.read() as connection:
            health = await read_health(connection, now, machine_now())
        found = findings_of(health, now)
        reader = reader_of(me, workspace.zone)
        values: dict[str, Any] = {
            "health": health, "findings": found, "level": level_of(found), "words": HealthWords(reader), "now": now,
            "alive_seconds": ALIVE_SECONDS,
        }  # fmt: skip
        if request.headers.get("x-desk") == "part":
            return HTMLResponse(rendered("health/part.html", reader, **values), headers=dict(HEADERS))
        return page("health/page.html", reader, brand=workspace.brand.name, me=me, **values)
