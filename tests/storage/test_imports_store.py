"""Imports into both databases: repeatable, counting truly, never taking what is somebody else's."""

import csv
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from core.addresses import identity_key
from core.draws import customer_draw
from core.errors import TransactionLost
from core.messages import Address
from storage.imports import (
    ConsentGrant,
    CustomerOptions,
    EventOptions,
    UnmappedColumns,
    import_customers,
    import_events,
)
from storage.imports.loader import _Loader
from storage.tables import Consent, ConsentRecord, Customer, Event, Identity

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
CUSTOMERS = CustomerOptions(country="RU", now=NOW)
EVENTS = EventOptions(currency="EUR", now=NOW)


def written(tmp_path, content, name="people.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


async def rows(store, table):
    async with store.read() as connection:
        result = await connection.execute(select(table.__table__).order_by(table.__table__.c[0]))
        return [dict(row) for row in result.mappings()]


async def customers(store):
    return {row["external_id"]: row for row in await rows(store, Customer)}


def counts(summary):
    return (summary.rows, summary.created, summary.updated, summary.unchanged, summary.rejected)


async def test_customers_come_whole(store, tmp_path):
    path = written(
        tmp_path,
        "id,first name,last name,email,phone,whatsapp,telegram,city,points\n"
        "1,Анна,Петрова,Anna@Example.org,8 900 000-00-01,yes,77,Казань,5\n"
        "2,Bob,,,,,,,\n",
    )
    summary = await import_customers(store, path, CustomerOptions(country="RU", telegram_scope="99", now=NOW))
    assert counts(summary) == (2, 2, 0, 0, 0)
    found = await customers(store)
    anna = found["1"]
    assert (anna["first_name"], anna["search"], anna["city"]) == ("Анна", "анна петрова", "Казань")
    assert (anna["attributes"], anna["draw"], anna["created_at"]) == ({"points": 5}, customer_draw(anna["id"]), NOW)
    identities = {row["channel"]: row for row in await rows(store, Identity)}
    assert {channel: row["address"] for channel, row in identities.items()} == {
        "email": "anna@example.org", "sms": "+79000000001", "whatsapp": "+79000000001", "telegram": "77"}  # fmt: skip
    assert identities["telegram"]["scope"] == "99"
    assert identities["telegram"]["key"] == identity_key(Address("telegram", "77", "99"))
    assert identities["email"]["reachable"] is True
    assert await rows(store, Consent) == []
    assert [(row.channel, row.identities, row.reachable, row.consented) for row in summary.channels] == [
        ("email", 1, 1, 0), ("sms", 1, 1, 0), ("telegram", 1, 1, 0), ("whatsapp", 1, 1, 0)]  # fmt: skip


async def test_a_repeat_changes_nothing_and_other_content_updates(store, tmp_path):
    path = written(tmp_path, "id,name,city\n1,Anna P,Riga\n2,Bob Q,Oslo\n")
    await import_customers(store, path, CUSTOMERS)
    before = await customers(store)
    assert counts(await import_customers(store, path, CUSTOMERS)) == (2, 0, 0, 2, 0)
    assert await customers(store) == before
    path = written(tmp_path, "city,id,name\nParis,1,\nOslo,2,Bob Q\nBonn,3,Carl R\n")
    summary = await import_customers(store, path, CUSTOMERS)
    assert counts(summary) == (3, 1, 1, 1, 0)
    after = await customers(store)
    assert (after["1"]["city"], after["1"]["first_name"]) == ("Paris", "Anna")  # an empty cell leaves what is there
    assert after["1"]["id"] == before["1"]["id"]


async def test_the_last_of_several_rows_with_one_id_counts(store, tmp_path):
    path = written(tmp_path, "id,city\n1,Riga\n1,Oslo\n2,Bonn\n1,Rome\n")
    summary = await import_customers(store, path, CUSTOMERS)
    assert counts(summary) == (4, 2, 2, 0, 0)
    assert summary.repeated == 2
    assert (await customers(store))["1"]["city"] == "Rome"


async def test_rejected_rows_are_told_with_line_and_reason_and_can_be_mended(store, tmp_path):
    path = written(tmp_path, 'id,name,phone\n1,"two\nlines",+79000000001\n2,=cmd(),12\n3,x\n4,Dora,+447700900123\n')
    summary = await import_customers(store, path, CUSTOMERS)
    assert counts(summary) == (4, 2, 0, 0, 2)
    assert summary.rejected_file == tmp_path / "people.csv.rejected.csv"
    with summary.rejected_file.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["rejected_line", "rejected_reason", "id", "name", "phone"]
    assert [(row[0], row[2:]) for row in found[1:]] == [("4", ["2", "'=cmd()", "12"]), ("5", ["3", "x"])]
    assert "phone: '12' is not a phone number" in found[1][1]
    assert "2 cells where the header has 3" in found[2][1]
    found[1][4] = "'+79000000002"  # as a spreadsheet would keep it
    mended = tmp_path / "mended.csv"
    with mended.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(found[:2])
    assert counts(await import_customers(store, mended, CUSTOMERS)) == (1, 1, 0, 0, 0)
    bob = (await customers(store))["2"]
    assert (bob["first_name"], bob["attributes"]) == ("=cmd()", {})
    written(tmp_path, "id,name,phone\n4,Dora,+447700900123\n")
    await import_customers(store, path, CUSTOMERS)
    assert not summary.rejected_file.exists()


async def test_an_address_of_somebody_else_stays_theirs(store, tmp_path):
    path = written(tmp_path, "id,email,city\n1,a@example.org,Riga\n2,A@example.org,Oslo\n")
    for expected in ((2, 2, 0, 0, 0), (2, 0, 0, 2, 0)):
        summary = await import_customers(store, path, CUSTOMERS)
        assert counts(summary) == expected
        assert summary.addresses_refused == 1
        assert "3,email: a@example.org belongs to customer 1" in summary.rejected_file.read_text("utf-8-sig")
    people = await customers(store)
    assert [row["customer_id"] for row in await rows(store, Identity)] == [people["1"]["id"]]
    assert people["2"]["city"] == "Oslo"


async def test_a_new_address_takes_the_place_of_the_imported_one(store, tmp_path):
    for address in ("old@example.org", "new@example.org", "old@example.org"):
        summary = await import_customers(store, written(tmp_path, f"id,email\n1,{address}\n"), CUSTOMERS)
        assert summary.created + summary.updated == 1
        reachable = [row["address"] for row in await rows(store, Identity) if row["reachable"]]
        assert reachable == [address]


async def test_consent_comes_from_columns_with_its_proof(store, tmp_path):
    path = written(
        tmp_path,
        "id,email,phone,consent_marketing,consent_sms,consent_at,consent_source,consent_wording,consent_document\n"
        "1,a@example.org,+79000000001,yes,no,2026-01-05,checkout,Send me news,privacy-1\n2,b@example.org,,,,,,,\n",
    )
    for _ in range(2):
        summary = await import_customers(store, path, CUSTOMERS)
    assert [(row.channel, row.consented) for row in summary.channels] == [("email", 1), ("sms", 0)]
    channel = {row["id"]: row["channel"] for row in await rows(store, Identity)}
    standing = {channel[row["identity_id"]]: row for row in await rows(store, Consent)}
    assert {name: row["granted"] for name, row in standing.items()} == {"email": True, "sms": False}
    assert standing["email"]["at"] == datetime(2026, 1, 5, tzinfo=UTC)
    ledger = await rows(store, ConsentRecord)
    said = {(row["source"], row["wording"], row["document"], row["actor"]) for row in ledger}
    assert said == {("checkout", "Send me news", "privacy-1", "import")}
    assert len(ledger) == 2


async def test_consent_can_be_vouched_for(store, tmp_path):
    path = written(tmp_path, "id,email\n1,a@example.org\n")
    grant = ConsentGrant("marketing", "paper form", "I agree")
    await import_customers(store, path, CUSTOMERS)
    summary = await import_customers(store, path, CustomerOptions(country="RU", now=NOW, consent=grant))
    assert counts(summary) == (1, 0, 1, 0, 0)
    assert summary.channels[0].consented == 1
    for document in ("privacy-2026-01", "privacy-2026-01", "privacy-2026-02"):
        again = ConsentGrant("marketing", "paper form", "I agree", document)
        await import_customers(store, path, CustomerOptions(country="RU", now=NOW, consent=again))
    assert [row["document"] for row in await rows(store, ConsentRecord)] == ["", "privacy-2026-01", "privacy-2026-02"]
    assert [row["document"] for row in await rows(store, Consent)] == ["privacy-2026-02"]


@pytest.mark.parametrize(
    ("said", "granted"),
    [("yes,", False), ("yes,2026-11-30", False), ("yes,2026-12-24", True), ("no,2026-12-24", False)],
)
async def test_an_import_takes_back_a_withdrawal_only_with_a_later_consent(store, tmp_path, said, granted):
    header = "id,email,consent_marketing,consent_at\n"
    await import_customers(store, written(tmp_path, f"{header}1,a@example.org,yes,2026-01-01\n"), CUSTOMERS)
    async with store.write() as connection:  # the customer opts out
        await connection.execute(Consent.__table__.update().values(granted=False, at=datetime(2026, 12, 1, tzinfo=UTC)))
    await import_customers(store, written(tmp_path, f"{header}1,a@example.org,{said}\n"), CUSTOMERS)
    assert [row["granted"] for row in await rows(store, Consent)] == [granted]
    assert len(await rows(store, ConsentRecord)) == (2 if granted else 1)


async def test_events_make_the_customers_whom_nobody_knows(store, tmp_path):
    await import_customers(store, written(tmp_path, "id,email\n1,a@example.org\n"), CUSTOMERS)
    content = "order id,customer,date,amount,quantity\nA,1,2026-01-05,10.50,2\nB,2,2026-01-06,5,\nC,2,2026-01-07,,1\n"
    path = written(tmp_path, content, "orders.csv")
    summary = await import_events(store, path, EVENTS)
    assert (counts(summary), summary.customers_created) == ((3, 3, 0, 0, 0), 1)
    people = await customers(store)
    found = {row["external_id"]: row for row in await rows(store, Event)}
    assert (found["A"]["customer_id"], found["A"]["name"]) == (people["1"]["id"], "order")
    assert (found["A"]["amount_micros"], found["A"]["currency"]) == (10_500_000, "EUR")
    assert (found["A"]["at"], found["A"]["properties"]) == (datetime(2026, 1, 5, tzinfo=UTC), {"quantity": 2})
    assert (found["C"]["amount_micros"], people["2"]["draw"]) == (None, customer_draw(people["2"]["id"]))
    assert counts(await import_events(store, path, EVENTS)) == (3, 0, 0, 3, 0)
    changed = written(tmp_path, content.replace("10.50", "11"), "orders.csv")
    assert counts(await import_events(store, changed, EVENTS)) == (3, 0, 1, 2, 0)
    elsewhere = EventOptions(currency="EUR", source_name="till", now=NOW)
    assert counts(await import_events(store, path, elsewhere)) == (3, 3, 0, 0, 0)  # ids are unique within a source


async def test_events_of_unknown_customers_can_be_refused(store, tmp_path):
    path = written(tmp_path, "order id,customer,date\nA,1,2026-01-05\n")
    summary = await import_events(store, path, EventOptions(unknown_customers="refuse", now=NOW))
    assert counts(summary) == (1, 0, 0, 0, 1)
    assert "2,there is no customer 1,A,1" in summary.rejected_file.read_text("utf-8-sig")
    assert await customers(store) == {}


async def test_an_import_that_stopped_goes_on_when_it_is_repeated(store, tmp_path, monkeypatch):
    lines = [f"{number},c{number}@example.org" for number in range(1000)]
    path = written(tmp_path, "\n".join(["id,email", *lines]) + "\n")
    commit, done = _Loader._commit, []

    async def stops_at_the_second(self, *arguments):
        if done:
            raise KeyboardInterrupt
        done.append(await commit(self, *arguments))
        return done[0]

    monkeypatch.setattr(_Loader, "_commit", stops_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        await import_customers(store, path, CUSTOMERS)
    monkeypatch.undo()
    first = len(await customers(store))
    assert 0 < first < 1000
    assert counts(await import_customers(store, path, CUSTOMERS)) == (1000, 1000 - first, 0, first, 0)


async def test_a_wrong_file_writes_nothing(store, tmp_path):
    with pytest.raises(UnmappedColumns):
        await import_events(store, written(tmp_path, "colour\nred\n"), EVENTS)
    async with store.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit")) == 0


async def test_progress_reaches_the_end(store, tmp_path):
    path = written(tmp_path, "id\n" + "".join(f"{number}\n" for number in range(2000)))
    seen = []
    await import_customers(store, path, CUSTOMERS, lambda progress: seen.append((progress.done, progress.summary.rows)))
    assert seen[-1] == (path.stat().st_size, 2000)
    assert seen == sorted(seen)


async def test_cdnow_comes_whole_and_twice_without_change(store, cdnow, tmp_path):
    options = EventOptions(now=NOW, rejected=tmp_path / "rejected.csv")
    summary = await import_events(store, cdnow, options)
    assert (counts(summary), summary.customers_created) == ((69_659, 69_659, 0, 0, 0), 23_570)
    assert counts(await import_events(store, cdnow, options)) == (69_659, 0, 0, 69_659, 0)
    async with store.read() as connection:
        total = await connection.execute(text("SELECT count(*), sum(amount_micros), min(currency) FROM events"))
        assert tuple(total.one()) == (69_659, 2_500_315_630_000, "USD")


async def test_chunks_made_ahead_of_a_meeting_with_what_is_there_are_made_again(store, tmp_path):
    lines = [f"{number},c{number}@example.org" for number in range(1503)]
    await import_customers(store, written(tmp_path, f"id,email\n{lines[0]}\n{lines[1201]}\n", "first.csv"), CUSTOMERS)
    taken = [*lines, "x,c7@example.org"]
    summary = await import_customers(store, written(tmp_path, "\n".join(["id,email", *taken]) + "\n"), CUSTOMERS)
    assert counts(summary) == (1504, 1502, 0, 2, 0)
    assert summary.addresses_refused == 1
    names = {row["id"]: name for name, row in (await customers(store)).items()}
    owners = {row["address"]: names[row["customer_id"]] for row in await rows(store, Identity)}
    assert owners == {f"c{number}@example.org": str(number) for number in range(1503)}


async def test_postgresql_knows_its_tables_after_a_large_import(store, tmp_path):
    if store.dialect != "postgresql":
        pytest.skip("SQLite keeps no statistics")
    path = written(tmp_path, "id,email\n" + "".join(f"{number},c{number}@example.org\n" for number in range(1200)))
    await import_customers(store, path, CUSTOMERS)
    async with store.read() as connection:
        found = await connection.execute(
            text("SELECT relname, reltuples FROM pg_class WHERE relname IN ('customers', 'identities')")
        )
        assert {tuple(row) for row in found} == {("customers", 1200), ("identities", 1200)}


@pytest.mark.parametrize("customers_first", [False, True])
async def test_events_made_ahead_of_a_meeting_with_what_is_there_are_made_again(store, tmp_path, customers_first):
    lines = [f"O{number},{number // 3},2026-01-05" for number in range(1503)]
    header = "order id,customer,date"
    if customers_first:
        people = "".join(f"{number}\n" for number in range(501))
        await import_customers(store, written(tmp_path, f"id\n{people}", "people.csv"), CUSTOMERS)
    first = written(tmp_path, f"{header}\n{lines[0]}\n{lines[1201]},\n", "first.csv")
    await import_events(store, first, EVENTS)
    summary = await import_events(store, written(tmp_path, "\n".join([header, *lines]) + "\n"), EVENTS)
    assert counts(summary) == (1503, 1501, 0, 2, 0)
    names = {row["id"]: name for name, row in (await customers(store)).items()}
    owners = {row["external_id"]: names[row["customer_id"]] for row in await rows(store, Event)}
    assert owners == {f"O{number}": str(number // 3) for number in range(1503)}


async def test_a_chunk_whose_transaction_was_lost_is_written_again(store, tmp_path, monkeypatch):
    path = written(tmp_path, "order id,customer,date\n" + "".join(f"O{n},{n // 3},2026-01-05\n" for n in range(900)))
    write, lost = store.write, []

    @asynccontextmanager
    async def loses_the_second():
        async with write() as connection:
            yield connection
            lost.append(len(lost) == 1)
            if lost[-1]:
                raise TransactionLost("another was in the way")

    monkeypatch.setattr(store, "write", loses_the_second)
    summary = await import_events(store, path, EVENTS)
    assert any(lost)
    assert (counts(summary), summary.customers_created) == ((900, 900, 0, 0, 0), 300)
    names = {row["id"]: name for name, row in (await customers(store)).items()}
    owners = {row["external_id"]: names[row["customer_id"]] for row in await rows(store, Event)}
    assert owners == {f"O{number}": str(number // 3) for number in range(900)}
