"""``otklik doctor``: does everything that is configured work, and what to do where it does not."""

import asyncio
from typing import TYPE_CHECKING

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from otklik.settings import Configuration

CHECK_SECONDS = 30.0


def doctor() -> None:
    """Test the store and each configured channel; says what to fix. Sends nothing to anybody.

    Example: `otklik doctor`
    """
    from otklik.running import run_async
    from otklik.settings import load_settings

    with plainly():
        results = run_async(_examine(load_settings()))
    for part, fine, sentence in results:
        mark = typer.style("ok  ", fg=typer.colors.GREEN) if fine else typer.style("fix ", fg=typer.colors.RED)
        typer.echo(f"{mark} {part}: {sentence}")
    if not all(fine for _, fine, _ in results):
        raise typer.Exit(1)


async def _examine(configuration: "Configuration") -> list[tuple[str, bool, str]]:
    results = [await _store(configuration), await _workspace(configuration)]
    if not configuration.channels:
        results.append(("channels", False, "none is configured; set OTKLIK_EMAIL_HOST and its kin, see .env.example"))
    return [*results, *[await _channel(configuration, channel) for channel in configuration.channels]]


async def _store(configuration: "Configuration") -> tuple[str, bool, str]:
    from core.errors import OtklikError
    from otklik.wiring import open_store

    try:
        async with open_store(configuration) as store:
            return "store", True, f"{store.dialect} answers and is migrated"
    except OtklikError as error:
        return "store", False, str(error)


async def _workspace(configuration: "Configuration") -> tuple[str, bool, str]:
    from campaigns.live import WORKSPACE
    from core.errors import OtklikError
    from otklik.wiring import open_store
    from storage.outbox.columns import table
    from storage.tables import Setting

    settings = table(Setting)
    try:
        async with open_store(configuration) as store, store.read() as connection:
            applied = (await connection.execute(settings.select().where(settings.c.name == WORKSPACE))).first()
    except OtklikError as error:
        return "workspace", False, str(error)
    if applied is None:
        return "workspace", False, "nothing was applied yet; run: otklik apply DIR"
    return "workspace", True, f"applied {applied.updated_at:%Y-%m-%d %H:%M} UTC"


async def _channel(configuration: "Configuration", channel: str) -> tuple[str, bool, str]:
    from core.errors import OtklikError
    from otklik.accounts import make_accounts
    from otklik.settings import Configuration

    try:
        only = Configuration(configuration.settings, {channel: configuration.channels[channel]})
        (account,) = make_accounts(only)
        await account.adapter.open()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return channel, True, await account.adapter.check()
        finally:
            await account.adapter.close()
    except OtklikError as error:
        return channel, False, str(error)
    except TimeoutError:
        return channel, False, f"no answer within {CHECK_SECONDS:.0f} seconds; check host, port and firewall"
