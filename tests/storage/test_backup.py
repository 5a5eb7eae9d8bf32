"""Backups: one consistent snapshot, restored whole or not at all, into either database."""

import os
import sqlite3
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from campaigns.customers.erasing import erase_customer
from campaigns.operating.restored import REASON, refusals, settle_restored
from campaigns.reporting.story import find_customer
from core.actors import Actor
from core.addresses import identity_key
from core.errors import ConfigurationError
from core.machines.message import MessageState
from core.messages import Address
from core.outcomes import OutcomeKind
from core.purposes import Purpose
from otklik.cli import app
from otklik.settings import Configuration, Settings
from otklik.wiring import open_store
from storage import migrate
from storage.backup import ArchiveReader, DamagedBackup, NotEmpty, restore, snapshot
from storage.backup.before_migration import back_up_before_migration
from storage.store import Store
from storage.tables import (
    ApiKey,
    Attempt,
    Blob,
    Consent,
    Customer,
    Event,
    Identity,
    Message,
    Setting,
    Suppression,
    metadata,
)
from tests.conftest import NOW
from tests.databases import PostgresServer

OPERATOR = Actor("operator", "vera")
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A second, untouched database of each kind."""
    if request.param == "sqlite":
        async with await Store.open(f"sqlite:///{tmp_path / 'other.sqlite3'}") as opened:
            yield opened
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.empty() as url:
        async with await Store.open(url) as opened:
            yield opened


async def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table in our own words."""
    found = {}
    async with store.read() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
    return found


async def fill(store: Store, count: int = 30) -> None:
    people = [
        Customer(external_id=f"c{n}", first_name="Анна\u2028" if n % 2 else 'O"Neil\\', created_at=NOW, updated_at=NOW,
                 attributes={"size": n, "likes": ["книги", None, 1.5], "больше": {"x": True}})
        for n in range(count)
    ]  # fmt: skip
    async with store.session() as session:
        session.add_all(people)
        await session.flush()
        for n, person in enumerate(people):
            address = f"c{n}@example.org"
            identity = Identity(customer_id=person.id, channel="email", address=address, created_at=NOW,
                                key=identity_key(Address("email", address)), reachable=n % 3 > 0)  # fmt: skip
            session.add(identity)
            await session.flush()
            session.add(Consent(identity_id=identity.id, purpose="marketing", granted=True, at=NOW))
            session.add(Event(customer_id=person.id, name="order", at=NOW, amount_micros=2**53 + n, currency="EUR",
                              source="shop", external_id=str(n), recorded_at=NOW))  # fmt: skip
        session.add(Blob(hash="ab", size=3, content=b"\x00\xff\n", created_at=NOW))


async def one_message(store: Store, **values: Any) -> str:
    async with store.session() as session:
        identity = (await session.exec(select(Identity).order_by(Identity.__table__.c.id).limit(1))).one()[0]  # type: ignore[attr-defined]
        message = Message(customer_id=identity.customer_id, identity_id=identity.id, channel="email", created_at=NOW,
                          not_before=NOW, send_at=NOW, **values)  # fmt: skip
        session.add(message)
    return message.id


async def came_back(store: Store, file: Path, *, replace: bool = False, hold: bool = True) -> Any:
    settled = []

    async def settle(connection: Any, kept: Any) -> None:
        settled.append(await settle_restored(connection, kept, OPERATOR, NOW + HOUR, hold=hold))

    with ArchiveReader(file) as archive:
        done = await restore(store, archive, replace=replace, before=refusals, settle=settle)
    return done, settled[0]


async def test_a_backup_comes_back_as_it_was(store: Store, other: Store, tmp_path: Path) -> None:
    await fill(store)
    file = tmp_path / "whole.zip"
    manifest = await snapshot(store, file, release="1", now=NOW)
    assert file.stat().st_mode & 0o077 == 0
    done, _ = await came_back(other, file, hold=False)
    assert (done.rows, done.replaced, done.upgraded) == (manifest.rows, 0, False)
    before, after = await everything(store), await everything(other)
    assert [row[3] for row in after.pop("audit")] == ["restore"]
    before.pop("audit")
    assert before == after
    async with other.write() as connection:
        assert await connection.run_sync(migrate.current_revision) == migrate.HEAD
    assert not await migrate.upgrade(other)


