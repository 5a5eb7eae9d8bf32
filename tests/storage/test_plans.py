"""Hot statements reach their rows by an index: on SQLite none of them reads a large table from end to end."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.handoff import ownership
from bot.handoff.keeping import keep_desk
from bot.processing import Processor
from campaigns.applying import apply
from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.gates import DISPATCH_GATES
from campaigns.responding.receipts import settle_parked
from campaigns.running.runner import Runner
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import load_workspace
from core.actors import SYSTEM, Actor
from core.clock import VirtualClock
from core.dispatching import Ended, Ready
from core.errors import PermanentKind
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, Address, ChannelEvent, DeliveryReport, InboundMessage, OutboundMessage, RawInbound
from core.outcomes import Outcome, OutcomeKind
from core.wakeup import LocalWakeup
from desk.inbox.listing import Filters, View, lines, listed
from desk.inbox.thread import news
from desk.live.feed import Feed
from storage import migrate
from storage.imports import ConsentGrant, CustomerOptions, import_customers
from storage.intake import Intake
from storage.outbox.outbox import Outbox
from storage.store import Store
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW

LARGE = ("messages", "enrolments", "identities", "events", "customers", "attempts", "holds", "enrolment_history",
         "consents", "inbound", "receipts", "responses", "conversations", "conversation_events", "links")  # fmt: skip
ALLOWED = {
    "ix_messages_planned": "missed windows are looked for in the index of what is planned, rows stay unread",
    "ix_inbound_stored": "it holds what waits to be processed, and nothing else",
}
HARDLY_BETTER = (
    "SEARCH inbound USING INDEX sqlite_autoindex_inbound_2 (account=?)",
    "SEARCH enrolments USING INDEX ux_enrolments_open (campaign_id=?)",
)
"""Everything that an account ever received, or every open journey of a campaign: most of the table."""
PEOPLE = 6
WORKSPACE = {
    "otklik.yaml": "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n",
    "segments.yaml": "everyone:\n  where: {field: country, in: [GB]}\n",
    "campaigns/letters.yaml": "campaign: letters\naudience: everyone\nstart: now\n"
    "steps:\n  - {send: email, template: letter, wait: 1d}\n  - {send: email, id: again, template: letter, wait: 1d}\n",
    "templates/letter/email.txt": "---\nsubject: Hello\n---\nhttps://lantern.example.com/new {{ links.unsubscribe }}\n",
}


@contextmanager
def statements(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """What is executed on either engine meanwhile: (SQL, one row's parameters)."""
    seen: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, sql: str, parameters: Any, context: Any, executemany: bool) -> None:
        if sql.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            seen.append((sql, parameters[0] if executemany else parameters))

    engines = (store._writer.sync_engine, store._reader.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def scans(store: Store, seen: Sequence[tuple[str, Any]]) -> list[str]:
    """Lines of the statements' plans that read a large table whole, each with its SQL."""
    found = []
    async with store.read() as connection:
        for sql, parameters in dict(seen).items():
            names = {name for name in LARGE if re.search(rf"\b{name}\b", sql)}
            names |= {alias for name in names for alias in re.findall(rf"\b{name} AS (\w+)", sql)}
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
            for row in plan:
                scanned = re.match(r"SCAN (\w+)(?! VIRTUAL)", row.detail)
                if scanned and scanned[1] in names and row.detail.rpartition(" ")[2] not in ALLOWED:
                    found.append(f"{row.detail}\n{sql}")
                of_nothing = re.search(r"\((\w+)=\?", row.detail)
                if of_nothing and re.search(rf"\b{of_nothing[1]} IS NULL", sql):
                    found.append(f"{row.detail}: of none, which may be most of the table\n{sql}")
                if row.detail.endswith(HARDLY_BETTER):
                    found.append(f"{row.detail}\n{sql}")
    return found


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as opened:
        await migrate.upgrade(opened)
        yield opened


async def started(store: Store, clock: VirtualClock, folder: Path) -> None:
    """Customers on the first step of a campaign, due now."""
    people = folder / "people.csv"
    lines = (f"{n},reader{n}@example.org,GB\n" for n in range(PEOPLE))
    people.write_text("id,email,country\n" + "".join(lines))
    await import_customers(store, people, CustomerOptions(consent=ConsentGrant("marketing", "a test", "yes")))
    for name, text in WORKSPACE.items():
        (folder / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "shop" / name).write_text(text)
    await apply(store, load_workspace(folder / "shop"), Actor("operator", "test"), NOW - timedelta(seconds=1))
    assert await Scheduler(store, clock).tick() == PEOPLE


def outbox_of(store: Store, clock: VirtualClock) -> Outbox:
    async def parked(connection: Any, accepted: Any, now: Any) -> None:
        await settle_parked(connection, accepted, now)

    return Outbox(store, clock, DISPATCH_GATES, worker="one", on_accepted=parked)


async def test_no_statement_of_a_sends_life_scans(store: Store, clock: VirtualClock, tmp_path: Path) -> None:
    await started(store, clock, tmp_path)
    runner, outbox = Runner(store, clock, LocalWakeup()), outbox_of(store, clock)
    composer = Composer(store, clock, MessageLinks(Addresses("https://example.com", "a secret")))
    with statements(store) as seen:
        assert await runner.run_once() == PEOPLE
        claims = await outbox.claim(EMAIL, 10)
        assert len(claims) == PEOPLE
        composed = await composer.compose(claims)
        assert all(isinstance(message, OutboundMessage) for message in composed.values())
        batch = [Ready(claim, new_id(), "email", "", "") for claim in claims[:-2]]
        await outbox.refuse([claims[-1].message_id], "a test")
        await outbox.unclaim([claims[-2]])
        assert len(await outbox.begin(batch)) == len(batch)
        outcomes = [
            Outcome(OutcomeKind.ACCEPTED, provider_id="<one@example.com>"),
            Outcome(OutcomeKind.REJECTED, kind_of_failure=PermanentKind.BAD_ADDRESS),
            Outcome(OutcomeKind.NOT_SENT, retry_after=0.0),
            Outcome(OutcomeKind.UNKNOWN),
        ]
        pairs = zip(batch, outcomes, strict=True)
        await outbox.record([Ended(ready.attempt_id, ready.claim.message_id, outcome) for ready, outcome in pairs])
        await outbox.sweep()
        clock.advance_to(clock.now() + timedelta(days=1))
        assert await runner.run_once()
        clock.advance_to(clock.now() + timedelta(days=1))
        await outbox.sweep()
        assert await runner.run_once()
    assert len(seen) > 25
    bad = await scans(store, seen)
    assert bad == [], "\n\n".join(bad)


async def test_no_statement_of_an_arrival_scans(store: Store, clock: VirtualClock, tmp_path: Path) -> None:
    await started(store, clock, tmp_path)
    outbox = outbox_of(store, clock)
    await Runner(store, clock, LocalWakeup()).run_once()
    claims = await outbox.claim(EMAIL, 10)
    batch = [Ready(claim, new_id(), EMAIL, "", "") for claim in claims]
    await outbox.begin(batch)
    sent = [Outcome(OutcomeKind.ACCEPTED, provider_id=f"<{ready.claim.message_id}@example.com>") for ready in batch]
    await outbox.record(
        [Ended(ready.attempt_id, ready.claim.message_id, one) for ready, one in zip(batch, sent, strict=True)]
    )
    arrivals: list[ChannelEvent] = [
        InboundMessage(EMAIL, "1", claims[0].to, "A lovely letter", in_reply_to=sent[0].provider_id),
        InboundMessage(EMAIL, "2", claims[1].to, "stop"),
        InboundMessage(EMAIL, "3", Address(EMAIL, "stranger@example.net"), "Who is there?"),
        InboundMessage("telegram", "4", Address("telegram", "7001", "42"), "Hello"),
        DeliveryReport(EMAIL, sent[2].provider_id, MessageState.FAILED, key="5"),
    ]
    raw = [RawInbound(EMAIL, "test", str(number), b"") for number in range(len(arrivals))]
    async with Intake(store, clock) as intake:
        await intake.store(raw)
    processor = Processor(store, {EMAIL: lambda one: [arrivals[int(one.key)]]}, clock, "a secret")
    with statements(store) as seen:
        assert await processor.run_once() == len(arrivals)
    assert len(seen) > 40
    bad = await scans(store, seen)
    assert bad == [], "\n\n".join(bad)


async def test_no_statement_of_the_desk_scans(store: Store, clock: VirtualClock) -> None:
    stage, feed = Desk(store, clock), Feed(store, LocalWakeup())
    ann = await stage.agent("Ann")
    chats = [await stage.waiting() for _ in range(3)]
    async with store.write() as connection:
        await ownership.take(connection, chats[0], ann, actor=SYSTEM, now=clock.now())
    with statements(store) as seen:
        await keep_desk(store, clock)
        assert await feed.look() is not None
        for number, text in enumerate(("hello", "спасибо", "are you there?")):
            said = InboundMessage(SMS, str(number), Address(SMS, f"+4477009000{number:02}"), text)
            key = RawInbound(SMS, SMS, str(number), b"")
            async with Intake(store, clock) as intake:
                await intake.store([key])
            assert await Processor(store, {SMS: lambda _, said=said: [said]}, clock, "a secret").run_once() == 1
        await keep_desk(store, clock)
        assert await feed.look() is not None
        async with store.read() as connection:
            for view in View:
                await listed(connection, Filters(view), ann)
            (line,) = await lines(connection, chats[:1])
            await news(connection, line.customer_id, chats[0])
    assert len(seen) > 60
    bad = await scans(store, seen)
    assert bad == [], "\n\n".join(bad)
