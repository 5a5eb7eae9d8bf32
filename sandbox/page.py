"""The page with the customers' phones: its first paint, its files, and the letters that it shows in frames.

``GET /?lang=&phones=KEY,KEY`` is whole without scripts; with them ``static/`` takes over. Texts of customers and
companies go through an escaping template or a JSON block. The policies allow no inline script anywhere; a letter runs
in a frame of its own without scripts, forms or remote content.
"""

import functools
import mimetypes
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from yarl import URL

from sandbox.outbound import is_loopback
from sandbox.people import LANGUAGES, Message, Person
from sandbox.reckoning import digits, hue, initials, moment
from sandbox.wire import json_response
from sandbox.world import World

if TYPE_CHECKING:
    from jinja2 import Template

STATIC = Path(__file__).parent / "static"
LISTED = 60  # people in the first paint
PHONES = 4  # phones that are put on the table for a newcomer
PHONES_LIMIT = 12
NOTES = 6  # on a phone in the first paint
_LOOKED_AT = 80  # of the latest active people, to choose those phones from
_LINK = re.compile(r"https?://\S+")  # a glimpse of a message goes without
_LETTER_LIMIT = 1 << 20  # characters of a letter

_COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://{host};"
    " frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:{images}; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-same-origin"
)


def mount(app: web.Application, world: World) -> None:
    """Add the page's routes: ``/``, ``/static/…`` and ``/letter/…``."""
    page = Page(world)
    app.router.add_get("/", page.index)
    app.router.add_get("/static/{name:.+}", page.file)
    app.router.add_get("/letter/{key}/{number}", page.letter)


class Page:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def index(self, request: web.Request) -> web.Response:
        """GET /: the page in the language asked for, with the phones asked for (or some that tell most)."""
        if not _is_local(request):
            return _elsewhere()
        lang = request.query.get("lang", "")
        if lang not in LANGUAGES:
            lang = self._world.options.lang
        asked = self._asked(request)
        chosen = self._suggested() if asked is None else asked
        people = self._world.people.search("", active=False, limit=LISTED)
        state = self._world.state()
        boot = {
            "lang": lang,
            "texts": texts(lang),
            "quick": texts("quick"),
            "state": state,
            "notices": list(self._world.live.notices),
            "total": len(self._world.people),
            "people": [person.as_json() for person in people],
            "phones": [person.as_json(with_threads=True) for person in chosen],
            "chosen": asked is not None,
            "groups": [self._world.groups.as_json(group) for group in self._world.groups],
        }
        shown = {person.key for person in chosen}
        content = _template().render(
            lang=lang,
            dir="rtl" if lang == "fa" else "ltr",
            languages=LANGUAGES,
            t=texts(lang),
            n=functools.partial(digits, lang=lang),
            clock=moment(self._world.clock.now(), lang),
            channels=[(name, *self._counted(name, state)) for name in ("email", "telegram", "whatsapp", "sms")],
            people=[_row(person, shown) for person in people],
            total=len(self._world.people),
            phones=[_phone(person) for person in chosen],
            boot=_script_safe(boot),
            sprite=_sprite(),
        )
        headers = {**_COMMON, "Content-Security-Policy": _PAGE_POLICY.format(host=request.host)}
        headers["Cache-Control"] = "no-store"
        return web.Response(text=content, content_type="text/html", headers=headers)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """GET /static/NAME."""
        path = (STATIC / request.match_info["name"]).resolve()
        if not path.is_relative_to(STATIC.resolve()) or not path.is_file():
            return web.Response(status=404, text="There is no such file.\n")
        kind = mimetypes.types_map.get(path.suffix, "application/octet-stream")
        return web.FileResponse(path, headers={**_COMMON, "Content-Type": kind, "Cache-Control": "no-cache"})

    async def letter(self, request: web.Request) -> web.Response:
        """GET /letter/KEY/ID?remote=1: the letter's own HTML, under a policy that lets nothing of it act."""
        if not _is_local(request):
            return _elsewhere()
        person = self._world.people.by_key.get(request.match_info["key"])
        message = person and _find(person, request.match_info["number"])
        letter = self._world.office.letter(message.raw) if message else None
        if letter is None or letter.html is None:
            return web.Response(status=404, text="This letter is not kept.\n")
        images = " http: https:" if request.query.get("remote") == "1" else ""
        headers = {**_COMMON, "Content-Security-Policy": _LETTER_POLICY.format(images=images)}
        headers |= {"Cache-Control": "no-store", "X-DNS-Prefetch-Control": "off"}
        return web.Response(text=letter.html[:_LETTER_LIMIT], content_type="text/html", headers=headers)

    def _asked(self, request: web.Request) -> list[Person] | None:
        """The people that ``phones=`` names; None when it is not given."""
        if "phones" not in request.query:
            return None
        keys = dict.fromkeys(request.query["phones"].split(",")[:PHONES_LIMIT])
        return [self._world.people.by_key[key] for key in keys if key in self._world.people.by_key]

    def _suggested(self) -> list[Person]:
        """People worth seeing first: who wrote last, then those with messages in several apps, of several languages."""
        found = self._world.people.search("", active=False, limit=_LOOKED_AT)
        ranked = sorted(found, key=lambda person: -_told(person))
        chosen = self._world.people.search("", active=True, limit=1, wrote=True)
        for fresh in (True, False):
            for person in ranked:
                if len(chosen) < PHONES and person not in chosen:
                    if fresh and any(other.lang == person.lang for other in chosen):
                        continue
                    chosen.append(person)
        return chosen

    def _counted(self, channel: str, state: dict[str, Any]) -> tuple[int, int, int]:
        """Sent, delivered, replied."""
        accepted = state["ledger"]["by_channel"].get(channel, {}).get("accepted", 0)
        return accepted, state["reached"][channel], state["wrote"][channel]


