"""Plumbing of the HTTP side: reading forms fast, answering JSON, and misbehaving on the wire as a fault says."""

import asyncio
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from sandbox.faults import Fault

HANG_LIMIT = 1800.0  # seconds
_LOOK = 0.1  # seconds between looks whether the client of a hanging request is gone


def json_response(data: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """``data`` as JSON."""
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json", headers=headers)


async def read_form(request: web.Request) -> dict[str, list[str]]:
    """An url-encoded body; values in order for repeated names."""
    form: dict[str, list[str]] = {}
    for name, value in parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True):
        form.setdefault(name, []).append(value)
    return form


def hang_up(request: web.Request) -> None:
    """Drop the client's connection without an answer."""
    if request.transport is not None:
        request.transport.abort()


async def suffer(request: web.Request, fault: Fault) -> None:
    """Live through a fault that has no answer of its own: wait, hang, or drop the connection."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return
    if fault.kind == "hang":  # the server has no event for a client that goes away, so it is looked at
        loop = asyncio.get_running_loop()
        end = loop.time() + HANG_LIMIT
        while loop.time() < end and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
    hang_up(request)
