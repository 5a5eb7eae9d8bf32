"""The encore: the phones stay up, the visitor plays the customer, moves the clock and crashes the sender."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from campaigns.applying import apply
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.errors import OtklikError
from core.machines.message import MessageState
from core.statuses import SENT
from otklik.demo.director import Director, Scene
from otklik.demo.show import Show
from otklik.demo.staff import Staff
from otklik.demo.stage import Stage, read_ledger
from storage.outbox.columns import table
from storage.tables import Message

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "next": timedelta(days=60)}
FRESH = """\
# A letter to everybody who agreed: the visitor crashes the sender while it leaves.
campaign: encore-{number}
description: Written while the sender crashes
audience: everyone
start: now
until: none
template: winback
steps:
  - send: email
"""


async def encore(show: Show, stage: Stage, staff: Staff, director: Director) -> None:
    """Serve the page's wishes until cancelled."""
    show.console.print(f"\n[bold]{show.say('phones', url=stage.sandbox_url + '/?lang=' + show.lang)}[/]")
    show.console.print(show.say("chat", url=f"{stage.worker_url}/chat?lang={show.lang}"))
    show.desk(stage.worker_url, staff)
    places = {"desk": f"{stage.worker_url}/desk", "chat": f"{stage.worker_url}/chat?lang={show.lang}"}
    await _notice(stage, director, kind="places", **places)
    show.console.print(f"[dim]{show.say('stay')}[/]")
    seen, crashes = 0, 0
    while True:
        answer = await director.get(f"{stage.sandbox_url}/control/wishes?after={seen}&wait=1")
        for wish in answer["wishes"]:
            seen = max(seen, int(wish["n"]))
            try:
                if wish["kind"] == "crash_sender":
                    crashes += 1
                    await _crash(stage, director, crashes)
                elif wish["kind"] == "advance":
                    await _advance(stage, director, wish)
            except OtklikError as error:
                await _notice(stage, director, kind="error", text=str(error))
        await director.rest()


async def _advance(stage: Stage, director: Director, wish: dict[str, Any]) -> None:
    scene = await director.rest()
    before = scene.theirs["ledger"]["accepted"]
    if wish.get("until") == "next_message":

        async def nothing_new(now: Scene) -> bool:
            return bool(now.theirs["ledger"]["accepted"] == before)

        scene = await director.play(scene.now + STEPS["next"], nothing_new, start=scene)
    else:
        seconds = float(wish.get("seconds") or 0) or STEPS.get(str(wish.get("step")), STEPS["hour"]).total_seconds()
        scene = await director.skip_to(scene.now + timedelta(seconds=min(seconds, 60 * 86400)))
    await _notice(
        stage, director, kind="advanced", now=scene.now.isoformat(), sent=scene.theirs["ledger"]["accepted"] - before
    )


async def _crash(stage: Stage, director: Director, number: int) -> None:
    """A new campaign leaves; in its midst the sender is killed, started again, and the ledgers are compared."""
    scene = await director.rest()
    (stage.folder / "shop" / "campaigns" / f"encore-{number}.yaml").write_text(FRESH.format(number=number))
    _everyone(stage)
    before = scene.theirs["ledger"]["accepted"]
    await apply(stage.store, load_workspace(stage.folder / "shop"), Actor("operator", "visitor"), scene.now)
    now = _in_the_morning(scene.now)
    await director.move_to(now, scene)
    await _notice(stage, director, kind="crash", phase="sending", number=number)
    accepted = await _wait_for_some(stage, director, before)
    if stage.worker is None:
        return
    await stage.worker.kill()
    await _notice(stage, director, kind="crash", phase="killed", number=number, accepted=accepted - before)
    await stage.start_worker(now)
    await _notice(stage, director, kind="crash", phase="restarted", number=number)
    await director.skip_to(now + timedelta(days=1))
    twice, lost, unknown, sent = await _compare(stage)
    await _notice(
        stage, director, kind="crash", phase="compared", number=number,
        accepted=sent, twice=twice, lost=lost, unknown=unknown, agree=not twice and not lost,
    )  # fmt: skip


def _everyone(stage: Stage) -> None:
    path = stage.folder / "shop" / "segments.yaml"
    text = path.read_text(encoding="utf-8")
    if "\neveryone:" not in text:
        path.write_text(text + "\neveryone:\n  where: {consent: marketing, channel: email}\n", encoding="utf-8")


def _in_the_morning(now: datetime) -> datetime:
    """Noon of today or tomorrow: sending hours for most of the demo's customers."""
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    return noon if noon > now else noon + timedelta(days=1)


async def _wait_for_some(stage: Stage, director: Director, before: int) -> int:
    """Until a good part of the new campaign has left."""
    for _ in range(600):
        state = await director.get(f"{stage.sandbox_url}/control/state")
        accepted: int = state["ledger"]["accepted"]
        if accepted - before >= 40:
            return accepted
        await asyncio.sleep(0.01)
    return before


async def _compare(stage: Stage) -> tuple[int, int, int, int]:
    """(twice, lost, unknown, accepted) over all mail that the providers accepted and the store has as sent."""
    messages = table(Message)
    async with stage.store.read() as connection:
        rows = await connection.execute(
            messages.select().where(
                messages.c.direction == "out", messages.c.channel == "email", messages.c.state.in_(SENT)
            )
        )
        ours = {row.id: row.state for row in rows}
    ledger = Counter(
        entry["otklik_id"] for entry in read_ledger(stage) if entry["accepted"] and entry["channel"] == "email"
    )
    twice = sum(number - 1 for number in ledger.values())
    unknown = sum(state is MessageState.UNKNOWN for state in ours.values())
    lost = sum(id_ not in ledger for id_, state in ours.items() if state is not MessageState.UNKNOWN)
    return twice, lost, unknown, sum(ledger.values())


async def _notice(stage: Stage, director: Director, **notice: object) -> None:
    await director.post(f"{stage.sandbox_url}/control/notice", notice)
