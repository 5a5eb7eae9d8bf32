"""``otklik preview``: what one customer would get, as it will look. Nothing is sent or written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from campaigns.definition import CampaignBody, WorkspaceConfig
    from campaigns.previewing.shown import Preview


def preview(
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    customer: Annotated[str, typer.Option("--customer", help="External id, id or address; else an example.")] = "",
    step: Annotated[str, typer.Option("--step", help="Only this step.")] = "",
    locale: Annotated[str, typer.Option("--locale", help="As if the customer read this, such as fa.")] = "",
    applied: Annotated[bool, typer.Option("--applied", help="What was applied, not the folder's files.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with all channels side by side.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open that page in the browser.")] = False,
    lang: Annotated[str, typer.Option(help="Language of what is told of it: en, ru or fa.")] = "en",
) -> None:
    """Show each message of a campaign as one customer would get it now: text, cost, links, what is too long.

    The texts are the folder's, the customer is the store's. Nothing is sent and nobody is enrolled.

    Example: otklik preview winback --customer anna@example.org --html preview.html
    """
    from rich.console import Console

    from campaigns.previewing.words import say
    from otklik.preview_panels import print_preview
    from otklik.running import run_async

    with plainly():
        asked = _preview(campaign, folder, customer=customer, step=step, locale=locale, applied=applied, lang=lang)
        made = run_async(asked)
        where = _written(made, html, show=show) if html or show else None
    if where is None:
        print_preview(Console(highlight=False), made)
        return
    typer.echo(say(lang, "written", count=len(made.messages), customer=made.customer, file=where))
    if show:
        typer.launch(where.resolve().as_uri())


def _written(made: "Preview", html: Path | None, *, show: bool) -> Path:
    import tempfile

    from campaigns.previewing.page import page
    from core.errors import Refused

    where = html
    if where is None and show:
        where = Path(tempfile.mkdtemp(prefix="otklik-preview-")) / "preview.html"
    assert where is not None  # noqa: S101  one of them was asked for
    try:
        where.write_text(page(made), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{where} cannot be written: {error.strerror or error}") from None
    return where


async def _preview(
    campaign: str, folder: Path | None, *, customer: str, step: str, locale: str, applied: bool, lang: str
) -> "Preview":
    from dataclasses import replace

    from campaigns.previewing.making import make_preview
    from campaigns.previewing.readers import example_audience, load_audience
    from campaigns.reporting.story import find_customer
    from otklik.settings import load_settings
    from otklik.wiring import addresses, make_clock, open_store

    configuration = load_settings()
    now = make_clock(configuration).now()
    found = None if applied else campaign_of_folder(workspace_folder(folder), campaign)
    if found is not None and not customer:  # needs no store
        body, config, contents = found
        audience = example_audience(locale or config.locale, body, config, now, lang)
    else:
        async with open_store(configuration) as store, store.read() as connection:
            body, config, contents = found or await campaign_of_store(connection, campaign)
            if customer:
                id_ = await find_customer(connection, customer)
                audience = await load_audience(connection, id_, body, config, now, lang)
            else:
                audience = example_audience(locale or config.locale, body, config, now, lang)
    if locale:
        reader = audience.reader
        audience = replace(audience, reader=replace(reader, customer={**reader.customer, "locale": locale}))
    return make_preview(
        body, config, audience, addresses(configuration), now, contents=contents, step=step, lang=lang
    )  # fmt: skip


def campaign_of_folder(folder: Path, campaign: str) -> "tuple[CampaignBody, WorkspaceConfig, Mapping[str, bytes]]":
    """The campaign as the folder's files say, with the bytes of the files that its messages carry.

    Raises:
        Refused: if there is no such campaign, or the files are not in order.
    """
    from core.errors import Refused
    from core.reading.problems import WorkspaceInvalid, did_you_mean
    from otklik.commands.problems import one_each
    from otklik.workspace import load_campaigns

    try:
        workspace = load_campaigns(folder)
    except WorkspaceInvalid as error:
        lines = "\n".join(one_each(error.problems, ()))
        raise Refused(f"{lines}\nthe workspace is not in order; --applied shows what was applied last") from None
    body = workspace.campaigns.get(campaign)
    if body is None:
        hint = did_you_mean(campaign, workspace.campaigns) or f" (known: {', '.join(sorted(workspace.campaigns))})"
        raise Refused(f"there is no campaign {campaign!r} in {folder}{hint}")
    return body, workspace.config, workspace.contents


async def campaign_of_store(
    connection: "AsyncConnection", campaign: str
) -> "tuple[CampaignBody, WorkspaceConfig, Mapping[str, bytes]]":
    """The campaign as it was applied, with the bytes of the files that its messages carry.

    Raises:
        Refused: if none of that name was.
    """
    from campaigns.composing.files import read_contents
    from campaigns.live import workspace_config
    from campaigns.previewing.applied import applied_body

    body = await applied_body(connection, campaign)
    contents = await read_contents(connection, (file.blob for file in body.files.values()))
    return body, await workspace_config(connection), contents
