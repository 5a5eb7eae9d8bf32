"""A simulation and a run with the same customer behaviour plan the same messages for the same instants.

The run is the demo: real processes, real protocols. The simulation gets the same customers, their orders and scripts.
"""

import os
import sys
from asyncio import create_subprocess_exec, subprocess, wait_for
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from campaigns.applying import apply
from campaigns.simulation.behaviour import Behaviour, Deed, Rule
from campaigns.simulation.playing import Play
from campaigns.simulation.scratch import scratch_store
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from otklik.demo.cast import BOT
from otklik.demo.play import LENGTH, REFERENCE
from storage.imports import CustomerOptions, EventOptions, import_customers, import_events
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Message

SECONDS = 600
MEANT = {
    "reply": "reply", "press": "reply", "auto_reply": "auto_reply", "open": "open", "click": "click", "buy": "order",
    "stop": "opt_out", "one_click": "opt_out", "complain": "complaint",
}  # fmt: skip
"""The sandbox's deeds and the simulation's. Who joins the bot meanwhile gets a new address: that is not simulated."""

UNSERVED = {"sms": frozenset({"IR"}), "whatsapp": frozenset({"IR"})}
"""As the provider's adapter says it by default."""
Planned = set[tuple[str, str, str, str, Any]]


@pytest.mark.timeout(SECONDS + 60)
async def test_what_simulate_plans_is_what_run_plans(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    await _run(kept)
    people = [person for person in orjson.loads((kept / "people.json").read_bytes()) if _is_playable(person)]
    names = {person["key"] for person in people}
    assert len(names) > 40
    async with await Store.open(f"sqlite:///{kept / 'demo.sqlite3'}") as ran:
        real = await _planned(ran, names)
    simulated = await _simulate(kept, people, names)
    assert len(real) > 25
    assert len({row[1] for row in real}) == 3
    assert simulated == real


async def _run(kept: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTKLIK_")}
    process = await create_subprocess_exec(
        sys.executable, "-m", "otklik", "demo", "--once", "--keep", str(kept), "--count", "80",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=kept.parent, env=environment,
    )  # fmt: skip
    try:
        output, _ = await wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()


def _is_playable(person: dict[str, Any]) -> bool:
    """A mailbox refused at the door, a blocked bot: those are the provider's news, not the customer's deeds."""
    telegram = person["telegram"] or {}
    known = all(rule["do"] in MEANT for rule in person["script"])
    return known and person["mailbox"] == "ok" and not telegram.get("blocked")


def _script(person: dict[str, Any]) -> list[Rule]:
    rules = []
    for rule in person["script"]:
        deed = Deed(MEANT[rule["do"]], float(rule["amount"]) if "amount" in rule else None)
        rules.append(Rule(deed, timedelta(seconds=rule["after"]), rule["on"]["channel"], rule["on"]["nth"]))
    return rules


async def _simulate(kept: Path, people: list[dict[str, Any]], names: set[str]) -> Planned:
    behaviour = Behaviour(rates={"email": {}}, scripts={person["key"]: _script(person) for person in people})
    workspace = load_workspace(kept / "shop")
    async with scratch_store() as store:
        await import_customers(store, kept / "customers.csv", CustomerOptions(telegram_scope=BOT, now=REFERENCE))
        await import_events(store, kept / "orders.csv", EventOptions(currency="USD", now=REFERENCE))
        await apply(store, workspace, Actor("operator", "test"), REFERENCE)
        play = Play(store, VirtualClock(REFERENCE), behaviour, unserved=UNSERVED)
        await play.run(REFERENCE + LENGTH)
        return await _planned(store, names)


async def _planned(store: Store, names: set[str]) -> Planned:
    messages, customers = table(Message), table(Customer)
    async with store.read() as connection:
        rows = await connection.execute(
            select(customers.c.external_id, messages.c.step, messages.c.leg, messages.c.channel, messages.c.send_at)
            .join(customers, customers.c.id == messages.c.customer_id)
            .where(messages.c.direction == "out", messages.c.campaign_id.is_not(None))
        )
        return {tuple(row) for row in rows if row.external_id in names}
