"""One's own page: everybody's, whatever their role. Everything works by forms."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.actors import Actor
from core.agents import Presence
from core.catalogue import LANGUAGES
from core.clock import machine_now
from core.errors import Refused
from desk.access import account, agents, second_factor, sessions
from desk.access.passwords import SHORTEST, WeakPassword
from desk.access.sessions import SignedIn
from desk.guard import ME, Guard, reader_of
from desk.me.browsers import browser_name
from desk.presence import set_presence
from desk.rendering import page
from desk.team.fields import is_locale, is_zone
from desk.team.listing import member
from storage.store import Store

LONGEST_FIELD = 400
MAX_FIELDS = 20
Act = Callable[[SignedIn, dict[str, str]], Awaitable[Response]]


class MyPages:
    """An agent's own account; ``secret`` is the workspace's, which seals second factors."""

    def __init__(self, store: Store, guard: Guard, secret: str) -> None:
        self._store = store
        self._guard = guard
        self._sealer = second_factor.Sealer(secret)

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        acts: dict[str, Act] = {
            "profile": self._profile, "presence": self._presence, "password": self._password,
            "browsers": self._browsers, "second-factor": self._offer, "second-factor/on": self._on,
            "second-factor/off": self._off, "second-factor/codes": self._codes,
        }  # fmt: skip
        page_of = self._guard.page
        return [
            Route("/me", page_of(self._page), methods=["GET"]),
            *(Route(f"/me/{name}", page_of(self._acting(act)), methods=["POST"]) for name, act in acts.items()),
        ]

    async def _page(self, request: Request, me: SignedIn) -> Response:
        done = request.query_params.get("done", "")
        return await self._shown(me, done=done if done in ("profile", "password", "browsers", "off") else "")

    async def _profile(self, me: SignedIn, form: dict[str, str]) -> Response:
        locale, zone = form.get("locale", ""), form.get("zone", "").strip()
        if not is_locale(locale) or not is_zone(zone):
            return await self._shown(me, 422, refused="team_wrong_zone")
        values = {"locale": locale, "zone": zone}
        async with self._store.write() as connection:
            await agents.change(connection, me.email, values, actor=Actor("agent", me.id), now=machine_now())
        return _done("profile")

    async def _presence(self, me: SignedIn, form: dict[str, str]) -> Response:
        there = Presence.ONLINE if form.get("presence") == Presence.ONLINE else Presence.AWAY
        async with self._store.write() as connection:
            await set_presence(connection, me.id, there, seen_at=machine_now())
        return RedirectResponse(ME, 303)

    async def _password(self, me: SignedIn, form: dict[str, str]) -> Response:
        wanted = form.get("new", "")
        if wanted != form.get("again", ""):
            return await self._shown(me, 422, refused="me_not_alike")
        if wanted == form.get("password", ""):
            return await self._shown(me, 422, refused="me_same_password")
        await account.prove(self._store, me.id, form.get("password", ""), machine_now())
        try:
            async with self._store.write() as connection:
                await agents.set_password(
                    connection, me.email, wanted, actor=Actor("agent", me.id), now=machine_now(),
                    but_session=me.session,
                )  # fmt: skip
        except Refused as error:
            if not isinstance(error.__cause__ or error.__context__, WeakPassword):
                raise
            return await self._shown(me, 422, refused="me_weak_password")
        return _done("password")

    async def _browsers(self, me: SignedIn, form: dict[str, str]) -> Response:
        now = machine_now()
        async with self._store.write() as connection:
            if form.get("browser") == "others":
                await sessions.end_sessions(connection, me.id, but=me.session)
                await agents.note(connection, me.id, "sign out other browsers", Actor("agent", me.id), now)
            else:
                await account.sign_out_browser(connection, me.id, form.get("browser", ""), now)
        return _done("browsers")

    async def _offer(self, me: SignedIn, form: dict[str, str]) -> Response:
        """A fresh key as a picture. It counts once a code of it came back; until then the page alone holds it."""
        return await self._offered(me, second_factor.new_key())

    async def _offered(self, me: SignedIn, key: str, status: int = 200, refused: str = "") -> Response:
        import segno

        workspace = await self._guard.workspace()
        picture = segno.make(second_factor.address(key, me.email, workspace.brand.name), error="m")
        return page(
            "me/second_factor.html", reader_of(me, workspace.zone), status, brand=workspace.brand.name, me=me,
            picture=picture.svg_data_uri(scale=5, border=3, dark="#000", light="#fff"), refused=refused,
            key=" ".join(key[at : at + 4] for at in range(0, len(key), 4)),
            sealed=self._sealer.sealed(f"{me.id} {key}"),
        )  # fmt: skip

    async def _on(self, me: SignedIn, form: dict[str, str]) -> Response:
        whose, _, key = (self._sealer.opened(form.get("sealed", "")) or "").partition(" ")
        if whose != me.id or not key:
            return await self._shown(me, 422, refused="me_factor_again")
        try:
            async with self._store.write() as connection:
                codes = await account.turn_on(
                    connection, self._sealer, me.id, key, form.get("code", ""), machine_now()
                )  # fmt: skip
        except account.WrongCode:
            return await self._offered(me, key, 422, "me_wrong_code")
        except Refused:  # another window was faster
            return await self._shown(me, 409, refused="me_factor_again")
        return await self._told_codes(me, codes)

    async def _off(self, me: SignedIn, form: dict[str, str]) -> Response:
        await account.prove(self._store, me.id, form.get("password", ""), machine_now())
        async with self._store.write() as connection:
            await account.turn_off(connection, me.id, actor=Actor("agent", me.id), now=machine_now())
        return _done("off")

    async def _codes(self, me: SignedIn, form: dict[str, str]) -> Response:
        await account.prove(self._store, me.id, form.get("password", ""), machine_now())
        try:
            async with self._store.write() as connection:
                codes = await account.renew_codes(connection, self._sealer, me.id, machine_now())
        except Refused:
            return _done("")
        return await self._told_codes(me, codes)

    async def _told_codes(self, me: SignedIn, codes: Sequence[str]) -> Response:
        workspace = await self._guard.workspace()
        return page(
            "me/codes.html", reader_of(me, workspace.zone), brand=workspace.brand.name, me=me, codes=codes
        )  # fmt: skip

    def _acting(self, act: Act) -> Callable[[Request, SignedIn], Awaitable[Response]]:
        """A form of one's page; a wrong password is said on it, to whom it is asked."""

        async def acted(request: Request, me: SignedIn) -> Response:
            async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
                given = {name: value[:LONGEST_FIELD] for name, value in form.items() if isinstance(value, str)}
            try:
                return await act(me, given)
            except account.WrongPassword:
                return await self._shown(me, 422, refused="me_wrong_password")
            except account.Locked:
                return await self._shown(me, 429, refused="sign_in_locked")

        return acted

    async def _shown(self, me: SignedIn, status: int = 200, *, refused: str = "", done: str = "") -> Response:
        workspace = await self._guard.workspace()
        async with self._store.read() as connection:
            row: Any = await member(connection, me.id)
            found = await sessions.browsers(connection, me.id, machine_now())
            left = await account.codes_left(connection, me.id)
        browsers = [(each, browser_name(each.browser), each.hash == me.session) for each in found]
        return page(
            "me/page.html", reader_of(me, workspace.zone), status, brand=workspace.brand.name, me=me, agent=row,
            browsers=browsers, codes_left=left, locales=LANGUAGES, zone=workspace.zone, refused=refused, done=done,
            shortest=SHORTEST,
        )  # fmt: skip


def _done(what: str) -> Response:
    return RedirectResponse(f"{ME}?done={what}" if what else ME, 303)
