"""``/p/TOKEN``: the customer's choices. A GET shows them and changes nothing, a POST keeps what was chosen."""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from campaigns.composing.links import PREFERENCES
from campaigns.periods import zone_named
from campaigns.templates.localised import local_date, local_digits
from channels.pages import HEADERS as PLAIN_HEADERS
from channels.pages import busy_page, locale_of, lost_page, preferred_locale
from channels.webhooks import BodyTooLarge, read_body
from core import catalogue
from core.clock import Clock
from core.errors import StoreUnavailable
from core.tokens import Signer
from core.wakeup import JOURNEYS, Wakeup
from desk.preferences.choices import LANGUAGES, Preferences, Wish, read_wish
from desk.preferences.keeping import keep, preferences_of
from storage.merging.tombstones import survivor_of
from storage.store import Store

HERE = Path(__file__).parent
MAX_FORM = 16_384
FIELDS = 200


class PreferencePages:
    """The page of every customer of one store."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, secret: str) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._tokens = Signer(secret, PREFERENCES)

    async def show(self, request: Request) -> Response:
        """GET: the choices as they are."""
        shown = await self._shown(request)
        return _lost(request) if shown is None else _answer(_page(shown))

    async def change(self, request: Request) -> Response:
        """POST: keep the choices, and show what holds now."""
        shown = await self._shown(request)
        if shown is None:
            return _lost(request)
        try:
            body = await read_body(request, MAX_FORM)
        except BodyTooLarge:
            return PlainTextResponse("too large", 413, {"connection": "close"})
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("too slow", 408, {"connection": "close"})
        try:
            form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=FIELDS)
        except ValueError:
            return PlainTextResponse("too many fields", 413)
        wish = read_wish(form, shown)
        locale = locale_of(shown.locale)
        wording = catalogue.text(locale, "prefs.agree", brand=shown.brand)
        async with self._store.write() as connection:
            await keep(connection, shown, wish, wording, now=self._clock.now())
        self._wakeup.notify(JOURNEYS)
        after = await self._shown(request)
        return _lost(request) if after is None else _answer(_page(after, _done(wish, after)))

    async def _shown(self, request: Request) -> Preferences | None:
        customer_id = self._tokens.verify(request.path_params["token"])
        if customer_id is None:
            return None
        async with self._store.read() as connection:
            return await preferences_of(connection, await survivor_of(connection, customer_id), self._clock.now())


def preferences_router(store: Store, clock: Clock, wakeup: Wakeup, *, secret: str) -> APIRouter:
    """The routes; ``secret`` is the workspace's, which signed the links."""
    pages, router = PreferencePages(store, clock, wakeup, secret), APIRouter()
    router.add_route("/p/{token}", _kept(pages.show), methods=["GET"])
    router.add_route("/p/{token}", _kept(pages.change), methods=["POST"])
    return router


def _kept(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except StoreUnavailable:
            locale = preferred_locale(request.headers.get("accept-language", ""))
            return HTMLResponse(busy_page(locale), 503, {**PLAIN_HEADERS, "retry-after": "60"})

    return answered


def _lost(request: Request) -> Response:
    locale = preferred_locale(request.headers.get("accept-language", ""))
    return HTMLResponse(lost_page(locale), 404, dict(PLAIN_HEADERS))


def _done(wish: Wish, after: Preferences) -> str:
    agrees = any(place.granted for place in after.places)
    return "stopped" if wish.stop or (after.places and not agrees) else "saved"


def _page(shown: Preferences, done: str = "") -> str:
    locale = locale_of(shown.locale)
    zone = zone_named(shown.zone)

    def say(name: str, **values: object) -> str:
        return catalogue.text(locale, f"prefs.{name}", **values)

    def channel(name: str) -> str:
        try:
            return say(name)
        except KeyError:
            return name.capitalize()

    def date(instant: datetime) -> str:
        return local_date(instant.astimezone(zone).date(), shown.locale)

    def hours(span: str) -> str:
        return local_digits(span.replace("-", "–"), shown.locale)

    spans = shown.offered_hours
    any_time = (
        say("any_time", opens=hours(spans[0].partition("-")[0]), closes=hours(spans[-1].rpartition("-")[2]))
        if spans
        else ""
    )
    made: str = _template().render(
        shown=shown, locale=locale, direction="rtl" if locale == "fa" else "ltr", say=say, channel=channel, date=date,
        hours=hours, any_time=any_time, languages=LANGUAGES, done=done, style=Markup(_style()),  # noqa: S704  ours
        zone=shown.zone.replace("_", " "), agreed=any(place.granted for place in shown.places),
    )  # fmt: skip
    return made


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((HERE / "page.html").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _style() -> str:
    return (HERE / "page.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _headers() -> Mapping[str, str]:
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {**PLAIN_HEADERS, "content-security-policy": policy}


def _answer(page: str) -> Response:
    return HTMLResponse(page, 200, dict(_headers()))