async def test_pages_join_without_a_seam(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.backup.snapshots.PAGE", 7)
    await fill(store, 21)
    seen: list[tuple[int, int]] = []
    manifest = await snapshot(
        store, tmp_path / "b.zip", release="1", now=NOW, on_progress=lambda *given: seen.append(given)
    )
    rows = {part.name: part.rows for part in manifest.tables}
    assert (rows["customers"], rows["consents"], rows["events"]) == (21, 21, 21)
    assert seen[-1] == (manifest.rows, manifest.rows)


async def test_heavy_rows_come_a_few_at_a_time(store: Store, other: Store, tmp_path: Path) -> None:
    async with store.session() as session:
        session.add_all(
            Blob(hash=f"{n:02}", size=1 << 20, content=bytes([n]) * (1 << 20), created_at=NOW) for n in range(45)
        )
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)
    with ArchiveReader(file) as archive:
        (part,) = (part for part in archive.manifest.tables if part.name == "blobs")
        assert max(sum(len(row[3]) for row in batch) for batch in archive.rows(part, 4000)) <= 10 << 20
    await came_back(other, file)
    async with other.session() as session:
        assert (await session.get_one(Blob, "44")).content == b"," * (1 << 20)


async def test_a_backup_is_of_one_moment(store: Store, tmp_path: Path) -> None:
    """What is written while it runs is not in it, whole or in part."""
    await fill(store, 5)
    written = False

    async def meanwhile() -> None:
        async with store.session() as session:
            person = Customer(external_id="late", created_at=NOW, updated_at=NOW)
            session.add(person)
            await session.flush()
            session.add(Event(customer_id=person.id, name="order", at=NOW, source="shop", external_id="late",
                              recorded_at=NOW))  # fmt: skip

    from storage.backup import snapshots as module

    pages = module.pages

    async def pages_with_a_writer(connection: Any, table: Any) -> Any:
        nonlocal written
        if not written:
            written = True
            await meanwhile()
        async for page in pages(connection, table):
            yield page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "pages", pages_with_a_writer)
        manifest = await snapshot(store, tmp_path / "b.zip", release="1", now=NOW)
    rows = {part.name: part.rows for part in manifest.tables}
    assert written
    assert (rows["customers"], rows["events"]) == (5, 5)


async def test_a_store_that_holds_something_is_not_taken_away(store: Store, tmp_path: Path) -> None:
    await fill(store, 3)
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)
    before = await everything(store)
    with pytest.raises(NotEmpty, match="--replace"):
        await came_back(store, file)
    assert await everything(store) == before


def _changed(file: Path, member: str, change: Any) -> Path:
    """A copy of the backup with one member changed."""
    other = file.with_name("changed.zip")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return other


async def test_a_damaged_backup_changes_nothing(store: Store, tmp_path: Path) -> None:
    await fill(store, 4)
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)
    before = await everything(store)
    whole = file.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: len(whole) // 2])
    flipped = tmp_path / "flipped.zip"
    at = whole.index(b"tables/customers.jsonl") + 60
    flipped.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    other = tmp_path / "other.zip"
    other.write_bytes(b"PK\x05\x06" + b"\0" * 18)
    less = _changed(file, "tables/events.jsonl", lambda content: content.partition(b"\n")[2])
    for damaged in (cut, flipped, other, less, tmp_path / "absent.zip"):
        with pytest.raises(DamagedBackup, match=damaged.name):
            await came_back(store, damaged, replace=True)
    assert await everything(store) == before


