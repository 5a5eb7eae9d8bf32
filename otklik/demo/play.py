"""The play: from an empty folder to the verdict, and then, at a terminal, on with the phones."""

import asyncio
import resource
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from sqlalchemy import func, select

from campaigns.periods import zone_named
from campaigns.reporting.report import campaign_report
from campaigns.reporting.story import story
from campaigns.segments.refresh import refresh_segment, segment_size, stored_segments
from otklik.demo.cast import BOT, Cast, assemble
from otklik.demo.director import Director, Scene
from otklik.demo.encore import encore
from otklik.demo.oracle import Expected, expect
from otklik.demo.parts import PARTS
from otklik.demo.processes import Child, kept_port
from otklik.demo.show import Show
from otklik.demo.staff import Staff, answer_everybody, cast_staff, take_on, waiting
from otklik.demo.stage import Stage, apply_workspace, connect_providers, open_group, read_ledger, set_stage
from otklik.demo.verify import Verdict, verify
from otklik.reporting import print_report, print_story
from storage.imports import CustomerOptions, EventOptions, import_customers, import_events
from storage.outbox.columns import table
from storage.tables import Customer, Enrolment, Message, Response

CAMPAIGN = "winback"
AUDIENCE = "dormant"
LENGTH = timedelta(days=10, hours=4)
ANSWERING = timedelta(days=10)
"""For so long the demo's own people answer whoever is handed to them."""
FIRST_WAVE_LOOK_SECONDS = 0.2
REFERENCE = datetime.fromisoformat("2026-12-01T07:00:00+00:00")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``otklik demo`` was asked for."""

    count: int = 400
    seed: int = 7
    lang: str = "en"
    now: datetime = REFERENCE
    customers: Path | None = None
    events: Path | None = None
    once: bool = True
    keep: Path | None = None


async def play(options: DemoOptions) -> bool:
    """Play it; True if ledgers, store and oracle agree.

    Raises:
        OtklikError: if a part does not start, or a file cannot be read.
    """
    show = Show(options.lang)
    place = tempfile.TemporaryDirectory(prefix="otklik-demo-", ignore_cleanup_errors=True)
    with place as temporary, kept_port() as port:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with show.stage("cast"):
            cast = await assemble(
                folder, count=options.count, now=options.now, seed=options.seed, lang=options.lang,
                customers=options.customers, events=options.events,
            )  # fmt: skip
            stage = await set_stage(folder, cast, options.now, port=port, seed=options.seed, lang=options.lang)
        show.title(len(cast.customers))
        try:
            async with aiohttp.ClientSession() as session:
                director = Director(session, stage.worker_url, stage.sandbox_url)
                staff = cast_staff(options.lang)
                expected = await _prepare(options, show, stage, cast, staff, director)
                last = await _run(show, stage, staff, director)
                verdict = await _judge(options, show, stage, cast, expected, last)
                if not options.once:
                    await encore(show, stage, staff, director)
                return verdict.agrees
        finally:
            await stage.strike()


async def _prepare(
    options: DemoOptions, show: Show, stage: Stage, cast: Cast, staff: Staff, director: Director
) -> Expected:
    """Import, apply, take people on, start the sender, plan the first wave."""
    with show.stage("customers"):
        await import_customers(stage.store, cast.customers_file, CustomerOptions(telegram_scope=BOT, now=options.now))
    with show.stage("events"):
        await import_events(stage.store, cast.events_file, EventOptions(currency="USD", now=options.now))
    with show.stage("applied"):
        await apply_workspace(stage, options.now)
        await take_on(stage.store, staff, options.lang)
    with show.stage("segment", name=AUDIENCE) as said:
        async with stage.store.read() as connection:
            segments = await stored_segments(connection)
        zone = zone_named(stage.workspace.config.zone)
        refreshed = await refresh_segment(stage.store, AUDIENCE, segments, now=options.now, zone=zone)
        said["count"] = refreshed.size
    with show.stage("worker"):
        await open_group(stage, staff, director, options.lang)
        await stage.start_worker(options.now)
        await connect_providers(stage, director)
    if not options.once:
        show.desk(stage.worker_url, staff)
    with show.stage("planned") as said:
        said["count"] = await _first_wave(stage)
    dormant = {
        customer.external_id: {
            "consent": customer.consent_at is not None,
            "whatsapp": customer.has_whatsapp,
            "telegram": customer.telegram != 0,
        }
        for customer in cast.customers
        if customer.is_dormant(options.now)
    }
    return expect(cast.people, dormant, options.now)


async def _first_wave(stage: Stage) -> int:
    """Wait until every customer who entered has been decided about; the number of messages planned."""
    enrolments, messages = table(Enrolment), table(Message)
    undecided = select(enrolments.c.id).where(enrolments.c.step == "", enrolments.c.closed_at.is_(None)).limit(1)
    async with stage.store.read() as connection:
        size = await segment_size(connection, AUDIENCE)
    while True:
        async with stage.store.read() as connection:
            entered = await connection.scalar(select(func.count()).select_from(enrolments)) or 0
            if entered >= size and await connection.scalar(undecided) is None:
                return await connection.scalar(select(func.count()).select_from(messages)) or 0
        if stage.worker is None or not stage.worker.alive:
            raise RuntimeError("the sender ended")
        await asyncio.sleep(FIRST_WAVE_LOOK_SECONDS)


async def _run(show: Show, stage: Stage, staff: Staff, director: Director) -> Scene:
    """Play the campaign; people answer whom the bot hands over, up to the last morning: those are the visitor's."""
    answered = 0

    async def scene_by_scene(scene: Scene) -> bool:
        nonlocal answered
        show.scene(scene)
        if scene.now < stage.start + ANSWERING:
            fresh = await answer_everybody(stage.store, staff, show.lang, scene.now)
            answered += fresh
            if fresh:
                await director.hurry(scene.now)
                await director.rest()
        return True

    with show.calendar(LENGTH.days):
        last = await director.play(stage.start + LENGTH, scene_by_scene)
    show.console.print(f"  [green]✓[/] {show.say('answered', count=answered)}")
    return last


