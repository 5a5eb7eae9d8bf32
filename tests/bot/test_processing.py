"""From the provider's delivery to its one effect: durable before it is acknowledged, processed once, never blocked."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot.processing import TRIES, Processor
from core.clock import VirtualClock
from core.errors import StoreUnavailable
from core.machines.message import MessageState
from core.messages import EMAIL, TELEGRAM, Address, ChannelEvent, DeliveryReport, InboundMessage, RawInbound
from storage import migrate
from storage.intake import LONGEST_KEY, Intake, bounded_key
from storage.store import Store
from storage.tables import Blob, BlobOwner, Customer, Identity, Inbound, Message, Response
from tests.bot.scene import SECRET, Scene, body
from tests.conftest import NOW


def parse(raw: RawInbound) -> list[ChannelEvent]:
    """A provider of this test: JSON with what it means."""
    said = orjson.loads(raw.payload)
    if "status" in said:
        return [DeliveryReport(raw.account, said["id"], MessageState(said["status"]), key=raw.key)]
    sender = Address(raw.channel, said["from"], "42" if raw.channel == TELEGRAM else "")
    return [InboundMessage(raw.account, raw.key, sender, said["text"])]


def delivery(key: str, channel: str = TELEGRAM, **said: str) -> RawInbound:
    return RawInbound(channel, channel, key, orjson.dumps(said))


def processor(store: Store) -> Processor:
    return Processor(store, {TELEGRAM: parse, EMAIL: parse}, VirtualClock(NOW), SECRET)


async def put(store: Store, *deliveries: RawInbound) -> None:
    async with Intake(store, VirtualClock(NOW)) as intake:
        await intake.store(list(deliveries))


async def test_ten_thousand_replays_have_one_effect(scene: Scene) -> None:
    person = await scene.person()
    one = delivery("u1", **{"from": person.telegram.value, "text": "stop"})
    async with Intake(scene.store, VirtualClock(NOW), waiting=20_000) as intake:
        await asyncio.gather(*(intake.store([one] * 10) for _ in range(1000)))
    work = processor(scene.store)
    assert await work.run_once() == 1
    assert await work.run_once() == 0
    assert len(await scene.all(Inbound)) == 1
    assert len(await scene.all(Response)) == 1
    assert len(await scene.all(Message)) == 2  # theirs and the one confirmation


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    async with await Store.open(url) as store:
        await migrate.upgrade(store)
        await put(store, *(delivery(str(n), text="hi", **{"from": "1"}) for n in range(50)))
    async with await Store.open(url) as store:
        assert len(await Scene(store).all(Inbound)) == 50


async def test_one_commit_serves_those_that_wait_together(scene: Scene) -> None:
    commits = 0
    real = scene.store.write_at_once

    async def counted(statements: Any) -> None:
        nonlocal commits
        commits += 1
        await real(statements)

    scene.store.write_at_once = counted  # type: ignore[method-assign]
    async with Intake(scene.store, VirtualClock(NOW)) as intake:
        await asyncio.gather(*(intake.store([delivery(str(n), text="hi")]) for n in range(300)))
    assert commits <= 3
    assert len(await scene.all(Inbound)) == 300


async def test_a_store_that_is_away_acknowledges_nothing(scene: Scene) -> None:
    real = scene.store.write_at_once

    async def away(_: Any) -> None:
        raise StoreUnavailable("away")

    scene.store.write_at_once = away  # type: ignore[method-assign]
    async with Intake(scene.store, VirtualClock(NOW)) as intake:
        with pytest.raises(StoreUnavailable):
            await intake.store([delivery("1", text="hi")])
        scene.store.write_at_once = real  # type: ignore[method-assign]
        await intake.store([delivery("1", text="hi")])
    assert len(await scene.all(Inbound)) == 1
    with pytest.raises(StoreUnavailable, match="not running"):
        await intake.store([delivery("2", text="hi")])


async def test_keys_and_texts_that_no_database_keeps(scene: Scene) -> None:
    raw = RawInbound("telegram", "telegram", "k\x00" + "x" * 5000, b"\x00", {"a\x00": ["\x00b", "\ud800"]})
    await put(scene.store, raw, raw)
    (row,) = await scene.all(Inbound)
    assert row.key == bounded_key(raw.key)
    assert len(row.key) <= LONGEST_KEY
    assert row.meta == {"a": ["b", "?"]}


async def test_a_poison_delivery_is_set_aside_and_blocks_nobody(scene: Scene) -> None:
    await put(
        scene.store,
        RawInbound("telegram", "telegram", "bad", b"{"),
        delivery("good", **{"from": "5", "text": "hi\x00 \ud800".encode("utf-8", "replace").decode()}),
    )
    work = processor(scene.store)
    assert [await work.run_once() for _ in range(TRIES + 1)] == [1, 0, 0, 0]
    assert not await work.pending()
    states = {row.key: (row.state, row.tries) for row in await scene.all(Inbound)}
    assert states == {"bad": ("quarantined", TRIES), "good": ("processed", 0)}
    (bad,) = await scene.all(Inbound, key="bad")
    assert bad.error.startswith("JSONDecodeError")
    assert len(await scene.all(Customer)) == 1


async def test_plain_messages_share_a_transaction(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of people who are known and of strangers; one that is an order, with its writer's others, has its own."""
    people = [(await scene.person()).telegram.value for _ in range(4)] + ["501", "502"]
    said = [(number, who, "Good day") for number in range(5) for who in people]
    await put(scene.store, *(delivery(f"{number}-{who}", text=text, **{"from": who}) for number, who, text in said))
    commits, real = 0, scene.store.write

    @asynccontextmanager
    async def counted() -> Any:
        nonlocal commits
        commits += 1
        async with real() as connection:
            yield connection

    monkeypatch.setattr(scene.store, "write", counted)
    assert await processor(scene.store).run_once() == len(said)
    assert commits == 1
    await put(scene.store, *(delivery(who, text="hi", **{"from": who}) for who in people))
    await put(scene.store, delivery("an order", text="help", **{"from": people[0]}))
    commits = 0
    assert await processor(scene.store).run_once() == len(people) + 1
    assert commits == (2 if scene.store.dialect == "sqlite" else 3)


