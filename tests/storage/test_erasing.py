"""Erasing: nothing that is a person's stays, anywhere; what reports need stays and leads to nobody."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Table, func, select

from campaigns.customers.card import customer_card, everything_held
from campaigns.customers.erasing import erase_customer
from campaigns.reporting.story import find_customer
from core.actors import Actor
from core.addresses import identity_key
from core.errors import Refused
from core.ids import ANONYMOUS, new_id
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import Address
from core.purposes import Purpose
from storage.imports import ConsentGrant, CustomerOptions, import_customers
from storage.personal import HOLDINGS, IMPERSONAL, SEARCHED
from storage.store import Store
from storage.tables import metadata
from storage.traces import terms_of
from storage.types import Instant
from tests.conftest import NOW

OPERATOR = Actor("operator", "vera")
MAIL, PHONE, CHAT = "anna.canary@example.org", "+447700900123", "7007007"
CANARY = "CANARY"
KEPT = {holding.table.name: set(holding.kept) for holding in HOLDINGS if not holding.removed}
WORDS = {"purpose": Purpose.MARKETING.value, "state": "held", "status": "accepted", "direction": "out"}


def test_every_table_and_column_has_its_fate() -> None:
    """A new table or column is named in ``storage/personal.py``, or this fails."""
    named = {holding.table.name for holding in HOLDINGS}
    assert not (named & SEARCHED | named & IMPERSONAL | SEARCHED & IMPERSONAL)
    assert set(metadata.tables) == named | SEARCHED | IMPERSONAL
    for holding in HOLDINGS:
        if not holding.removed:
            assert {*holding.kept, *holding.emptied} == set(holding.table.columns.keys()), holding.table.name


def row(name: str, mark: str, /, **given: Any) -> tuple[Table, dict[str, Any]]:
    """A row of a table in which every column that does not stay holds ``mark``."""
    told = metadata.tables[name]
    values: dict[str, Any] = {}
    for column in told.columns:
        if column.name in given or (column.nullable and column.name in KEPT.get(name, ())):
            continue
        match column.type:
            case Instant():
                values[column.name] = NOW
            case Boolean():
                values[column.name] = False
            case BigInteger() | Integer():
                values[column.name] = 0
            case LargeBinary():
                values[column.name] = mark.encode()
            case _ if "JSON" in str(column.type).upper():
                values[column.name] = {"c": mark}
            case _ if column.name in KEPT.get(name, ()):
                values[column.name] = WORDS.get(column.name, "w")
            case _:
                values[column.name] = WORDS.get(column.name) or f"{mark}-{name}-{column.name}"
    return told, values | given


async def person(store: Store, mark: str, mail: str, phone: str, chat: str) -> str:
    """A customer who is named in every table that could name one."""
    ids = {word: new_id() for word in ("customer", "campaign", "enrolment", "sent", "got", "unknown", "planned", "talk",
                                       "grant", "inbound", "other", "command", "audit", "merge", "once")}  # fmt: skip
    who = {"customer_id": ids["customer"]}
    visitor = f"visitor-{mark}"
    addresses = [
        Address("email", mail), Address("sms", phone), Address("telegram", chat, "99"), Address("webchat", visitor)
    ]  # fmt: skip
    identities = [new_id() for _ in addresses]
    version = f"v-{ids['campaign']}"
    in_campaign = {"campaign_id": ids["campaign"], "version": version}
    sent = {**who, **in_campaign, "enrolment_id": ids["enrolment"], "identity_id": identities[0], "channel": "email",
            "conversation_id": ids["talk"]}  # fmt: skip
    rows = [
        row("customers", mark, id=ids["customer"], draw=1, birthday="1990-05-05"),
        *(
            row("identities", mark, id=id_, **who, channel=one.channel, scope=one.scope, address=one.value,
                key=identity_key(one), unreachable_reason="")
            for id_, one in zip(identities, addresses, strict=True)
        ),
        row("campaigns", "c", id=ids["campaign"], name=f"n-{ids['campaign']}", state="active"),
        row("campaign_versions", "c", hash=version, campaign_id=ids["campaign"]),
        row("consents", mark, identity_id=identities[0], granted=True),
        row("consent_records", mark, **who, identity_id=identities[0]),
        row("customer_tags", mark, **who),
        row("merges", mark, id=ids["merge"], merged_id=ids["once"], survivor_id=ids["customer"]),
        row("merge_moves", mark, id=new_id(), merge_id=ids["merge"]),
        row("merged_customers", mark, id=ids["once"], survivor_id=ids["customer"], merge_id=ids["merge"]),
        row("distinct_pairs", mark, one_id=ids["customer"], other_id=new_id()),
        row("address_proofs", mark, id=new_id(), **who, identity_id=identities[0]),
        row("audit", mark, id=new_id(), subject="customer", subject_id=ids["once"], actor="x", action="y"),
        row("segment_memberships", mark, **who, left_at=None),
        row("events", mark, id=new_id(), **who, name="order", amount_micros=5, source="shop"),
        row("enrolments", mark, id=ids["enrolment"], **who, **in_campaign, state=EnrolmentState.WAITING, round=1,
            closed_at=None),
        row("enrolment_history", mark, enrolment_id=ids["enrolment"], event="Entered", id=new_id()),
        row("conversations", mark, id=ids["talk"], **who, state="bot"),
        row("conversation_events", mark, id=new_id(), **who, conversation_id=ids["talk"], event="NoteAdded"),
        row("desk_topics", mark, **who, conversation_id=ids["talk"]),
        row("messages", mark, **sent, id=ids["sent"], state=MessageState.ACCEPTED, step="a", leg="main"),
        row("messages", mark, **sent, id=ids["unknown"], state=MessageState.UNKNOWN, step="b", leg="main",
            provider_id=None, client_token=mark + "2"),
        row("messages", mark, **sent, id=ids["planned"], state=MessageState.PLANNED, step="c", leg="main",
            provider_id=None, client_token=mark + "3"),
        row("messages", mark, **{**sent, "enrolment_id": None}, id=ids["got"], state=MessageState.DELIVERED,
            direction="in", provider_id=mark + "in", client_token=mark + "4", step="x", leg="x"),
        row("questions", mark, **who, message_id=ids["got"]),
        row("search_texts", mark, number=len(mark), message_id=ids["got"]),
        row("message_choices", mark, message_id=ids["sent"], number=1),
        row("chat_lines", mark, id=new_id(), visitor=visitor, direction="in"),
        row("attempts", mark, id=new_id(), message_id=ids["sent"], outcome="accepted"),
        row("holds", mark, message_id=ids["sent"], **who, amount_micros=70, currency="EUR", state="spent"),
        row("receipts", mark, id=new_id(), message_id=ids["sent"]),
        row("responses", mark, id=new_id(), **who, kind="reply", message_id=ids["sent"],
            inbound_message_id=ids["got"], campaign_id=ids["campaign"], enrolment_id=ids["enrolment"]),
        row("tasks", mark, id=new_id(), **who, campaign_id=None, enrolment_id=None),
        row("flow_versions", "c", hash=version),
        row("flow_runs", mark, id=new_id(), **who, identity_id=identities[0], version=version, state="asking",
            message_id=ids["sent"]),
        row("grants", mark, id=ids["grant"], **who, ended_at=None, offer="o", product="p"),
        row("offer_codes", mark, offer="o", code=f"code-{ids['grant']}", grant_id=ids["grant"]),
        row("blobs", mark, hash=f"own-{mark}", content=f"From: {mark}".encode()),
        row("blobs", mark, hash=f"stray-{mark}", content=f"To: <{mail.upper()}>\r\n\r\n{mark}".encode()),
        row("blob_owners", mark, hash=f"own-{mark}", owner="customer", owner_id=ids["customer"]),
        delivery(mark, id=ids["inbound"], meta={"blob": f"own-{mark}"}, state="processed"),
        delivery(mark, id=ids["other"], key=mark + "2", payload=_form(mark, phone), state="processed"),
        delivery(mark, id=new_id(), key=mark + "3", state="quarantined",
            payload=f'{{"chat": {{"id": {chat}}}, "text": "{mark}"}}'.encode()),
        row("links", mark, id=f"l-{mark}", url=f"https://example.com/?who={mail.replace('@', '%40')}&x={mark}"),
        row("commands", mark, id=ids["command"], payload={"customer_id": ids["customer"], "note": mark}),
        row("audit", mark, id=ids["audit"], subject="customer", subject_id=ids["customer"], actor="operator:x",
            action="show"),
        row("audit", mark, id=new_id(), subject="x", subject_id="", actor=f"customer:{ids['customer']}", action="y"),
        row("api_responses", mark, key_id="k", body=[{"reason": f"email: {mail} belongs to {mark}"}],
            request="", status=200),
    ]  # fmt: skip
    async with store.write() as connection:
        for told, values in rows:
            await connection.execute(told.insert(), values)
    return ids["customer"]


def delivery(mark: str, /, **given: Any) -> tuple[Table, dict[str, Any]]:
    return row("inbound", mark, account="a", channel="x", **given)


def _form(mark: str, phone: str) -> bytes:
    return f"From=%2B{phone[1:]}&Body={mark}".encode()


async def found(store: Store, *words: str) -> set[str]:
    """The tables and columns in which one of the words stands, in any case."""
    places = set()
    async with store.read() as connection:
        for told in metadata.sorted_tables:
            for column in told.columns:
                for value in await connection.scalars(select(column)):
                    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                    if any(word.lower() in text.lower() for word in words):
                        places.add(f"{told.name}.{column.name}")
    return places


async def test_nothing_of_the_person_stays(store: Store) -> None:
    anna = await person(store, CANARY, MAIL, PHONE, CHAT)
    words = (CANARY, MAIL, MAIL.replace("@", "%40"), PHONE[1:], CHAT, anna, "1990-05-05")
    assert await found(store, *words)
    async with store.read() as connection:
        identities = list(await connection.scalars(select(metadata.tables["identities"].c.id)))
    done = await erase_customer(store, anna, OPERATOR, NOW)
    assert await found(store, *words, *identities) == set()
    assert (done.addresses, done.journeys_ended, done.messages_cancelled, done.unknown) == (4, 1, 1, 1)
    assert done.anonymous >= ANONYMOUS


async def test_amounts_and_counts_stay_under_an_anonymous_id(store: Store) -> None:
    anna = await person(store, CANARY, MAIL, PHONE, CHAT)
    done = await erase_customer(store, anna, OPERATOR, NOW)
    tables = metadata.tables
    async with store.read() as connection:
        for name in ("events", "enrolments", "messages", "holds", "responses", "grants"):
            assert await connection.scalar(select(tables[name].c.customer_id).limit(1)) == done.anonymous, name
        assert await connection.scalar(select(func.sum(tables["events"].c.amount_micros))) == 5
        assert await connection.scalar(select(func.sum(tables["holds"].c.amount_micros))) == 70
        messages = tables["messages"].c
        told = select(messages.step, messages.state, messages.reason).order_by(messages.step)
        states = await connection.execute(told)
        assert [tuple(one) for one in states] == [
            ("a", MessageState.ACCEPTED, ""), ("b", MessageState.UNKNOWN, ""), ("c", MessageState.CANCELLED, "erased"),
        ]  # fmt: skip
        (enrolment,) = (await connection.execute(tables["enrolments"].select())).all()
        assert (enrolment.state, enrolment.reason) == (EnrolmentState.EXITED, "erased")
        audit = (await connection.execute(tables["audit"].select().where(tables["audit"].c.action == "erase"))).one()
        assert (audit.actor, audit.subject_id) == ("operator:vera", done.anonymous)
    with pytest.raises(Refused, match="not there"):
        await erase_customer(store, anna, OPERATOR, NOW)
    with pytest.raises(Refused, match="already"):
        await erase_customer(store, done.anonymous, OPERATOR, NOW)


async def test_others_stay_as_they_are(store: Store) -> None:
    anna = await person(store, CANARY, MAIL, PHONE, CHAT)
    await person(store, "OTHER", "b" + MAIL, PHONE + "4", CHAT + "1")
    before = await held(store, "OTHER")
    await erase_customer(store, anna, OPERATOR, NOW)
    assert await held(store, "OTHER") == before


async def held(store: Store, word: str) -> dict[str, int]:
    """How many rows name the word, by table."""
    counts = {}
    async with store.read() as connection:
        for told in metadata.sorted_tables:
            rows = [str(tuple(one)) for one in await connection.execute(told.select())]
            counts[told.name] = sum(word in text for text in rows)
    return counts


async def test_a_message_on_its_way_is_waited_for(store: Store) -> None:
    anna = await person(store, CANARY, MAIL, PHONE, CHAT)
    messages = metadata.tables["messages"]
    async with store.write() as connection:
        await connection.execute(
            messages.update().where(messages.c.step == "c").values(state=MessageState("dispatching"))
        )
    before = await held(store, CANARY)
    with pytest.raises(Refused, match="on its way"):
        await erase_customer(store, anna, OPERATOR, NOW)
    assert await held(store, CANARY) == before


async def test_an_import_brings_nobody_back_among_the_recipients(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"id,email,phone\n7,{MAIL},{PHONE}\n8,bob@example.org,\n")
    options = CustomerOptions(now=NOW, consent=ConsentGrant("marketing", "shop", "yes"))
    await import_customers(store, file, options)
    async with store.read() as connection:
        anna = await find_customer(connection, MAIL)
    await erase_customer(store, anna, OPERATOR, NOW)
    summary = await import_customers(store, file, options)
    assert {row.channel: (row.identities, row.suppressed) for row in summary.channels} == {
        "email": (2, 1), "sms": (1, 1)}  # fmt: skip
    identities, suppressions = metadata.tables["identities"].c, metadata.tables["suppressions"].c
    async with store.read() as connection:
        stopped = await connection.execute(
            select(identities.address, suppressions.purpose)
            .join(metadata.tables["suppressions"], suppressions.key == identities.key)
            .order_by(identities.address, suppressions.purpose)
        )
        assert [tuple(one) for one in stopped] == [
            (PHONE, "marketing"), (PHONE, "transactional"), (MAIL, "marketing"), (MAIL, "transactional")]  # fmt: skip


async def test_everything_held_is_handed_out(store: Store) -> None:
    anna = await person(store, CANARY, MAIL, PHONE, CHAT)
    await person(store, "OTHER", "b" + MAIL, PHONE + "4", CHAT + "1")
    async with store.read() as connection:
        told = await everything_held(connection, anna)
        card = await customer_card(connection, anna)
    text = orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()
    assert CANARY in text
    assert "OTHER" not in text
    named = {holding.table.name for holding in HOLDINGS} | {"inbound", "blobs"}
    assert set(told) == named
    assert {len(told[name]) for name in ("messages", "identities", "inbound", "blobs")} == {4, 3, 2}
    assert (card.counts["messages"], len(card.identities), len(card.enrolments)) == (4, 4, 1)
    assert [one["document"] for one in card.consents] == [f"{CANARY}-consent_records-document"]


def test_numbers_are_not_found_in_longer_ones() -> None:
    (phone,) = terms_of([("sms", "+12025550100")], [])
    assert phone.pattern.search(b"To=%2B12025550100&")
    assert not phone.pattern.search(b"120255501001")
    (chat,) = terms_of([("telegram", "77")], [])
    assert chat.pattern.search(b'"chat":{"id": 77,')
    assert not chat.pattern.search(b'"update_id": 77, "id": 771')
    mail = terms_of([("email", "a@example.org")], [])[0]
    assert mail.pattern.search(b"<A@Example.org>")
    assert not mail.pattern.search(b"ba@example.org")