async def _judge(
    options: DemoOptions, show: Show, stage: Stage, cast: Cast, expected: Expected, last: Scene
) -> Verdict:
    """Print the report, some stories and the verdict."""
    async with stage.store.read() as connection:
        print_report(show.console, await campaign_report(connection, CAMPAIGN), options.lang)
        show.console.print()
        show.console.rule(f"[bold]{show.say('stories')}", align="left")
        for customer_id in await _telling(stage):
            for told in await story(connection, customer_id, CAMPAIGN):
                print_story(show.console, told, options.lang)
    lost = last.theirs["unanswered_requests"]
    verdict = await verify(
        stage.store, read_ledger(stage), cast.people, expected, must=PARTS.keys() - set(cast.open), lost=lost
    )
    show.console.print()
    if verdict.agrees:
        numbers = {"count": verdict.accepted, "duplicates": verdict.duplicates, "unknown": verdict.unknown}
        show.console.print(f"[bold green]✓[/] {show.say('agree', **numbers)}")
    else:
        show.console.print(f"[bold red]✗[/] {show.say('disagree')}")
        for problem in verdict.problems:
            show.console.print(f"  [red]·[/] {problem}")
    if cast.open:
        show.console.print(f"[yellow]·[/] {show.say('open', parts=show.listed(f'part.{name}' for name in cast.open))}")
    show.console.print(f"[green]✓[/] {show.say('waiting', count=await waiting(stage.store))}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    peaks = {"own": own, "worker": _peak(stage.worker), "sandbox": _peak(stage.sandbox)}
    show.console.print(f"[dim]{show.say('memory', **peaks)}[/]")
    return verdict


def _peak(child: Child | None) -> str:
    """Peak memory of a process in MB, where the system tells."""
    if child is None:
        return "?"
    try:
        status = Path(f"/proc/{child.process.pid}/status").read_text()
    except OSError:
        return "?"
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "")
    return str(int(line.split()[1]) // 1024) if line else "?"


async def _telling(stage: Stage) -> list[str]:
    """Up to three customers whose journeys tell most: one who answered late, one who bought, one who left."""
    enrolments, messages, responses = table(Enrolment), table(Message), table(Response)
    sends = (
        select(messages.c.enrolment_id, func.count().label("sends"))
        .where(messages.c.enrolment_id.is_not(None))
        .group_by(messages.c.enrolment_id)
        .subquery()
    )
    async with stage.store.read() as connection:
        found: list[str] = []
        for state in ("answered", "converted", "exited"):
            row = (
                await connection.execute(
                    select(enrolments.c.customer_id)
                    .join(sends, sends.c.enrolment_id == enrolments.c.id)
                    .outerjoin(responses, responses.c.customer_id == enrolments.c.customer_id)
                    .join(table(Customer), table(Customer).c.id == enrolments.c.customer_id)
                    .where(enrolments.c.state == state)
                    .group_by(enrolments.c.customer_id, sends.c.sends, table(Customer).c.external_id)
                    .order_by(sends.c.sends.desc(), func.count().desc(), table(Customer).c.external_id)
                    .limit(1)
                )
            ).first()
            if row is not None:
                found.append(row.customer_id)
    return found
