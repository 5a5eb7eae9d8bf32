"""The HTTP application: mounts every room's routes and runs them beside the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from campaigns.api import Door, Rates, api_application, events_router
from campaigns.responding.engagement import Engagement
from channels.adapter import ReceivesWebhooks
from channels.media.routes import media_router
from channels.tracking import tracking_router
from channels.webchat.adapter import WebchatAdapter
from channels.webchat.frames import MAX_FRAME
from channels.webchat.routes import webchat_router
from channels.webhooks import PREFIX, Webhooks
from core.clock import VirtualClock
from core.errors import ConfigurationError, StoreUnavailable
from core.messages import RawInbound
from core.wakeup import INBOUND, JOURNEYS, LocalWakeup
from desk.application import desk_application
from desk.preferences.routes import preferences_router
from otklik.control import control_router
from otklik.files import StoredFiles
from otklik.service import Service
from otklik.wiring import RELEASE
from otklik.workbench import make_workbench
from storage.intake import Intake

KEEP_ALIVE_SECONDS = 130
"""An idle connection lives longer here than in callers and reverse proxies (75 to 120 s): a request that crosses the
closing of its connection is lost, and nobody repeats a POST."""


class _Spool:
    """The intake, on disk while the database is away, with a nudge for whoever processes."""

    def __init__(self, intake: Intake, wakeup: LocalWakeup) -> None:
        self._intake = intake
        self._wakeup = wakeup

    async def store(self, inbound: list[RawInbound]) -> None:
        await self._intake.store(inbound, spooled=True)
        self._wakeup.notify(INBOUND)


class _Health:
    """What is wrong with the service, in sentences."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def problems(self) -> list[str]:
        found = [
            f"channel {dispatcher.channel} cannot send: {dispatcher.fault}"
            for dispatcher in self._service.dispatchers
            if dispatcher.fault
        ]
        try:
            async with self._service.store.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except StoreUnavailable as error:
            found.append(str(error))
        if self._service.intake.spooled:
            found.append("what providers deliver is kept on disk until the database takes it")
        return found


class _WebhooksFirst:
    """An application whose webhooks pass its middleware and its routes by."""

    def __init__(self, webhooks: ASGIApp, rest: ASGIApp) -> None:
        self._webhooks = webhooks
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (self._webhooks if called else self._rest)(scope, receive, send)


def make_app(service: Service) -> ASGIApp:
    """The application of a running service."""
    settings = service.configuration.settings
    app = FastAPI(title="Otklik", docs_url=None, redoc_url=None, openapi_url=None)
    receivers = {name: adapter for name, adapter in service.adapters.items() if isinstance(adapter, ReceivesWebhooks)}
    webhooks = Webhooks(receivers, _Spool(service.intake, service.wakeup), public_url=settings.public_url)
    app.include_router(
        tracking_router(
            Engagement(service.store, service.clock, service.wakeup),
            _Health(service),
            secret=service.configuration.secret,
        )
    )

    app.include_router(
        preferences_router(service.store, service.clock, service.wakeup, secret=service.configuration.secret)
    )
    for adapter in service.adapters.values():
        if isinstance(adapter, WebchatAdapter):
            app.include_router(
                webchat_router(
                    adapter,
                    _Spool(service.intake, service.wakeup),
                    secret=service.configuration.secret,
                    public_url=settings.public_url,
                )
            )

    app.include_router(media_router(StoredFiles(service.store), service.configuration.secret))

    async def wake() -> None:
        service.wakeup.notify(JOURNEYS)

    if settings.api_token:
        app.include_router(events_router(service.store, service.clock, settings.api_token, wake))
    desk = desk_application(
        service.store, service.clock, service.wakeup, service.feed,
        secret=service.configuration.secret, public_url=settings.public_url,
        bench=make_workbench(service.configuration),
    )  # fmt: skip
    app.mount("/desk", desk)
    door = Door(service.store, service.clock, settings.api_token, Rates(settings.api_rate), wake)
    app.mount("/api", api_application(door, release=RELEASE, telegram_scope=service.configuration.bot_id))
    if isinstance(service.clock, VirtualClock):
        app.include_router(control_router(service, service.clock))
    return _WebhooksFirst(webhooks, app)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one place for them."""

    def install_signal_handlers(self) -> None:
        """Left to ``otklik run``."""


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve ``app``; gives the port that was bound.

    Raises:
        ConfigurationError: if the port is taken or not allowed.
    """
    import socket

    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"OTKLIK_PORT: cannot listen on {host}:{port} ({error.strerror}); stop what uses it, or set another port"
        ) from None
    listener.set_inheritable(True)
    config = uvicorn.Config(
        app,
        log_config=None,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,  # each of hundreds of desks would compress the same news by itself
        ws_ping_interval=20,
        ws_ping_timeout=20,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110  uvicorn tells by this flag only
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=10)
        listener.close()
