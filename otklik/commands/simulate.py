"""``otklik simulate``: what campaigns would do, on a virtual clock over a throw-away store."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.flows.loading import Flows
    from campaigns.reporting.story import Story
    from campaigns.simulation.behaviour import Behaviour
    from campaigns.simulation.playing import OnInstant
    from campaigns.simulation.rendering import Rendering
    from campaigns.simulation.results import SimulationFigures
    from campaigns.workspace.loader import Workspace
    from core.clock import Clock
    from storage.store import Store

FEW = 5_000
"""Up to so many customers every instant is exact; beyond, the clock stands at whole minutes only."""
GRAIN = timedelta(minutes=1)


def simulate(
    campaigns: Annotated[list[str] | None, typer.Argument(help="Campaigns to play; default: all of them.")] = None,
    *,
    folder: Annotated[Path | None, typer.Option(help="The workspace; default: here.", metavar="DIR")] = None,
    days: Annotated[int, typer.Option(help="How many days to play.", min=1, max=1100)] = 60,
    begins: Annotated[str, typer.Option("--from", help="When it begins, such as 2026-12-01T10:00; default: now.")] = "",
    behaviour: Annotated[
        Path | None,
        typer.Option(help="How customers behave; default: behaviour.yaml of the workspace, else modest rates."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed plays the same.")] = 1,
    customers: Annotated[int, typer.Option(help="How many customers are made up.", min=1, max=2_000_000)] = 1000,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Play with a copy of the real store instead.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a report with charts there.", metavar="FILE")] = None,
    repro: Annotated[str, typer.Option(help="Print one customer's whole path.", metavar="CUSTOMER")] = "",
    render: Annotated[
        bool, typer.Option("--render", help="Render every message, too; slower, but nothing stays untold.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    lang: Annotated[str, typer.Option(help="Language: en, ru or fa.")] = "en",
) -> None:
    """Play campaigns on a virtual clock: what would be sent when, what it would cost, what would stand in the way.

    Scheduler, engine, gates and budgets are those of `otklik run`; only providers and customers are played. Nothing is
    sent, the real store is only read.

    Example: otklik simulate winback --days 30 --html winback.html
    """
    import json as jsons

    from rich.console import Console

    from campaigns.simulation.page import page
    from campaigns.simulation.results import as_json
    from core.errors import Refused
    from otklik.reporting import print_story
    from otklik.running import configure_logs, run_async
    from otklik.simulating import print_simulation

    configure_logs("warning")
    with plainly():
        start = _instant(begins)
        run = _Run(
            folder, campaigns or [], start, days, behaviour, seed, 0 if snapshot else customers, repro, render=render
        )
        found, stories, seconds = run_async(run.play())
        if html is not None:
            try:
                html.write_text(page(found, lang), encoding="utf-8")
            except OSError as error:
                raise Refused(f"cannot write {html}: {error.strerror or error}") from None
    console = Console()
    if json:
        typer.echo(jsons.dumps(as_json(found), ensure_ascii=False, indent=1))
        return
    if repro:
        for story in stories:
            print_story(console, story, lang)
        if not stories:
            typer.echo(f"{repro} entered none of these campaigns")
    else:
        print_simulation(console, found, lang)
    typer.secho(run.said(seconds, lang), err=True, dim=True)
    if html is not None:
        typer.echo(f"wrote {html}")


def _instant(written: str) -> datetime:
    from core.clock import machine_now
    from core.errors import Refused

    if not written:
        return machine_now().replace(second=0, microsecond=0)
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise Refused(f"--from {written!r} is not an instant; write one such as 2026-12-01T10:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class _Run:
    """One simulation with its options. ``customers`` 0: those of a copy of the real store."""

    def __init__(
        self,
        folder: Path | None,
        names: list[str],
        begins: datetime,
        days: int,
        behaviour: Path | None,
        seed: int,
        customers: int,
        repro: str,
        *,
        render: bool,
    ) -> None:
        self._folder = folder
        self._names = names
        self._begins = begins
        self._days = days
        self._behaviour = behaviour
        self._seed = seed
        self._customers = customers
        self._repro = repro
        self._render = render
        self._decided = self._sent = 0

    def said(self, seconds: float, lang: str) -> str:
        """What was done, in a line."""
        from core.catalogue import text, written

        decisions = text(lang, "simulate.took.decisions", count=self._decided)
        messages = text(lang, "simulate.took.messages", count=self._sent)
        return text(
            lang, "simulate.took", decisions=decisions, messages=messages, seconds=written(lang, round(seconds, 1))
        )

    async def play(self) -> "tuple[SimulationFigures, list[Story], float]":
        """Play it; the figures, the stories of the customer who is asked for, and how many seconds it took."""
        import asyncio

        from sqlalchemy import func, select

        from bot.flows.simulated import SimulatedFlows
        from campaigns.reporting.story import find_customer, story
        from campaigns.simulation.playing import Play
        from campaigns.simulation.results import figures
        from core.clock import VirtualClock, uptime
        from otklik.running import spare_collections
        from storage.outbox.columns import table
        from storage.tables import Customer

        began = uptime()
        workspace, flows, behaviour = await asyncio.to_thread(self._read)
        until = self._begins + timedelta(days=self._days)
        async with self._store(workspace, flows, behaviour) as store:
            async with store.read() as connection:
                number = int(await connection.scalar(select(func.count()).select_from(table(Customer))) or 0)
            grain = GRAIN if number > FEW else timedelta()
            clock = VirtualClock(self._begins)
            talks = SimulatedFlows(store, clock, behaviour, self._seed)
            play = Play(store, clock, behaviour, self._seed, grain, self._rendering(store, clock), talks=talks)
            spare_collections()
            with _bar(self._begins, until) as on_instant:
                await play.run(until, on_instant)
            self._decided, self._sent = play.decided, play.arrived
            names = sorted(workspace.campaigns)
            stories: list[Story] = []
            async with store.read() as connection:
                found = await figures(
                    connection, self._begins, until, customers=number, seed=self._seed, names=names, talks=talks
                )
                if self._repro:
                    customer_id = await find_customer(connection, self._repro)
                    stories = [one for name in names for one in await story(connection, customer_id, name)]
            return found, stories, uptime() - began

    def _rendering(self, store: "Store", clock: "Clock") -> "Rendering | None":
        from campaigns.composing.links import Addresses
        from campaigns.simulation.rendering import Rendering
        from otklik.settings import load_settings

        if not self._render:
            return None
        configuration = load_settings()
        settings = configuration.settings
        # the secret of a simulation signs nothing that leaves it
        addresses = Addresses(
            settings.public_url, "simulation", configuration.reply_address, configuration.bot_name,
            settings.track_clicks, settings.track_opens, has_preferences=True,
        )  # fmt: skip
        return Rendering(store, clock, addresses)

    def _read(self) -> "tuple[Workspace, Flows, Behaviour]":
        from dataclasses import replace

        from bot.flows.supposing import assumable
        from campaigns.simulation.behaviour import Behaviour
        from campaigns.simulation.reading import FILE, read_behaviour
        from core.errors import Refused
        from otklik.workspace import load_whole

        where = workspace_folder(self._folder)
        whole = load_whole(where)
        workspace, flows = whole.workspace, whole.flows
        unknown = [name for name in self._names if name not in workspace.campaigns]
        if unknown:
            known = ", ".join(sorted(workspace.campaigns)) or "none"
            raise Refused(f"there is no campaign {unknown[0]!r} in {where}; there are: {known}")
        if self._names:
            chosen = {name: workspace.campaigns[name] for name in self._names}
            workspace = replace(workspace, campaigns=chosen)
        # nobody has to approve what is only played, and made-up customers are on no list
        mode = {"mode": "live"} if self._customers else {}
        workspace = replace(workspace, config=workspace.config.model_copy(update={"approval": False, **mode}))
        path = self._behaviour
        if path is None and (where / FILE).is_file():
            path = where / FILE
        talks = assumable({**flows.own, **flows.bodies})
        behaviour = Behaviour() if path is None else read_behaviour(path, workspace.segments, talks)
        return workspace, flows, behaviour

    @asynccontextmanager
    async def _store(self, workspace: "Workspace", flows: "Flows", behaviour: "Behaviour") -> "AsyncIterator[Store]":
        """The one store to play on, with everything applied to it."""
        from bot.flows.applying import FlowsPart
        from campaigns.applying import apply
        from campaigns.simulation.people import populate
        from campaigns.simulation.scratch import copy_of, scratch_store
        from core.actors import Actor
        from otklik.settings import load_settings
        from otklik.wiring import open_store

        actor, parts = Actor("operator", "simulation"), [FlowsPart(flows)]
        if self._customers:
            async with scratch_store() as store:
                await populate(store, self._customers, self._seed, workspace.config, behaviour.reach, self._begins)
                await apply(store, workspace, actor, self._begins, parts=parts)
                yield store
            return
        configuration = load_settings()
        async with open_store(configuration) as real, copy_of(real, configuration.settings.database_url) as store:
            await apply(store, workspace, actor, self._begins, parts=parts)
            yield store


class _bar:  # noqa: N801  reads as a statement
    """The moving date, at a terminal only."""

    def __init__(self, begins: datetime, until: datetime) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(stderr=True)
        self._begins = begins
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), console=console,
            transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=(until - begins).total_seconds())

    def __enter__(self) -> "OnInstant":
        self._progress.start()
        return self._move

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _move(self, now: datetime) -> None:
        passed = (now - self._begins).total_seconds()
        self._progress.update(self._task, completed=passed, description=f"{now:%Y-%m-%d %H:%M}")
