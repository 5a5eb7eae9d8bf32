"""A message as one HTTP request to the gateway. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from channels.gateway.description import Call, Gateway, Name, Secret, Template
from channels.gateway.numbers import written
from core.errors import PermanentFailure, PermanentKind
from core.messages import OutboundMessage
from core.sms import sms_parts


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request, ready to go. ``url`` and ``headers`` may hold secrets, so nothing of it is shown."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def values_of(gateway: Gateway, message: OutboundMessage, *, sender: str, callback: str) -> dict[str, str]:
    """What the templates may name, for this message.

    Raises:
        PermanentFailure: what an SMS by this gateway cannot carry; nothing is cut or left out silently.
    """
    if message.template is not None or message.buttons or message.attachments:
        what = "templates" if message.template else "buttons" if message.buttons else "attachments"
        raise PermanentFailure(PermanentKind.UNSUPPORTED, f"{gateway.name} carries no {what}")
    if not message.text.strip():
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, "the text is empty")
    if len(message.text) > gateway.text_limit:
        words = f"the text has {len(message.text)} characters; {gateway.name} takes {gateway.text_limit}"
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, words)
    segments = sms_parts(message.text)
    return {
        "to": written(gateway.numbers, message.to.value),
        "text": message.text,
        "sender": sender,
        "id": message.id,
        "number": str(int.from_bytes(hashlib.blake2b(message.id.encode(), digest_size=8).digest()) >> 11),
        "parts": str(segments.parts),
        "encoding": segments.encoding,
        "callback": callback,
    }


def render(call: Call, values: Mapping[str, str], *, base_url: str = "") -> HttpCall:
    """The request that ``call`` describes; ``base_url`` stands in for its scheme and host (tests, a proxy of yours)."""
    url = _address(call.url, values)
    if base_url:
        path = url.partition("://")[2].partition("/")[2]
        url = f"{base_url.rstrip('/')}/{path}"
    headers = {name: _one_line(filled(value, values)) for name, value in call.headers.items()}
    if call.bearer is not None:
        headers["Authorization"] = _one_line(f"Bearer {filled(call.bearer, values)}")
    if call.basic is not None:
        from aiohttp import encode_basic_auth

        user, password = (filled(part, values) for part in call.basic)
        headers["Authorization"] = encode_basic_auth(user, password, "utf-8")
    if call.encoding == "json":
        headers["Content-Type"] = "application/json"
        return HttpCall(call.method, url, headers, orjson.dumps(_grown(call.fields, values)))
    form = urlencode({name: _grown(value, values) for name, value in call.fields.items()})
    if call.encoding == "query":
        joined = "&" if "?" in url else "?"
        return HttpCall(call.method, url + (joined + form if form else ""), headers)
    headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
    return HttpCall(call.method, url, headers, form.encode())


def filled(template: Template, values: Mapping[str, str]) -> str:
    """The text of a template."""
    return "".join(_part(part, values) for part in template)


def _address(template: Template, values: Mapping[str, str]) -> str:
    """The address; what is filled in is escaped, whatever it holds."""
    return "".join(part if isinstance(part, str) else quote(_part(part, values), safe="") for part in template)


def _part(part: str | Name | Secret, values: Mapping[str, str]) -> str:
    match part:
        case Name(name):
            return values[name]
        case Secret(value):
            return value
        case _:
            return part


def _grown(tree: Any, values: Mapping[str, str]) -> Any:
    """A tree with its templates filled."""
    if isinstance(tree, tuple):
        return filled(tree, values)
    if isinstance(tree, Mapping):
        return {name: _grown(value, values) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_grown(value, values) for value in tree]
    return tree


def _one_line(text: str) -> str:
    """A header's value: a line break would begin another header."""
    return " ".join(text.split())