async def test_a_newer_backup_is_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)

    def newer(content: bytes) -> bytes:
        return orjson.dumps(orjson.loads(content) | {"revision": "9999", "release": "7.0"})

    with pytest.raises(ConfigurationError, match="install Otklik 7"):
        await came_back(store, _changed(file, "manifest.json", newer), replace=True)
    later = _changed(file, "manifest.json", lambda content: content.replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(DamagedBackup, match="newer Otklik"):
        ArchiveReader(later)


async def test_a_failure_leaves_the_store_as_it_was(store: Store, tmp_path: Path) -> None:
    await fill(store, 4)
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)
    before = await everything(store)

    async def fail(*_: object) -> None:
        raise RuntimeError

    with ArchiveReader(file) as archive, pytest.raises(RuntimeError):
        await restore(store, archive, replace=True, before=refusals, settle=fail)
    assert await everything(store) == before


async def test_nothing_is_sent_twice_after_a_restore(store: Store, other: Store, tmp_path: Path) -> None:
    await fill(store, 2)
    marketing = {"purpose": Purpose.MARKETING, "worker": "w"}
    dispatching = await one_message(store, state=MessageState.DISPATCHING, fence=1, step="a", **marketing)
    claimed = await one_message(store, state=MessageState.CLAIMED, step="b", **marketing)
    planned = await one_message(store, state=MessageState.PLANNED, step="c", purpose=Purpose.MARKETING)
    reply = await one_message(store, state=MessageState.PLANNED, purpose=Purpose.CONVERSATION)
    async with store.session() as session:
        session.add(Attempt(message_id=dispatching, fence=1, worker="w", started_at=NOW))
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)
    _, settled = await came_back(other, file)
    assert (settled.unknown, settled.replies_dropped, settled.waiting, settled.overdue) == (1, 1, 2, 2)
    async with other.session() as session:
        found = {id_: await session.get_one(Message, id_) for id_ in (dispatching, claimed, planned, reply)}
        assert [found[id_].state for id_ in (dispatching, claimed, planned, reply)] == [
            MessageState.UNKNOWN, MessageState.PLANNED, MessageState.PLANNED, MessageState.SKIPPED]  # fmt: skip
        assert found[reply].reason == REASON
        (attempt,) = (await session.exec(select(Attempt))).one()
        assert attempt.outcome is OutcomeKind.UNKNOWN
        assert (await session.get_one(Setting, "emergency_stop")).value["reason"] == REASON


async def test_refusals_outlive_a_restore(store: Store, tmp_path: Path) -> None:
    """An older backup must not undo an opt-out."""
    await fill(store, 3)
    file = tmp_path / "b.zip"
    key = ApiKey(name="shop", hash="h", scopes=[], created_at=NOW)
    async with store.session() as session:
        session.add(key)
    await snapshot(store, file, release="1", now=NOW)
    async with store.session() as session:
        session.add(await session.merge(ApiKey(**key.model_dump() | {"revoked_at": NOW})))
        session.add(Suppression(key="k", reason="complaint", at=NOW))
        consent = (await session.exec(select(Consent).limit(1))).one()[0]
        consent.granted, consent.at, consent.source = False, NOW + HOUR, "one-click"
        session.add(consent)
    _, settled = await came_back(store, file, replace=True)
    assert (settled.suppressions_kept, settled.withdrawals_kept) == (1, 1)
    async with store.session() as session:
        again = await session.get_one(Consent, (consent.identity_id, "marketing"))
        assert (again.granted, again.source) == (False, "one-click")
        assert (await session.get_one(ApiKey, key.id)).revoked_at == NOW
        assert sum(not row[0].granted for row in await session.exec(select(Consent))) == 1
        assert (await session.get_one(Suppression, ("k", "*"))).reason == "complaint"