@functools.cache
def texts(name: str) -> dict[str, Any]:
    """A catalogue of ``static/texts``: texts by key, or by key and plural form."""
    found: dict[str, Any] = orjson.loads((STATIC / "texts" / f"{name}.json").read_bytes())
    return found


def _told(person: Person) -> int:
    """How much a phone has to tell: apps with messages count, and more so answers."""
    threads = person.threads or {}
    wrote = any(message.by == "customer" for kept in threads.values() for message in kept)
    return 2 * sum(map(bool, threads.values())) + wrote + bool(person.bought)


def _row(person: Person, shown: set[str]) -> dict[str, Any]:
    last = max((kept[-1] for kept in (person.threads or {}).values() if kept), key=lambda m: m.number, default=None)
    return {
        "key": person.key,
        "url": str(URL.build(path="/", query={"phones": person.key})),
        "name": person.name,
        "initials": initials(person.name),
        "hue": hue(person.key),
        "lang": person.lang,
        "line": "" if last is None else (last.subject or last.text)[:120],
        "shown": person.key in shown,
    }


def _phone(person: Person) -> dict[str, Any]:
    came = [
        (message.number, app, message)
        for app, kept in (person.threads or {}).items()
        for message in kept
        if message.by == "company"
    ]
    came.sort(key=lambda entry: -entry[0])
    notes = [
        {"app": app, "title": message.subject or "", "text": _LINK.sub("", message.text)[:200]}
        for _, app, message in came[:NOTES]
    ]
    return {**_row(person, set()), "notes": notes}


def _find(person: Person, number: str) -> Message | None:
    kept = (person.threads or {}).get("email", ())
    return next((message for message in kept if str(message.number) == number), None)


def _script_safe(data: object) -> str:
    """JSON that cannot leave its ``<script type="application/json">``."""
    return orjson.dumps(data).decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@functools.cache
def _sprite() -> str:
    return (STATIC / "icons.svg").read_text("utf-8")


@functools.cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True).get_template("page.html")  # fmt: skip


def _is_local(request: web.Request) -> bool:
    """Whether the page was asked for by this machine's own name: others' names may be rebound to it."""
    return is_loopback(URL(f"//{request.host}").host)


def _elsewhere() -> web.Response:
    return json_response({"error": "the sandbox answers on 127.0.0.1 only"}, 403)
