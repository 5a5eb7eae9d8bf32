"""``otklik backup`` and ``otklik restore``: the whole store in a file, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.ext.asyncio import AsyncConnection

    from campaigns.operating.restored import Settled
    from storage.backup import Manifest, Restored

File = Annotated[Path, typer.Argument(help="The backup, such as otklik-2026-12-01.zip.", metavar="FILE")]


def backup(
    file: File,
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the whole store to one file, while everything runs. Either database can be restored from it.

    Secrets are not in it: keep `.env` and the data folder's `secret` yourself.

    Example: `otklik backup otklik-2026-12-01.zip`
    """
    from rich.console import Console

    from core.errors import Refused
    from otklik.running import run_async

    console = Console(highlight=False)
    with plainly():
        if file.exists() and not force:
            raise Refused(f"{file} is there already; name another file, or say --force")
        manifest = run_async(_backup(file, console))
    size = file.stat().st_size / 1_000_000
    console.print(f"{_extent(manifest)}, {size:,.1f} MB: {file}", soft_wrap=True)
    console.print("Secrets are not in it: keep .env (and the data folder's secret) in another safe place.")


def restore(
    file: File,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Take away what the store holds.")] = False,
    hold: Annotated[
        bool, typer.Option("--hold/--no-hold", help="Set the emergency stop, so that nothing is sent twice.")
    ] = True,
    check: Annotated[bool, typer.Option("--check", help="Only read the file and say whether it is whole.")] = False,
) -> None:
    """Bring the store back from a backup, whole or not at all; from SQLite to PostgreSQL, too. Stop Otklik before.

    A restored store does not know what was sent after the backup was made. So it comes back under the emergency stop:
    nothing of a campaign leaves until `otklik emergency lift`.

    Example: `otklik restore otklik-2026-12-01.zip --replace`
    """
    from rich.console import Console

    from otklik.running import run_async

    console = Console(highlight=False)
    with plainly():
        if check:
            _say_whole(console, file)
            return
        manifest, restored, settled = run_async(_restore(file, console, replace=replace, hold=hold))
    console.print(f"restored {counted(restored.rows, 'row')}, as they were at {manifest.created_at} (UTC)")
    _say_settled(console, settled, hold=hold, replaced=replace)


async def _backup(file: Path, console: "Console") -> "Manifest":
    from otklik.commands.progress import RowsBar
    from otklik.settings import load_settings
    from otklik.wiring import RELEASE, make_clock, open_store
    from storage.backup import snapshot

    configuration = load_settings()
    async with open_store(configuration) as store:
        with RowsBar(console, "backup") as bar:
            now = make_clock(configuration).now()
            return await snapshot(store, file, release=RELEASE, now=now, on_progress=bar)


def _extent(manifest: "Manifest") -> str:
    return f"{counted(manifest.rows, 'row')} of {counted(len(manifest.tables), 'table')}"


def _say_whole(console: "Console", file: Path) -> None:
    from storage.backup import ArchiveReader

    with ArchiveReader(file) as archive:
        archive.verify()
        manifest = archive.manifest
    console.print(
        f"{file} is whole: {_extent(manifest)}, made {manifest.created_at} by "
        f"Otklik {manifest.release} on {manifest.dialect}, schema {manifest.revision}",
        soft_wrap=True,
    )


async def _restore(
    file: Path, console: "Console", *, replace: bool, hold: bool
) -> "tuple[Manifest, Restored, Settled]":
    from campaigns.operating.restored import Refusals, Settled, refusals, settle_restored
    from otklik.commands.operator import operator
    from otklik.commands.progress import RowsBar
    from otklik.running_elsewhere import refuse_while_running
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_bare_store
    from storage.backup import ArchiveReader, restore

    configuration = load_settings()
    now = make_clock(configuration).now()
    settled = Settled()

    async def settle(connection: "AsyncConnection", kept: Refusals | None) -> None:
        nonlocal settled
        settled = await settle_restored(connection, kept, operator(), now, hold=hold)

    with ArchiveReader(file) as archive:
        async with open_bare_store(configuration) as store:
            await refuse_while_running(store)
            with RowsBar(console, "restore") as bar:
                done = await restore(store, archive, replace=replace, before=refusals, settle=settle, on_progress=bar)
        return archive.manifest, done, settled


def _say_settled(console: "Console", settled: "Settled", *, hold: bool, replaced: bool) -> None:
    facts = [
        (settled.unknown, "message was", "messages were", "on the way then: unknown now, see `otklik unknown list`"),
        (settled.replies_dropped, "reply that was planned then is", "replies that were planned then are",
         "dropped: they left seconds later"),
        (settled.suppressions_kept, "address that the replaced store must never write to is",
         "addresses that the replaced store must never write to are", "kept so"),
        (settled.erased_again, "customer who was erased since is", "customers who were erased since are",
         "erased again"),
        (settled.withdrawals_kept, "consent that was withdrawn since stays", "consents that were withdrawn since stay",
         "withdrawn"),
    ]  # fmt: skip
    for number, one, several, what in facts:
        if number:
            console.print(f"  {counted(number, one, several)} {what}", soft_wrap=True)
    console.print(
        f"{counted(settled.waiting, 'message is', 'messages are')} planned; {settled.overdue:,} of them fell due since "
        "and may have been sent after the backup was made.",
        soft_wrap=True,
    )
    if hold:
        console.print(
            "The emergency stop is set: no campaign sends. Look at `otklik report`, stop what must not go on "
            "(`otklik stop CAMPAIGN`), then: otklik emergency lift",
            soft_wrap=True,
        )
    else:
        console.print("Nothing is held (--no-hold): `otklik run` sends what is due.")
    console.print(
        "Opt-outs, erased customers and revoked keys of the store that was there stand."
        if replaced
        else "Opt-outs, erased customers and revoked keys are as they were then; what came later is lost. "
        "(Where there is one, --replace asks it first, and they stand.)",
        soft_wrap=True,
    )
