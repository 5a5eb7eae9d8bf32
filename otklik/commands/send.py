"""``otklik send``: a campaign's messages to one's own addresses."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from otklik.trial_sending import Told

GOOD = frozenset({"accepted", "delivered", "read"})


def send(
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    customer: Annotated[str, typer.Option("--as", help="The customer whose data the texts take.")],
    to: Annotated[str, typer.Option("--to", help="Your own addresses: me@example.org,+447700900100,telegram:1234.")],
    test: Annotated[bool, typer.Option("--test", help="Needed: customers are written to by campaigns only.")] = False,
    step: Annotated[str, typer.Option("--step", help="Only this step.")] = "",
    applied: Annotated[bool, typer.Option("--applied", help="What was applied, not the folder's files.")] = False,
) -> None:
    """Send every message of a campaign to yourself, through the real accounts, marked [test].

    Nobody is enrolled; no report, cap or budget counts it. Exit code 1 if any message was not taken.

    Example: otklik send winback --test --as anna@example.org --to me@example.org,+447700900100
    """
    from rich.console import Console
    from rich.text import Text

    from core.errors import Refused
    from otklik.running import run_async

    console = Console(highlight=False)
    all_told: list[Told] = []

    def tell(told: "Told") -> None:
        all_told.append(told)
        trial, nothing = told.trial, told.state == "none"
        sign, style = ("✓", "green") if told.state in GOOD else ("·", "dim") if nothing else ("✗", "red")
        line = Text.assemble((f"{sign} ", style), f"{trial.speech.step}  ", (trial.speech.channel, "bold"))
        line.append(f"  {trial.to.value}" if trial.to else "")
        line.append("  not sent" if nothing else f"  {told.state}", style)
        line.append(f": {told.why}" if told.why else "")
        console.print(line)

    with plainly():
        if not test:
            raise Refused("customers are written to by campaigns only; add --test to send to your own addresses")
        run_async(_send(campaign, folder, customer=customer, to=to, step=step, applied=applied, tell=tell))
    if not any(told.state in GOOD for told in all_told) or any(told.state not in (*GOOD, "none") for told in all_told):
        raise typer.Exit(1)


async def _send(
    campaign: str,
    folder: Path | None,
    *,
    customer: str,
    to: str,
    step: str,
    applied: bool,
    tell: "Callable[[Told], None]",
) -> None:
    from campaigns.composing.files import keep_contents
    from campaigns.composing.links import MessageLinks
    from campaigns.previewing.readers import load_audience
    from campaigns.previewing.trial import compose_trials, own_addresses
    from campaigns.reporting.story import find_customer
    from otklik.commands.folder import workspace_folder
    from otklik.commands.preview import campaign_of_folder, campaign_of_store
    from otklik.settings import load_settings
    from otklik.trial_sending import send_trials
    from otklik.wiring import addresses, make_clock, open_store

    configuration = load_settings()
    own = own_addresses(to, bot=configuration.bot_id)
    found = None if applied else campaign_of_folder(workspace_folder(folder), campaign)
    clock = make_clock(configuration)
    links = MessageLinks(addresses(configuration))
    async with open_store(configuration) as store:
        async with store.read() as connection:
            body, config, contents = found or await campaign_of_store(connection, campaign)
            customer_id = await find_customer(connection, customer)
            audience = await load_audience(connection, customer_id, body, config, clock.now())
        trials, targets = compose_trials(body, config, audience, own, links, clock.now(), step=step)
        kinds = {file.blob: file.media_type for file in body.files.values()}
        await keep_contents(store, {hash_: contents[hash_] for hash_ in kinds.keys() & contents}, kinds, clock.now())
        await send_trials(configuration, store, clock, trials, targets, tell)
