"""The door of the desk: who asks, whether they may, and whether their own page asked it.

A cookie alone is not trusted to change anything: the browser must say that the request comes from our own pages
(``Sec-Fetch-Site``, Fetch Metadata; else ``Origin``).
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from campaigns.definition import WorkspaceConfig
from campaigns.live import workspace_config
from channels.pages import HEADERS as PLAIN_HEADERS
from channels.pages import busy_page, preferred_locale
from core.agents import Role
from core.clock import machine_now
from core.errors import StoreUnavailable
from desk.access import sessions
from desk.access.sessions import SignedIn
from desk.rendering import Reader
from storage.store import Store

COOKIE = "otklik_desk"
SIGN_IN = "/desk/sign-in"
ME = "/desk/me"
_OPEN_TO_LENT = (ME, "/desk/sign-out")
"""Who came in by a password that somebody gave them chooses their own before anything else."""
Page = Callable[[Request, SignedIn], Awaitable[Response]]


class Guard:
    """Lets agents of one store in."""

    def __init__(self, store: Store, *, secure: bool) -> None:
        self._store = store
        self.secure = secure

    async def who(self, connection: HTTPConnection) -> SignedIn | None:
        """Whose cookie it is."""
        token = connection.cookies.get(COOKIE, "")
        if not token:
            return None
        async with self._store.read() as store:
            return await sessions.who(store, token, machine_now())

    async def workspace(self) -> WorkspaceConfig:
        """The workspace as it is now: whose desk this is, and its zone."""
        async with self._store.read() as store:
            return await workspace_config(store)

    def page(self, shown: Page, role: Role = Role.AGENT) -> Callable[[Request], Awaitable[Response]]:
        """A page for who is signed in and has ``role`` or more; others are led to the door, or told so."""

        async def answered(request: Request) -> Response:
            if request.method not in ("GET", "HEAD") and not own_page(request.headers):
                return PlainTextResponse(stranger(request).say("refused_foreign"), 403)
            try:
                me = await self.who(request)
                if me is None:
                    return _to_the_door(request)
                if me.lent and not request.url.path.startswith(_OPEN_TO_LENT):
                    return RedirectResponse(ME, 303)
                if not me.role.allows(role):
                    return PlainTextResponse(reader_of(me, "UTC").say("refused_role"), 403)
                now = machine_now()
                if me.seen_at < now - sessions.SEEN_EVERY:
                    async with self._store.write() as store:
                        await sessions.seen(store, me.session, now)
                return await shown(request, me)
            except StoreUnavailable:
                return busy(request)

        return answered


def own_page(headers: Headers) -> bool:
    """Whether the request was made by a page of ours."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


def reader_of(me: SignedIn, zone: str) -> Reader:
    """The agent as a reader; ``zone`` is the organisation's, for those without their own."""
    return Reader(me.locale, me.zone or zone)


def stranger(request: Request) -> Reader:
    """Somebody whom only their browser describes."""
    return Reader(preferred_locale(request.headers.get("accept-language", "")), "UTC")


def busy(request: Request) -> Response:
    """The store is away: said so, with when to come back."""
    locale = preferred_locale(request.headers.get("accept-language", ""))
    return HTMLResponse(busy_page(locale), 503, {**PLAIN_HEADERS, "retry-after": "10"})


def _to_the_door(request: Request) -> Response:
    if request.headers.get("x-desk") == "part":  # asked by a script: it reloads the page
        return PlainTextResponse("signed out", 401)
    return RedirectResponse(SIGN_IN, 303)
