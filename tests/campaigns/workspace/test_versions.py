"""What a new version does to people in flight; approval by another; texts alone; taking a version back."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from campaigns.applying import Applied, apply, approve, roll_back, versions_of
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import Refused
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from core.messages import EMAIL
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Customer, Enrolment, EnrolmentHistory, Identity, Message, Occurrence
from tests.conftest import NOW

ANN, BOB = Actor("operator", "ann"), Actor("operator", "bob")
_CAMPAIGNS, _ENROLMENTS, _MESSAGES = table(Campaign), table(Enrolment), table(Message)


def rewrite(folder: Path, old: str, new: str, name: str = "campaigns/winback.yaml") -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def applied(store: Store, folder: Path, actor: Actor = ANN, at: datetime = NOW, **how: Any) -> Applied:
    return await apply(store, load_workspace(folder), actor, at, **how)


async def journey(store: Store, step: str, **columns: Any) -> str:
    """Somebody in flight at ``step``, with a planned message of it."""
    customer = Customer(created_at=NOW, updated_at=NOW)
    identity = Identity(
        customer_id=customer.id, channel=EMAIL, address=f"{customer.id}@example.org", key="k", created_at=NOW
    )
    async with store.write() as connection:
        row = (await connection.execute(_CAMPAIGNS.select())).one()
        at = Enrolment(
            campaign_id=row.id, customer_id=customer.id, version=row.version, step=step, leg="main", entered_at=NOW,
            variant="warm", **columns,
        )  # fmt: skip
        message = Message(
            customer_id=customer.id, identity_id=identity.id, channel=EMAIL, purpose=Purpose.MARKETING,
            campaign_id=row.id, enrolment_id=at.id, version=row.version, step=step, leg="main", template="winback",
            send_at=NOW, not_before=NOW, not_after=NOW + timedelta(hours=9), created_at=NOW,
        )  # fmt: skip
        at.message_id = message.id
        for model in (customer, identity, at, message):
            await connection.execute(table(type(model)).insert().values(model.model_dump()))
    return at.id


async def rows_of(store: Store, what: Any) -> list[Any]:
    async with store.read() as connection:
        return list((await connection.execute(what.select().order_by(what.c.id))).all())


async def test_pinned_people_keep_their_version(store: Store, folder: Path) -> None:
    await applied(store, folder)
    await journey(store, "letter", due_at=NOW + timedelta(days=3))
    (before,) = await rows_of(store, _ENROLMENTS)
    rewrite(folder, "wait: 3d", "wait: 4d")
    done = await applied(store, folder)
    assert [str(change).partition("; ")[2] for change in done.changes] == ["1 in flight keep theirs"]
    assert await rows_of(store, _ENROLMENTS) == [before]


async def test_migrated_people_go_on_in_the_new_version_where_it_has_their_step(store: Store, folder: Path) -> None:
    await applied(store, folder)
    stays = await journey(store, "letter", due_at=NOW + timedelta(days=3))
    gone = await journey(store, "nudge", due_at=NOW + timedelta(days=3))
    rewrite(folder, "id: nudge", "id: reminder")
    rewrite(folder, "purpose: marketing", "edits: migrate\npurpose: marketing")
    later = NOW + timedelta(hours=1)
    done = await applied(store, folder, at=later)
    new = done.versions["winback"]
    found = {row.id: row for row in await rows_of(store, _ENROLMENTS)}
    assert (found[stays].version, found[stays].due_at) == (new, later)
    assert (found[gone].version != new, found[gone].due_at) == (True, NOW + timedelta(days=3))
    versions = {row.enrolment_id: row.version for row in await rows_of(store, _MESSAGES)}
    assert (versions[stays] == new, versions[gone] == new) == (True, False)
    lines = await rows_of(store, table(EnrolmentHistory))
    assert [(line.enrolment_id, line.event) for line in lines] == [(stays, "VersionChanged")]


async def test_restarted_people_begin_the_next_round_and_keep_their_variant(store: Store, folder: Path) -> None:
    await applied(store, folder)
    old = await journey(store, "letter", due_at=NOW + timedelta(days=3))
    rewrite(folder, "purpose: marketing", "edits: restart\npurpose: marketing")
    done = await applied(store, folder)
    rows = {row.round: row for row in await rows_of(store, _ENROLMENTS)}
    assert (rows[1].id, rows[1].reason, rows[1].closed_at) == (old, "restarted", NOW)
    assert (rows[2].version, rows[2].step, rows[2].variant, rows[2].due_at) == (
        done.versions["winback"],
        "",
        "warm",
        NOW,
    )
    (message,) = await rows_of(store, _MESSAGES)
    assert message.state is MessageState.CANCELLED


async def test_a_version_waits_until_another_person_approves_it(store: Store, folder: Path) -> None:
    rewrite(folder, "currency: GBP", "currency: GBP\napproval: true", "otklik.yaml")
    done = await applied(store, folder)
    assert [change.action for change in done.changes if change.subject == "campaign"] == ["propose"]
    (row,) = await rows_of(store, _CAMPAIGNS)
    assert (row.state, row.pending) == (CampaignState.DRAFT, done.versions["winback"])
    assert not (await applied(store, folder)).changed
    with pytest.raises(Refused, match="another person must approve") as refused:
        await approve(store, "winback", ANN, NOW)
    assert refused.value.name == "own_version", "the desk has its words in every language"
    assert await approve(store, "winback", BOB, NOW) == done.versions["winback"]
    (row,) = await rows_of(store, _CAMPAIGNS)
    assert (row.state, row.pending, row.version) == (CampaignState.ACTIVE, "", done.versions["winback"])
    rewrite(folder, "wait: 3d", "wait: 4d")
    await applied(store, folder, BOB, NOW + timedelta(hours=1))
    (row,) = await rows_of(store, _CAMPAIGNS)
    assert row.version == done.versions["winback"] != row.pending
    async with store.read() as connection:
        first, second = await versions_of(connection, "winback")
    assert (first.applied_by, first.approved_by, first.standing) == (str(ANN), str(BOB), "in force")
    assert (second.approved_by, second.standing) == ("", "waits for approval")
    await approve(store, "winback", ANN, NOW)
    with pytest.raises(Refused, match="no version waits"):
        await approve(store, "winback", ANN, NOW)


async def test_texts_alone(store: Store, folder: Path) -> None:
    first = await applied(store, folder)
    with (folder / "templates" / "winback" / "sms.txt").open("a") as stream:
        stream.write("More.\n")
    second = await applied(store, folder, texts_only=True)
    assert second.versions != first.versions
    rewrite(folder, "wait: 3d", "wait: 4d")
    with pytest.raises(Refused, match="winback: more than its texts"):
        await applied(store, folder, texts_only=True)
    (row,) = await rows_of(store, _CAMPAIGNS)
    assert row.version == second.versions["winback"]


async def test_taking_a_version_back(store: Store, folder: Path) -> None:
    first = await applied(store, folder)
    rewrite(folder, "wait: 3d", "wait: 4d")
    await applied(store, folder, at=NOW + timedelta(hours=1))
    back = await roll_back(store, "winback", 1, BOB, NOW + timedelta(hours=2))
    assert (back.hash, back.standing) == (first.versions["winback"], "in force")
    (row,) = await rows_of(store, _CAMPAIGNS)
    assert row.version == first.versions["winback"]
    for number, words in ((1, "is in force"), (3, "there is no 3")):
        with pytest.raises(Refused, match=words):
            await roll_back(store, "winback", number, BOB, NOW)
    async with store.write() as connection:
        await connection.execute(update(_CAMPAIGNS).values(state=CampaignState.STOPPED))
    await roll_back(store, "winback", 2, BOB, NOW)
    async with store.read() as connection:
        assert await connection.scalar(select(_CAMPAIGNS.c.state)) is CampaignState.STOPPED


async def test_going_live_starts_once_more_what_has_started_for_the_listed(store: Store, folder: Path) -> None:
    rewrite(folder, "currency: GBP", "currency: GBP\nmode: allowlist\nallowlist: [me@example.org]", "otklik.yaml")
    await applied(store, folder)
    scheduler = Scheduler(store, VirtualClock(NOW))
    await scheduler.tick()
    occurrences = table(Occurrence)
    async with store.read() as connection:
        assert (await connection.execute(select(occurrences.c.outcome))).scalars().all() == ["fired"]
    rewrite(folder, "mode: allowlist", "mode: live", "otklik.yaml")
    done = await applied(store, folder)
    assert [change.subject for change in done.changes] == ["workspace"]
    async with store.read() as connection:
        assert (await connection.execute(select(occurrences))).all() == []
    assert await scheduler.next_start() == NOW
