"""``otklik run``: everything in one process."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from otklik.service import Service
    from otklik.settings import Configuration


def run(
    *,
    announce: Annotated[bool, typer.Option("--announce", hidden=True, help="Print the bound port as JSON.")] = False,
    attached: Annotated[bool, typer.Option("--attached", hidden=True, help="End when standard input ends.")] = False,
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
            run_async(_run(configuration, announce=announce, attached=attached))


async def _run(configuration: "Configuration", *, announce: bool, attached: bool) -> None:
    import json

    import structlog

    from otklik.running import spare_collections
    from otklik.service import running_service
    from otklik.web import make_app, serving
    from otklik.wiring import open_store

    log = structlog.get_logger("otklik")
    settings = configuration.settings
    async with open_store(configuration) as store, running_service(configuration, store) as service:
        async with serving(make_app(service), settings.host, settings.port) as port:
            if announce:
                typer.echo(json.dumps({"http": f"http://{settings.host}:{port}", "worker": service.outbox.worker}))
            spare_collections()
            log.info("listening", address=f"http://{settings.host}:{port}")
            try:
                await _work(service, attached=attached)
            finally:
                log.info("stopping")


async def _work(service: "Service", *, attached: bool) -> None:
    """Run the service; an attached one also ends with whoever holds its standard input."""
    from otklik.running import end_of_input

    if not attached:
        await service.run()
        return
    work, parent = asyncio.create_task(service.run()), asyncio.create_task(end_of_input())
    try:
        done, _ = await asyncio.wait([work, parent], return_when=asyncio.FIRST_COMPLETED)
        if work in done:
            work.result()
    finally:
        for task in (work, parent):
            task.cancel()
        await asyncio.wait([work, parent])
