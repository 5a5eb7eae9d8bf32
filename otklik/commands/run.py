"""``otklik run``: everything in one process."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from otklik.settings import Configuration


def run(
    announce: bool = typer.Option(False, "--announce", hidden=True, help="Print the bound port as JSON."),  # noqa: FBT001, FBT003
) -> None:
    """Send, receive and answer until stopped (Ctrl-C or SIGTERM).

    Runs the applied campaigns, sends what is due, takes in replies, and serves webhooks, tracking links and
    unsubscribe pages. Reads its settings from the environment and `.env`.

    Example: `otklik apply shop && otklik run`
    """
    from otklik.running import configure_logs, run_async
    from otklik.settings import load_settings

    with plainly():
        configuration = load_settings()
        configure_logs(configuration.settings.log_level)
        with suppress(KeyboardInterrupt, asyncio.CancelledError):
            run_async(_run(configuration, announce=announce))


async def _run(configuration: "Configuration", *, announce: bool) -> None:
    import json

    import structlog

    from otklik.service import running_service
    from otklik.web import make_app, serving
    from otklik.wiring import open_store

    log = structlog.get_logger("otklik")
    settings = configuration.settings
    async with open_store(configuration) as store, running_service(configuration, store) as service:
        async with serving(make_app(service), settings.host, settings.port) as port:
            if announce:
                typer.echo(json.dumps({"http": f"http://{settings.host}:{port}", "worker": service.outbox.worker}))
            log.info("listening", address=f"http://{settings.host}:{port}")
            try:
                await service.run()
            finally:
                log.info("stopping")

