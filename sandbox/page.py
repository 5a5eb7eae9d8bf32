"""The page with the customers' phones."""

from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"


def mount(app: web.Application) -> None:
    """Add the page's routes: ``/`` and ``/static/…``."""
    app.router.add_get("/", _index)
    if STATIC.is_dir():
        app.router.add_static("/static/", STATIC)


async def _index(_request: web.Request) -> web.StreamResponse:
    index = STATIC / "index.html"
    if index.is_file():
        return web.FileResponse(index)
    return web.Response(text="The sandbox runs. Its interface is described in sandbox/README.md.\n")
