"""The search: a page of its own, and a part that opens over the inbox."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from desk.access.sessions import SignedIn
from desk.guard import Guard, reader_of
from desk.rendering import HEADERS, page, rendered
from desk.search.finding import LONGEST, search
from storage.store import Store


class SearchPages:
    """Finds people and conversations for everybody at the desk."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [Route("/search", self._guard.page(self._search), methods=["GET"])]

    async def _search(self, request: Request, me: SignedIn) -> Response:
        asked = request.query_params.get("q", "")[:LONGEST]
        workspace = await self._guard.workspace()
        reader = reader_of(me, workspace.zone)
        async with self._store.read() as connection:
            found = await search(connection, asked)
        if request.headers.get("x-desk") == "part":
            return HTMLResponse(rendered("search/found.html", reader, found=found, asked=asked), 200, dict(HEADERS))
        return page("search/page.html", reader, brand=workspace.brand.name, me=me, found=found, asked=asked)
