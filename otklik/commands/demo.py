"""``otklik demo``: the whole main job against the sandbox, without any configuration."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from otklik.commands.plainly import plainly


def demo(
    customers: Annotated[Path | None, typer.Option(help="Take the people of this customers file.")] = None,
    events: Annotated[Path | None, typer.Option(help="Take the purchase history of this events file.")] = None,
    now: Annotated[str, typer.Option(help="When the demo begins, as 1998-07-01.")] = "",
    count: Annotated[int, typer.Option(help="How many made-up customers.", min=1, max=20000)] = 400,
    seed: Annotated[int, typer.Option(help="Another seed, other people.")] = 7,
    lang: Annotated[str, typer.Option(help="Language: en, ru or fa.")] = "en",
    keep: Annotated[Path | None, typer.Option(help="Keep the store, the ledger and the logs in this folder.")] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Exit after the report, also at a terminal.")] = False,
) -> None:
    """Run a whole campaign against stand-ins for the providers on this machine: letters, WhatsApp, Telegram, SMS.

    Real SMTP, IMAP and HTTP on loopback, made-up customers, a virtual clock. Exits 0 only if the providers' ledgers,
    the store and an independent oracle agree. At a terminal it then stays, with the customers' phones on a web page.

    Example: `otklik demo --events cdnow_orders.csv --now 1998-07-01`
    """
    from otklik.running import configure_logs, run_async

    with plainly():
        if lang not in ("en", "ru", "fa"):
            raise typer.BadParameter("write en, ru or fa", param_hint="--lang")
        configure_logs("warning")
        from otklik.demo.play import DemoOptions, play

        options = DemoOptions(
            count=count,
            seed=seed,
            lang=lang,
            customers=customers.absolute() if customers else None,
            events=events.absolute() if events else None,
            once=once or not sys.stdout.isatty(),
            keep=keep.absolute() if keep else None,
            **({"now": _instant(now)} if now else {}),
        )
        try:
            agrees = run_async(play(options))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return
    if not agrees:
        raise typer.Exit(1)


def _instant(text: str) -> datetime:
    from datetime import UTC

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write one such as 1998-07-01", param_hint="--now") from None
    return instant if instant.tzinfo else instant.replace(hour=instant.hour or 7, tzinfo=UTC)
