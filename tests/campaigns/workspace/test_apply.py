"""Applying: whole or not at all, twice is once, people in flight keep their version."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.applying import apply, diff, version_hash
from campaigns.applying import writing as applying
from campaigns.definition import CampaignBody
from campaigns.live import workspace_config
from campaigns.segments.refresh import stored_segments
from campaigns.workspace.loader import Workspace, load_workspace
from core.actors import Actor
from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Campaign, CampaignVersion, Customer, Enrolment, Segment, Setting
from tests.conftest import NOW

ANN = Actor("operator", "ann")


async def _count(store: Store, model: type) -> int:
    async with store.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table(model))) or 0)


async def test_a_first_apply_brings_everything(store: Store, folder: Path) -> None:
    workspace = load_workspace(folder)
    done = await apply(store, workspace, ANN, NOW)
    assert [str(change).partition(":")[0] for change in done.changes] == [
        "add workspace", "add segment dormant", "add segment regulars", "add segment dormant_readers_of_worth",
        "add answers", "add campaign winback", "start campaign winback",
    ]  # fmt: skip
    campaigns, versions = table(Campaign), table(CampaignVersion)
    async with store.read() as connection:
        row = (await connection.execute(select(campaigns))).one()
        body = CampaignBody.model_validate(await connection.scalar(select(versions.c.body)))
        assert await workspace_config(connection) == workspace.config
        assert await stored_segments(connection) == workspace.segments
    assert (row.state, row.started_at, row.version) == (CampaignState.ACTIVE, NOW, done.versions["winback"])
    assert body == workspace.campaigns["winback"]
    assert version_hash(body) == row.version


async def test_twice_changes_nothing(store: Store, folder: Path) -> None:
    await apply(store, load_workspace(folder), ANN, NOW)
    audited = await _count(store, Audit)
    assert await diff(store, load_workspace(folder)) == ()
    assert not (await apply(store, load_workspace(folder), ANN, NOW)).changed
    assert await _count(store, Audit) == audited == 7
    assert await _count(store, CampaignVersion) == 1


async def test_a_changed_template_is_a_new_version_and_the_old_one_stays(store: Store, folder: Path) -> None:
    first = await apply(store, load_workspace(folder), ANN, NOW)
    with (folder / "templates" / "winback" / "sms.txt").open("a") as stream:
        stream.write("More.\n")
    done = await apply(store, load_workspace(folder), ANN, NOW)
    assert [change.action for change in done.changes] == ["change"]
    assert done.versions != first.versions
    assert await _count(store, CampaignVersion) == 2
    # and back again: the old version is there already
    (folder / "templates" / "winback" / "sms.txt").write_text(
        load_workspace(folder).campaigns["winback"].templates["winback/sms.txt"].replace("More.\n", "")
    )
    assert (await apply(store, load_workspace(folder), ANN, NOW)).versions == first.versions
    assert await _count(store, CampaignVersion) == 2


async def test_nothing_is_half_applied(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*args: object) -> None:
        raise RuntimeError("the last statement fails")

    monkeypatch.setattr(applying, "_write_audit", fails)
    with pytest.raises(RuntimeError):
        await apply(store, load_workspace(folder), ANN, NOW)
    for model in (Setting, Segment, Campaign, CampaignVersion, Audit):
        assert await _count(store, model) == 0


async def test_a_removed_campaign_goes_on_unless_it_is_told_to_stop(store: Store, folder: Path) -> None:
    workspace = load_workspace(folder)
    await apply(store, workspace, ANN, NOW)
    campaigns, enrolments = table(Campaign), table(Enrolment)
    customer = Customer(created_at=NOW, updated_at=NOW)
    async with store.write() as connection:
        row = (await connection.execute(select(campaigns))).one()
        journey = Enrolment(
            campaign_id=row.id, customer_id=customer.id, version=row.version, entered_at=NOW, due_at=NOW
        )
        await connection.execute(table(Customer).insert().values(customer.model_dump()))
        await connection.execute(enrolments.insert().values(journey.model_dump()))
    without = Workspace(workspace.config, workspace.segments, {}, answers=workspace.answers)
    done = await apply(store, without, ANN, NOW)
    assert ([change.action for change in done.changes], done.changed) == (["keep"], False)
    async with store.read() as connection:
        assert await connection.scalar(select(campaigns.c.state)) is CampaignState.ACTIVE
    done = await apply(store, without, ANN, NOW, stop_removed=True)
    assert [change.action for change in done.changes] == ["stop"]
    async with store.read() as connection:
        assert await connection.scalar(select(campaigns.c.state)) is CampaignState.STOPPED
        assert await connection.scalar(select(enrolments.c.state)) is EnrolmentState.EXITED
    assert not (await apply(store, without, ANN, NOW, stop_removed=True)).changed


async def test_settings_and_segments_follow_the_folder(store: Store, folder: Path) -> None:
    await apply(store, load_workspace(folder), ANN, NOW)
    config = folder / "otklik.yaml"
    config.write_text(config.read_text().replace("currency: GBP", "currency: EUR"))
    segments = folder / "segments.yaml"
    segments.write_text(segments.read_text().split("regulars:")[0].replace("above: 1y", "above: 2y"))
    done = await apply(store, load_workspace(folder), ANN, NOW)
    assert {(change.action, change.subject, change.name) for change in done.changes} == {
        ("change", "workspace", ""), ("change", "segment", "dormant"), ("remove", "segment", "regulars"),
        ("remove", "segment", "dormant_readers_of_worth"),
    }  # fmt: skip
    async with store.read() as connection:
        assert (await workspace_config(connection)).currency == "EUR"
        assert list(await stored_segments(connection)) == ["dormant"]
