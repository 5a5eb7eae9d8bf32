"""The HTTP listener. aiohttp's server, because misbehaving faults need the connection itself, not only an answer."""

from aiohttp import web

from sandbox import page
from sandbox.api import Api
from sandbox.control import Control
from sandbox.group_routes import GroupRoutes
from sandbox.guard import guard
from sandbox.world import World

UPLOAD_LIMIT = 52 * 1024 * 1024  # bytes; Telegram takes files of 50 MB


def build_app(world: World) -> web.Application:
    """All routes over ``world``."""
    app = web.Application(middlewares=[guard], client_max_size=UPLOAD_LIMIT)
    app.add_routes(world.telegram_api.routes())
    app.add_routes(world.twilio_api.routes())
    app.add_routes(world.gateway_api.routes())
    app.add_routes(Control(world).routes())
    app.add_routes(GroupRoutes(world).routes())
    app.add_routes(Api(world).routes())
    page.mount(app, world)
    return app


class HttpServer:
    """Listens for the providers' HTTP interfaces, the control interface and the page."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; the base URL."""
        options = self._world.options
        self._runner = web.AppRunner(build_app(self._world), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, options.host, options.http_port).start()
        host = f"[{options.host}]" if ":" in options.host else options.host
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and drop who is connected."""
        if self._runner is not None:
            await self._runner.cleanup()
