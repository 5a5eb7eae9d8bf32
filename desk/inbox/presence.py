"""The agent's own switch: there or away, from every page of the desk."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.agents import Presence
from core.clock import machine_now
from desk.access.sessions import SignedIn
from desk.guard import Guard
from desk.presence import set_presence
from storage.store import Store


class PresenceSwitch:
    """Takes an agent's own word of whether they take chats."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [Route("/presence", self._guard.page(self._switch), methods=["POST"])]

    async def _switch(self, request: Request, me: SignedIn) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            there = Presence.ONLINE if form.get("presence") == Presence.ONLINE else Presence.AWAY
        async with self._store.write() as connection:
            await set_presence(connection, me.id, there, seen_at=machine_now())
        back = urlsplit(request.headers.get("referer", ""))
        ours = back.path.startswith("/desk/") and not back.path.startswith("//")
        query = f"?{back.query}" if back.query else ""
        return RedirectResponse(f"{back.path}{query}" if ours else "/desk/inbox", 303)
