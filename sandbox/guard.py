"""Who may use the control and page interfaces: programs and pages of this machine, not foreign web pages."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from sandbox.outbound import is_loopback
from sandbox.people import UnknownPersonError
from sandbox.wire import json_response

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_GUARDED = ("/control/", "/api/")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other hosts and origins; turn mistakes in what was sent into ``{"error": …}``."""
    if not request.path.startswith(_GUARDED):
        try:
            return await handler(request)
        except ConnectionError:
            return web.Response()  # the client is gone; nobody reads this
    host = urlsplit(f"//{request.host}").hostname
    if not is_loopback(host):
        return json_response({"error": "the sandbox answers on 127.0.0.1 only"}, 403)
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        return json_response({"error": f"requests from {origin} are not taken"}, 403)
    try:
        return await handler(request)
    except orjson.JSONDecodeError as error:
        return json_response({"error": f"the body is not JSON: {error}"}, 400)
    except UnknownPersonError as error:
        return json_response({"error": error.args[0]}, 404)
    except ValueError as error:
        return json_response({"error": str(error)}, 400)
    except ConnectionError:
        return web.Response()


async def read_json(request: web.Request) -> object:
    """The body as JSON."""
    return orjson.loads(await request.read())


async def read_object(request: web.Request) -> dict[str, object]:
    """The body as a JSON object; ValueError when it is another thing."""
    data = await read_json(request)
    if not isinstance(data, dict):
        raise ValueError("give a JSON object")  # noqa: TRY004 - the sender's mistake, told as 400
    return data