async def test_the_erased_do_not_come_back(store: Store, tmp_path: Path) -> None:
    await fill(store, 3)
    file = tmp_path / "b.zip"
    await snapshot(store, file, release="1", now=NOW)
    async with store.read() as connection:
        anna = await find_customer(connection, "c1@example.org")
    await erase_customer(store, anna, OPERATOR, NOW)
    _, settled = await came_back(store, file, replace=True)
    assert settled.erased_again == 1
    told = str(await everything(store))
    assert "c1@example.org" not in told
    assert "c2@example.org" in told


async def test_an_older_backup_is_migrated(empty_store_url: str, other: Store, tmp_path: Path) -> None:
    file = tmp_path / "old.zip"
    async with await Store.open(empty_store_url) as old:
        await migrate.upgrade(old, "0001")
        async with old.write() as connection:
            await connection.execute(text("INSERT INTO links (id, url, created_at) VALUES ('a', 'b', 1)"))
        await snapshot(old, file, release="1", now=NOW)
    done, _ = await came_back(other, file)
    assert done.upgraded == (migrate.HEAD != "0001")
    async with other.read() as connection:
        assert await connection.run_sync(migrate.current_revision) == migrate.HEAD
        assert (await connection.execute(text("SELECT id, url FROM links"))).all() == [("a", "b")]


async def test_starting_keeps_the_store_before_it_migrates(tmp_path: Path) -> None:
    for wanted in (False, True):
        folder = tmp_path / str(wanted)
        folder.mkdir()
        url = f"sqlite:///{folder}/s.sqlite3"
        async with await Store.open(url) as old:
            await migrate.upgrade(old, "0001")
        settings = Settings(database_url=url, data_dir=folder, backup_before_migration=wanted)
        for _ in range(2):
            async with open_store(Configuration(settings)) as opened, opened.read() as connection:
                assert await connection.run_sync(migrate.current_revision) == migrate.HEAD
        assert len(list(folder.glob("*.backup"))) == int(wanted)


def test_the_commands_say_what_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("OTKLIK_"):
            monkeypatch.delenv(name)

    def told(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300", "TERM": "dumb"})
        return result.exit_code, result.output

    assert told("key", "create", "shop", "--scope", "events:write")[0] == 0
    code, text = told("backup", "b.zip")
    assert (code, "Secrets are not in it" in text) == (0, True)
    assert told("backup", "b.zip") == (1, "b.zip is there already; name another file, or say --force\n")
    assert "b.zip is whole" in told("restore", "b.zip", "--check")[1]
    code, text = told("restore", "b.zip")
    assert (code, "--replace" in text) == (1, True), text
    code, text = told("restore", "b.zip", "--replace")
    assert (code, "otklik emergency lift" in text) == (0, True)
    assert "restored from a backup" in told("emergency", "lift")[1]
    assert told("restore", "absent.zip", "--check") == (1, "absent.zip: No such file or directory\n")
    assert "no campaign 'x'" in told("pause", "x")[1]
    assert "no customer 'x'" in told("customer", "erase", "x", "--yes")[1]


async def test_a_store_is_kept_before_it_is_migrated(empty_store_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"

    async def keep(minute: int) -> Path | None:
        when = NOW + timedelta(minutes=minute)
        return await back_up_before_migration(old, empty_store_url, folder, release="1", now=when, keep=2)

    async with await Store.open(empty_store_url) as old:
        assert await keep(0) is None
        await migrate.upgrade(old, "0001")
        async with old.write() as connection:
            await connection.execute(text("INSERT INTO links (id, url, created_at) VALUES ('a', 'b', 1)"))
        found = [await keep(minute) for minute in (1, 2, 3)]
        assert [path.exists() for path in found if path] == [False, True, True]
        await migrate.upgrade(old)
        assert await keep(4) is None
        newest = found[-1]
        assert newest is not None
        if old.dialect == "sqlite":
            with sqlite3.connect(newest) as copy:
                assert copy.execute("SELECT version_num, url FROM alembic_version, links").fetchall() == [("0001", "b")]
            copy.close()
        else:
            with ArchiveReader(newest) as archive:
                archive.verify()
                assert archive.manifest.revision == "0001"
