"""``otklik key``: keys of the HTTP API."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.api.keys import KeyLine, Scope

app = typer.Typer(
    help="Make, list and revoke keys of the HTTP API at /api/v1; its page is /api/docs.", no_args_is_help=True
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it, such as: shop.")],
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            help="What it may do, with commas: customers:read, customers:write, events:write, campaigns:read, "
            "campaigns:trigger, reports:read.",
        ),
    ],
    expires: Annotated[str, typer.Option("--expires", help="The last day on which it is valid, as 2027-06-30.")] = "",
) -> None:
    """Make a key and show it, once: the store keeps a hash of it only.

    Example: `otklik key create shop --scope customers:write,events:write --expires 2027-06-30`
    """
    from otklik.running import run_async

    with plainly():
        from campaigns.api.keys import read_scopes

        key = run_async(_create(name, read_scopes(scope), _end_of(expires)))
    typer.echo(key)
    typer.echo("This is shown once. Send it as: Authorization: Bearer KEY", err=True)


@app.command("list")
def list_() -> None:
    """List every key with its scopes, and when it was last used.

    Example: `otklik key list`
    """
    from otklik.running import run_async

    with plainly():
        keys = run_async(_list())
    if not keys:
        typer.echo("There are no keys; make one: otklik key create NAME --scope events:write")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table("name", "state", "scopes", "made", "last day", "last used (UTC)", box=None)
    for one in keys:
        shown.add_row(
            escape(one.name), one.state, ", ".join(one.scopes), f"{one.created_at:%Y-%m-%d}",
            f"{one.expires_at - _A_MOMENT:%Y-%m-%d}" if one.expires_at else "none",
            f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never",
        )  # fmt: skip
    Console(highlight=False).print(shown)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """Revoke a key: from now on it opens nothing.

    Example: `otklik key revoke shop`
    """
    from otklik.running import run_async

    with plainly():
        run_async(_revoke(name))
    typer.echo(f"Revoked: {name}.")


_A_MOMENT = timedelta(microseconds=1)
"""A key ends with the end of its last day, which is the beginning of another."""


def _end_of(day: str) -> datetime | None:
    """The end of a day in UTC."""
    from datetime import UTC

    from core.errors import Refused

    if not day:
        return None
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except ValueError:
        raise Refused(f"--expires {day}: write a day such as 2027-06-30") from None


async def _create(name: str, scopes: "list[Scope]", expires_at: datetime | None) -> str:
    from campaigns.api.keys import create_key
    from core.clock import machine_now
    from otklik.commands.operator import operator
    from otklik.wiring import open_store

    async with open_store() as store, store.write() as connection:
        return await create_key(connection, name, scopes, expires_at, operator(), machine_now())


async def _list() -> "list[KeyLine]":
    from campaigns.api.keys import list_keys
    from core.clock import machine_now
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        return await list_keys(connection, machine_now())


async def _revoke(name: str) -> None:
    from campaigns.api.keys import revoke_key
    from core.clock import machine_now
    from otklik.commands.operator import operator
    from otklik.wiring import open_store

    async with open_store() as store, store.write() as connection:
        await revoke_key(connection, name, operator(), machine_now())
