"""``otklik why``: one customer's story in one campaign."""

from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.reporting.story import Absence, Story


def why(
    customer: Annotated[str, typer.Argument(help="External id, id, or an address.")],
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    lang: Annotated[str, typer.Option(help="Language: en, ru or fa.")] = "en",
) -> None:
    """Tell why a customer got what they got, and did not get the rest.

    Example: `otklik why anna@example.org winback`
    """
    from rich.console import Console

    from campaigns.reporting.telling import absence_in_words
    from otklik.reporting import print_story
    from otklik.running import run_async

    with plainly():
        stories, absence = run_async(_story(customer, campaign))
    if absence is not None:
        typer.echo(absence_in_words(absence, lang))
    for found in stories:
        print_story(Console(), found, lang)


async def _story(customer: str, campaign: str) -> "tuple[list[Story], Absence | None]":
    from campaigns.reporting.story import find_customer, never_entered, story
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        customer_id = await find_customer(connection, customer)
        stories = await story(connection, customer_id, campaign)
        return stories, None if stories else await never_entered(connection, customer_id, campaign)
