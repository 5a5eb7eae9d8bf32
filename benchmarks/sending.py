"""Sending through the whole service, beside a bare client that sends the very same messages to the same fake server.

What it compares is a :class:`Channel`; each side runs in a process of its own, and rounds alternate.
"""

import argparse
import asyncio
import json
import os
import pickle
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sides import SIDES, Taken, begin, free_port, in_process, take_turns, tell
from stores import Stores, check_counts, plan, prepare, write_workspace

if TYPE_CHECKING:
    from core.dispatching import Ended
    from core.messages import OutboundMessage
    from otklik.settings import Configuration

CLAIM = 500
CAMPAIGN = "campaign: letters\naudience: everyone\nstart: now\nsteps:\n  - {{send: {}, template: letter, wait: 30d}}\n"
EVERYONE = "everyone:\n  where: {field: city, in: [Riga]}\n"


class Channel(NamedTuple):
    """What differs from channel to channel.

    ``template`` is the letter's file and its text; ``people`` makes a CSV of so many, all in Riga; ``settings`` are
    ours for a server at a port; ``finished`` is what the bare client is given of a message; ``bare`` sends such things
    to a port; ``server`` runs the fake server and gives its name.
    """

    name: str
    rival: str
    sessions: int
    template: tuple[str, str]
    people: Callable[[int], Iterable[str]]
    settings: Callable[[argparse.Namespace, int], Mapping[str, str]]
    finished: "Callable[[OutboundMessage, Configuration], Iterable[Any]]"
    bare: Callable[[Sequence[Any], int], Awaitable[Taken]]
    server: Callable[[argparse.Namespace, int], AbstractContextManager[str]]
    scope: str = ""


def main(script: str, channel: Channel, told: argparse.Namespace) -> None:
    """The comparison, or the part of it that ``told`` names."""
    begin(
        told,
        lambda told: run_part(channel, told),
        lambda folder, told: compare(script, channel, folder, told),
    )


def compare(script: str, channel: Channel, folder: Path, told: argparse.Namespace) -> None:
    """Prepare, run the rounds, print the medians."""
    stores, port = Stores(folder, told.database), free_port()

    def run(part: str, url: str) -> Taken:
        settings = {"OTKLIK_DATABASE_URL": url, **channel.settings(told, port)}
        return in_process(script, part, folder, told, port, settings)

    begins = {"ours": "prepared", "planned": "planned"}
    sides = ("ours", "planned", *SIDES[1:]) if told.planned else SIDES
    try:
        with channel.server(told, port) as server:
            stores.make()
            run("prepare", stores.prepared)
            run("plan", stores.fresh(name="planned"))
            run("dump", stores.fresh("planned"))
            size = (folder / "calls").stat().st_size / told.messages
            print(
                f"{told.messages:,} messages by {channel.name} of about {size:,.0f} bytes, "
                f"{channel.sessions} sessions, {stores.kind}, {server}",
                flush=True,
            )
            taken = take_turns(
                told, lambda part: run(part, stores.fresh(begins[part]) if part in begins else stores.prepared), sides
            )
    finally:
        stores.drop()
    tell(taken, told.messages, channel.rival)
    if told.planned:
        tell(taken, told.messages, channel.rival, "ours, from planned", "planned")


def run_part(channel: Channel, told: argparse.Namespace) -> None:
    """What a process of its own does; its seconds go to standard output."""
    from otklik.running import configure_logs, run_async

    configure_logs("warning")
    url, calls = os.environ["OTKLIK_DATABASE_URL"], told.folder / "calls"
    match told.part:
        case "prepare":
            file, text = channel.template
            letters = {"campaigns/letters.yaml": CAMPAIGN.format(channel.name), f"templates/letter/{file}": text}
            shop = write_workspace(told.folder, {"segments.yaml": EVERYONE, **letters})
            asyncio.run(prepare(shop, url, channel.people(told.messages), channel.scope))
        case "plan":
            asyncio.run(plan(url))
        case "dump":
            asyncio.run(dump(channel, calls, told.messages))
        case "ours" | "planned":
            print(json.dumps(run_async(ours(told.messages))))
        case "bare":
            print(json.dumps(asyncio.run(_bare(channel, calls, told.port))))
        case "bare-uvloop":
            print(json.dumps(run_async(_bare(channel, calls, told.port))))


async def _bare(channel: Channel, calls: Path, port: int) -> Taken:
    return await channel.bare(pickle.loads(calls.read_bytes()), port)  # noqa: ASYNC240, S301  our own, nothing else runs


async def dump(channel: Channel, path: Path, messages: int) -> None:
    """What the planned store would send, for the bare side."""
    from campaigns.composing.composer import Composer
    from campaigns.composing.links import MessageLinks
    from campaigns.gates import DISPATCH_GATES
    from core.clock import SystemClock
    from core.messages import OutboundMessage
    from otklik.settings import load_settings
    from otklik.wiring import addresses
    from storage.outbox.outbox import Outbox
    from storage.store import Store

    configuration, clock = load_settings(None), SystemClock()
    calls: list[Any] = []
    async with await Store.open(configuration.settings.database_url) as store:
        outbox = Outbox(store, clock, DISPATCH_GATES, worker="dump")
        composer = Composer(store, clock, MessageLinks(addresses(configuration)))
        while claims := await outbox.claim(channel.name, CLAIM):
            for message in (await composer.compose(claims)).values():
                assert isinstance(message, OutboundMessage), message
                calls += channel.finished(message, configuration)
    assert len(calls) == messages, f"{len(calls)} calls"
    path.write_bytes(pickle.dumps(calls))  # noqa: ASYNC240  nothing else runs here


async def ours(messages: int) -> Taken:
    """From the service's start until the last outcome is committed; all of them are looked at afterwards."""
    from otklik.settings import load_settings
    from storage.store import Store

    async with await Store.open(load_settings(None).settings.database_url) as store:
        taken = await recorded(store, messages, lambda _: True)
        await _check(store, messages)
    return taken.with_children()


async def recorded(store: Any, messages: int, counts: "Callable[[Ended], bool]") -> Taken:
    """From the service's start until so many outcomes that count are committed."""
    from otklik.running import spare_collections
    from otklik.service import running_service
    from otklik.settings import load_settings

    async with running_service(load_settings(None), store) as service:
        record, all_recorded, number = service.outbox.record, asyncio.Event(), 0

        async def counted(ended: Any) -> None:
            nonlocal number
            await record(ended)
            number += sum(counts(end) for end in ended)
            if number >= messages:
                all_recorded.set()

        service.outbox.record = counted  # type: ignore[method-assign]
        spare_collections()
        begun = Taken.now()
        running = asyncio.create_task(service.run())
        waiting = asyncio.create_task(all_recorded.wait())
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=600)
        taken = begun.since()
        assert waiting.done(), f"{number} of {messages}"
        running.cancel()
        await asyncio.wait([running])
    return taken


async def _check(store: Any, messages: int) -> None:
    """Every message was accepted, by one attempt each, and its money is spent."""
    counts = {
        "SELECT count(*) FROM messages WHERE state = 'accepted' AND provider_id IS NOT NULL": messages,
        "SELECT count(*) FROM attempts WHERE outcome = 'accepted'": messages,
        "SELECT count(*) FROM attempts": messages,
        "SELECT count(*) FROM holds WHERE state = 'spent'": messages,
        "SELECT count(*) FROM enrolment_history WHERE event = 'MessagePlanned'": messages,
    }
    await check_counts(store, counts)
