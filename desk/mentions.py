"""Where colleagues named one: the notes, and how many are new since one looked."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.handoff.mentions import mentions_of
from core.clock import machine_now
from core.ids import is_id
from desk.access.sessions import SignedIn
from desk.guard import Guard, reader_of
from desk.rendering import HEADERS, page
from storage.store import Store


class MentionPages:
    """An agent's own mentions. What is new is known by the browser, which keeps the last that it showed."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [
            Route("/mentions", self._guard.page(self._page), methods=["GET"]),
            Route("/mentions/new", self._guard.page(self._new), methods=["GET"]),
        ]

    async def _page(self, request: Request, me: SignedIn) -> Response:
        workspace = await self._guard.workspace()
        async with self._store.read() as connection:
            found = await mentions_of(connection, me.id, machine_now())
        reader = reader_of(me, workspace.zone)
        return page("mentions/page.html", reader, brand=workspace.brand.name, me=me, mentions=found)

    async def _new(self, request: Request, me: SignedIn) -> Response:
        """How many came ``?after=`` that one, and the newest."""
        after = request.query_params.get("after", "")
        async with self._store.read() as connection:
            found = await mentions_of(connection, me.id, machine_now())
        new = [one for one in found if not is_id(after) or one.id > after]
        words = reader_of(me, "UTC").say("mentions_by", who=f"\u2068{new[0].by}\u2069") if new else ""
        told = {"number": len(new), "newest": found[0].id if found else "", "words": words}
        told["at"] = f"/desk/inbox/{new[0].conversation_id}" if new else ""
        return JSONResponse(told, headers=dict(HEADERS))
