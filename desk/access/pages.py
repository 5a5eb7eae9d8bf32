"""The sign-in page, and out again."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from core.agents import Presence
from core.clock import machine_now, uptime
from core.errors import StoreUnavailable
from desk.access import sessions
from desk.access.sessions import LONGEST, SignedIn
from desk.access.signing_in import Answer, Entrance
from desk.guard import COOKIE, ME, SIGN_IN, Guard, busy, own_page, stranger
from desk.presence import set_presence
from desk.rendering import page
from storage.store import Store

LONGEST_FIELD = 400
WRONG_SECONDS = 0.4
"""How long a wrong answer takes, whatever was wrong: who is known here cannot be told by the clock."""


class Door:
    """Signs agents in and out."""

    def __init__(self, store: Store, guard: Guard, secret: str) -> None:
        self._store = store
        self._guard = guard
        self._entrance = Entrance(store, secret)

    def routes(self) -> list[Route]:
        return [
            Route("/sign-in", self._show, methods=["GET"]),
            Route("/sign-in", self._enter, methods=["POST"]),
            Route("/sign-out", self._guard.page(self._leave), methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        try:
            if await self._guard.who(request) is not None:
                return RedirectResponse("/desk/inbox", 303)
            brand = (await self._guard.workspace()).brand.name
        except StoreUnavailable:
            return busy(request)
        return page("sign_in.html", stranger(request), brand=brand, answer="", email="")

    async def _enter(self, request: Request) -> Response:
        if not own_page(request.headers):
            return PlainTextResponse(stranger(request).say("refused_foreign"), 403)
        async with request.form(max_files=0, max_fields=10) as form:
            given = {name: str(form.get(name, ""))[:LONGEST_FIELD] for name in ("email", "password", "code")}
        began = uptime()
        try:
            brand = (await self._guard.workspace()).brand.name
            tried = await self._entrance.sign_in(
                given["email"], given["password"], given["code"],
                browser=request.headers.get("user-agent", ""), now=machine_now(),
            )  # fmt: skip
            if tried.answer is Answer.IN:
                async with self._store.write() as connection:
                    await set_presence(connection, tried.agent_id, Presence.ONLINE, seen_at=machine_now())
        except StoreUnavailable:
            return busy(request)
        if tried.answer is Answer.WRONG:
            await asyncio.sleep(max(0.0, began + WRONG_SECONDS - uptime()))
        if tried.answer is not Answer.IN:
            status = 200 if tried.answer is Answer.CODE else 401
            return page(
                "sign_in.html", stranger(request), status, brand=brand, answer=tried.answer.value,
                email=given["email"],
            )  # fmt: skip
        response = RedirectResponse(ME if tried.lent else "/desk/inbox", 303)
        response.set_cookie(
            COOKIE, tried.token, max_age=int(LONGEST.total_seconds()), path="/desk", httponly=True, samesite="lax",
            secure=self._guard.secure,
        )  # fmt: skip
        return response

    async def _leave(self, request: Request, me: SignedIn) -> Response:
        async with self._store.write() as connection:
            await sessions.end_session(connection, me.session)
            await set_presence(connection, me.id, Presence.OFFLINE)
        response = RedirectResponse(SIGN_IN, 303)
        response.delete_cookie(COOKIE, path="/desk")
        return response