async def test_a_message_that_fails_takes_nobody_of_its_batch_with_it(scene: Scene) -> None:
    """Neither one that cannot even be looked at nor one that fails as it is written down."""

    def read(raw: RawInbound) -> list[ChannelEvent]:
        (said,) = parse(raw)
        assert isinstance(said, InboundMessage)
        broken: Any = {"unreadable": {"text": 7}, "unwritable": {"sent_raw": 7}}
        return [replace(said, **broken.get(said.text, {}))]

    words = ["hello", "unwritable", "good day", "unreadable", "who is there?"]
    await put(scene.store, *(delivery(word, text=word, **{"from": "5"}) for word in words))
    work = Processor(scene.store, {TELEGRAM: read}, VirtualClock(NOW), SECRET)
    assert [await work.run_once() for _ in range(TRIES + 1)] == [3, 0, 0, 0]
    states = {row.key: row.state for row in await scene.all(Inbound)}
    bad = {"unreadable", "unwritable"}
    assert states == {word: "quarantined" if word in bad else "processed" for word in words}
    assert [row.body for row in await scene.all(Message)] == [word for word in words if word not in bad]
    assert len(await scene.all(Customer)) == 1


async def test_an_effect_and_its_mark_are_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the effect and the mark leaves neither."""
    person = await scene.person()
    await put(scene.store, delivery("u1", **{"from": person.telegram.value, "text": "stop"}))
    work = processor(scene.store)

    async def crash(*_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(work, "_mark", crash)
        assert await work.run_once() == 0
    assert await scene.responses() == []
    assert await scene.consents(person) == {EMAIL: True, TELEGRAM: True}
    assert await work.run_once() == 1
    assert len(await scene.responses()) == 1


async def test_several_processors_share_the_work(scene: Scene) -> None:
    people = [await scene.person() for _ in range(5)]
    await put(
        scene.store,
        *(
            delivery(f"{person.id}-{n}", **{"from": person.telegram.value, "text": f"message {n}"})
            for n in range(6)
            for person in people
        ),
        *(delivery(f"new-{n}", **{"from": "555", "text": "new here"}) for n in range(6)),
    )
    workers = [processor(scene.store) for _ in range(3)]
    done = 0
    while await workers[0].pending():
        done += sum(await asyncio.gather(*(work.run_once(10) for work in workers)))
    assert done == 36
    assert len(await scene.all(Message, direction="in")) == 36
    assert len(await scene.responses()) == 36
    assert len(await scene.all(Identity, address="555")) == 1
    assert len(await scene.all(Customer)) == 6


async def test_reports_are_processed_in_one_go(scene: Scene) -> None:
    person = await scene.person()
    for n in range(30):
        await scene.message(person, None, channel=TELEGRAM, provider_id=f"p{n}")
    await put(
        scene.store,
        *(delivery(f"p{n}:{status}", id=f"p{n}", status=status) for status in ("read", "delivered") for n in range(30)),
    )
    assert await processor(scene.store).run_once() == 60
    assert {row.state for row in await scene.all(Message)} == {MessageState.READ}


async def test_raw_mail_is_kept_once_and_owned(scene: Scene) -> None:
    person = await scene.person()
    mail = {"from": person.email.value, "text": "Dear shop"}
    await put(scene.store, delivery("1:1", EMAIL, **mail), delivery("1:2", EMAIL, **mail))
    assert await processor(scene.store).run_once() == 2
    (blob,) = await scene.all(Blob)
    assert blob.content == orjson.dumps(mail)
    (owner,) = await scene.all(BlobOwner)
    assert (owner.hash, owner.owner, owner.owner_id) == (blob.hash, "customer", person.id)
    assert {row.raw_blob for row in await scene.all(Message, direction="in")} == {blob.hash}
    assert {(bytes(row.payload), row.meta["blob"]) for row in await scene.all(Inbound)} == {(b"", blob.hash)}


async def test_deliveries_of_an_account_that_is_not_set_up_wait(scene: Scene) -> None:
    await put(scene.store, delivery("1", "sms", text="hi"), delivery("2", text="hi", **{"from": "5"}))
    work = processor(scene.store)
    assert await work.run_once() == 1
    assert await work.run_once() == 0
    (waiting,) = await scene.all(Inbound, account="sms")
    assert waiting.state == "stored"


async def test_the_journey_of_a_processed_reply_is_closed(scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign, channel=TELEGRAM)
    await put(scene.store, delivery("u1", **{"from": person.telegram.value, "text": "Yes, please"}))
    await processor(scene.store).run_once()
    assert (await scene.state(enrolment)).value == "answered"
