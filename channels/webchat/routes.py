"""Where the chat is served: its script for other sites, a page of our own, and its WebSocket."""

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.websockets import WebSocket

from channels.pages import locale_of, preferred_locale
from channels.webchat.adapter import WebchatAdapter
from channels.webchat.socket import PATH, ChatSocket
from channels.webhooks import Spool
from core.catalogue import text

STATIC = Path(__file__).parent / "static"
WORDS = (
    "title", "open", "close", "write", "send", "greeting", "you", "sending", "not_sent", "again", "offline", "online",
    "older", "seen", "email_ask", "email_label", "email_save", "email_saved", "email_bad", "too_fast", "crowded",
    "new", "edited",
)  # fmt: skip
"""The texts of the window, by their ids under ``chat.``."""
CACHE_SECONDS = 300


def words(locale: str) -> Mapping[str, str]:
    """The window's texts in the language nearest to ``locale``, with ``locale`` and ``dir`` themselves."""
    return _words(locale_of(locale))


@lru_cache(maxsize=8)
def _words(locale: str) -> Mapping[str, str]:
    said = {name: text(locale, f"chat.{name}", email="{email}") for name in WORDS}
    return {**said, "locale": locale, "dir": "rtl" if locale == "fa" else "ltr"}


def webchat_router(adapter: WebchatAdapter, spool: Spool, *, secret: str, public_url: str) -> APIRouter:
    """``/chat.js`` for a ``<script>`` on the shop's site, ``/chat`` as a page of its own, ``/chat/ws`` for both."""
    served = ChatSocket(adapter, spool, words, secret=secret)
    parts = urlsplit(public_url)
    own_origin = f"{parts.scheme}://{parts.netloc}"
    router = APIRouter()

    async def script(request: Request) -> Response:
        made = _script(adapter.settings.colour)
        tag = f'"{hashlib.blake2b(made, digest_size=8).hexdigest()}"'
        headers = {
            "cache-control": f"public, max-age={CACHE_SECONDS}",
            "etag": tag,
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(made, media_type="text/javascript; charset=utf-8", headers=headers)

    async def page(request: Request) -> Response:
        wanted = request.query_params.get("lang", "")
        locale = locale_of(wanted) if wanted else preferred_locale(request.headers.get("accept-language", ""))
        return HTMLResponse(_page(locale), headers=_policy())

    async def socket(websocket: WebSocket) -> None:
        await served.serve(websocket, own_origin)

    router.add_route("/chat.js", script, methods=["GET"])
    router.add_route("/chat", page, methods=["GET"])
    router.add_api_websocket_route(PATH, socket)
    return router


@lru_cache(maxsize=4)
def _script(colour: str) -> bytes:
    """The window's script with its style and, for its first moment, its words in every language."""
    script = (STATIC / "chat.js").read_text(encoding="utf-8")
    style = (STATIC / "chat.css").read_text(encoding="utf-8").replace("#2457d6", colour)
    spoken = {locale: dict(_words(locale)) for locale in ("en", "ru", "fa")}
    filled = {"STYLE": style, "WORDS": spoken}
    for name, value in filled.items():
        script = script.replace(f'"%{name}%"', orjson.dumps(value).decode().replace("<", "\\u003c"))
    return script.encode()


_PAGE_STYLE = (
    "html,body{margin:0;height:100%;background:#eef1f5}@media(prefers-color-scheme:dark){html,body{background:#10141a}}"
)


def _page(locale: str) -> str:
    direction = "rtl" if locale == "fa" else "ltr"
    title = escape(text(locale, "chat.title"))
    return (
        f'<!doctype html><html lang="{locale}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1,interactive-widget=resizes-content">'
        f"<title>{title}</title><style>{_PAGE_STYLE}</style></head>"
        f'<body><script src="/chat.js" data-page data-locale="{locale}"></script>'
        f"<noscript>{title}</noscript></body></html>"
    )


@lru_cache(maxsize=1)
def _policy() -> Mapping[str, str]:
    style = base64.b64encode(hashlib.sha256(_PAGE_STYLE.encode()).digest()).decode()
    return {
        "cache-control": "no-store",
        "content-security-policy": f"default-src 'none'; script-src 'self'; style-src 'sha256-{style}'; "
        "connect-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
