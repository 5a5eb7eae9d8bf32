"""The page on which canned replies are kept, and the list that the composer shows."""

from dataclasses import asdict

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from campaigns.live import workspace_config
from core.actors import Actor
from core.agents import Role
from core.clock import Clock
from core.errors import Refused
from core.ids import is_id
from desk.access.sessions import SignedIn
from desk.canned.replies import Reply, keep, kept, offered, remove
from desk.guard import Guard, reader_of
from desk.rendering import HEADERS, page
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)
HERE = "/desk/canned"


class CannedPages:
    """Kept by marketers and administrators, used by everybody who answers."""

    def __init__(self, store: Store, clock: Clock, guard: Guard) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        page_of = self._guard.page
        return [
            Route("/canned", page_of(self._show, Role.MARKETER), methods=["GET"]),
            Route("/canned", page_of(self._keep, Role.MARKETER), methods=["POST"]),
            Route("/canned/{id}/remove", page_of(self._remove, Role.MARKETER), methods=["POST"]),
            Route("/inbox/{id}/canned", page_of(self._offer), methods=["GET"]),
        ]

    async def _show(self, request: Request, me: SignedIn) -> Response:
        return await self._page(me)

    async def _page(self, me: SignedIn, draft: Reply | None = None, problem: str = "") -> Response:
        workspace = await self._guard.workspace()
        async with self._store.read() as connection:
            replies = await kept(connection)
        return page(
            "canned/page.html", reader_of(me, workspace.zone), 422 if problem else 200, brand=workspace.brand.name,
            me=me, replies=replies, draft=draft or Reply("", "", "", ""), problem=problem,
        )  # fmt: skip

    async def _keep(self, request: Request, me: SignedIn) -> Response:
        async with request.form(max_files=0, max_fields=10) as form:
            given = {name: str(form.get(name, "")) for name in ("id", "name", "locale", "text")}
        reply = Reply(given["id"] if is_id(given["id"]) else "", given["name"], given["locale"], given["text"])
        try:
            async with self._store.write() as connection:
                await keep(connection, reply, actor=Actor("agent", me.id), now=self._clock.now())
        except Refused as refused:
            zone = (await self._guard.workspace()).zone
            return await self._page(me, reply, reader_of(me, zone).refusal(refused))
        return RedirectResponse(HERE, 303)

    async def _remove(self, request: Request, me: SignedIn) -> Response:
        async with self._store.write() as connection:
            await remove(connection, request.path_params["id"], actor=Actor("agent", me.id), now=self._clock.now())
        return RedirectResponse(HERE, 303)

    async def _offer(self, request: Request, me: SignedIn) -> Response:
        """The replies filled in for the conversation's customer, for the composer."""
        id_ = request.path_params["id"]
        async with self._store.read() as connection:
            wanted = select(_CONVERSATIONS.c.customer_id, _CONVERSATIONS.c.language).where(_CONVERSATIONS.c.id == id_)
            row = (await connection.execute(wanted)).first() if is_id(id_) else None
            if row is None:
                return PlainTextResponse("there is no such conversation", 404)
            config = await workspace_config(connection)
            found = await offered(connection, config, row.customer_id, row.language, self._clock.now())
        return JSONResponse([asdict(one) for one in found], headers=dict(HEADERS))
