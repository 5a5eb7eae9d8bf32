"""The plan of a real store: the forecast is what the runner does, people in flight, starts, and nothing is written."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from campaigns.applying import apply
from campaigns.definition import Brand, CampaignDefinition, Leg, Pace, SendStep, WorkspaceConfig
from campaigns.facts import Prospect
from campaigns.forecast import entrances, foresight
from campaigns.forecast.planning import CampaignPlan, plan_workspace
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.playing import Play
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import Refused
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Event, Message, QuotaUse, metadata
from tests.campaigns.forecast.conftest import Shop
from tests.campaigns.forecast.test_golden import EVERYTHING
from tests.campaigns.forecast.town import resident
from tests.conftest import NOW

ANN = Actor("operator", "ann")
MESSAGES, EVENTS = table(Message), table(Event)
SILENT = "staff: {agents: 1, reply_rate: 0%}"
BEGINNING = "template: winback\ngoal: order\nsteps:\n  - send: email\n    id: letter\n    wait: 3d\n"


async def _plan(store: Store, workspace: Workspace, at: datetime = NOW) -> CampaignPlan:
    (found,) = (await plan_workspace(store, workspace, at)).campaigns
    return found


def _foreseen(plan: CampaignPlan) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for key, number in plan.tally.messages.items():
        found[key.step, key.leg, key.channel] += round(number, 6)  # type: ignore[assignment]
    return found


async def _played(store: Store, until: datetime) -> Counter[tuple[str, str, str]]:
    clock = VirtualClock(NOW)
    await Play(store, clock, Behaviour(rates={})).run(until)
    async with store.read() as connection:
        rows = await connection.execute(
            select(MESSAGES.c.step, MESSAGES.c.leg, MESSAGES.c.channel, func.count()).group_by(
                MESSAGES.c.step, MESSAGES.c.leg, MESSAGES.c.channel
            )
        )
        return Counter({(step, leg, channel): number for step, leg, channel, number in rows})


async def _rows(store: Store) -> dict[str, int]:
    async with store.read() as connection:
        return {
            name: await connection.scalar(select(func.count()).select_from(kind)) or 0
            for name, kind in metadata.tables.items()
        }


@pytest.mark.parametrize("campaign", ["", EVERYTHING], ids=["example", "everything"])
async def test_where_nobody_answers_the_forecast_is_what_the_runner_plans(
    town: Store, shop: Shop, campaign: str
) -> None:
    workspace = shop(campaign, f"{SILENT}\nbudgets: {{marketing: {{amount: 300 GBP, per: month}}}}\ncaps: [1/week]")
    foreseen = await _plan(town, workspace)
    await apply(town, workspace, ANN, NOW)
    # the wave of 1 January, not that of 1 February
    assert await _played(town, datetime(2027, 1, 30, tzinfo=UTC)) == _foreseen(foreseen)
    assert sum(_foreseen(foreseen).values()) > 20


async def test_a_sample_stands_for_everybody(town: Store, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await _plan(town, shop())
    monkeypatch.setattr(entrances, "SAMPLE", 20)
    monkeypatch.setattr(foresight, "SAMPLE", 20)
    part = await _plan(town, shop())
    assert (whole.exact, part.exact, part.audience.exact) == (True, False, False)
    assert (part.audience.free, part.entrance.total) == (whole.audience.free, whole.entrance.total)
    assert len(part.entrance.entrants) == 20
    for reach in part.audience.reach:
        assert reach.reachable + sum(reach.missing.values()) == pytest.approx(whole.audience.free)
    # the step that everybody comes to: who gets it and who does not are the whole audience
    letters = sum(number for key, number in part.tally.messages.items() if key.step == "letter")
    diverted = sum(number for key, number in part.tally.gates.items() if key.step == "letter")
    assert letters + diverted == pytest.approx(whole.audience.free)


def test_a_sample_has_its_places_in_the_whole_wave() -> None:
    steps = (SendStep(id="letter", main=Leg(channel="email", template="t")),)
    slow = CampaignDefinition(
        name="slow", purpose=Purpose.TRANSACTIONAL, audience="", steps=steps, pace=Pace(per_hour=10)
    )
    group = [Prospect("a"), Prospect("held out", ghost=True), Prospect("b"), Prospect("c")]
    config = WorkspaceConfig(brand=Brand(name="Lantern Books"))
    found = entrances._paced(slow, config, NOW, group, 25.0)
    waited = [(one.prospect.customer_id, (one.at - NOW) / timedelta(hours=1)) for one in found]
    assert waited == [("a", 2.4), ("held out", 0), ("b", 4.9), ("c", 7.4)]


async def test_nothing_is_written(town: Store, shop: Shop) -> None:
    await apply(town, shop(EVERYTHING, "budgets: {marketing: {amount: 300 GBP, per: month}}"), ANN, NOW)
    before = await _rows(town)
    await _plan(town, shop(EVERYTHING.replace("2/day", "3/day"), "budgets: {marketing: 300 GBP}"))
    assert await _rows(town) == before
    assert before[QuotaUse.__tablename__] == 0


@pytest.mark.parametrize("edits", ["pin", "migrate", "restart"])
async def test_people_in_flight_go_as_the_edits_say(town: Store, shop: Shop, edits: str) -> None:
    await apply(town, shop("", SILENT), ANN, NOW)
    await Scheduler(town, VirtualClock(NOW)).tick()
    in_the_middle = VirtualClock(NOW)
    await Play(town, in_the_middle, Behaviour(rates={})).run(NOW + timedelta(days=1))
    entered = (await _rows(town))["enrolments"]
    new = f"campaign: winback\naudience: dormant\nedits: {edits}\n{BEGINNING}"
    plan = await _plan(town, shop(new, SILENT), in_the_middle.now())
    flying = plan.in_flight
    assert (plan.changed, plan.entrance.why, plan.state) == (True, "started", "active")
    assert flying.older == flying.number <= entered
    at_letter = flying.by_step["letter"]
    again = _foreseen(plan)
    if edits == "pin":  # those who wait for an answer to the letter go on to the steps that are no more
        assert flying.stay == flying.number
        assert {step for step, _, _ in again} == {"nudge", "last-call"}
    elif edits == "migrate":
        assert flying.stay == flying.number - at_letter
    else:
        assert flying.stay == 0
        assert {step for step, _, _ in again} == {"letter"}


async def test_the_same_folder_changes_nothing(town: Store, shop: Shop) -> None:
    await apply(town, shop(), ANN, NOW)
    plan = await plan_workspace(town, shop(), NOW)
    assert (plan.changed, plan.campaigns[0].changed, plan.campaigns[0].entrance.total > 0) == (False, False, True)


async def test_a_version_that_waits_for_approval_says_so(town: Store, shop: Shop) -> None:
    workspace = shop("", "approval: true")
    assert not (await _plan(town, workspace)).waits
    await apply(town, workspace, ANN, NOW)
    plan = await plan_workspace(town, workspace, NOW)
    assert (plan.changed, plan.campaigns[0].waits) == (False, True)


async def test_a_campaign_that_is_not_there(town: Store, shop: Shop) -> None:
    with pytest.raises(Refused, match="the folder has no campaign 'winbak'; it has: winback"):
        await plan_workspace(town, shop(), NOW, only="winbak")


async def test_reentry_and_the_allowlist_keep_people_out(town: Store, shop: Shop) -> None:
    everybody = await _plan(town, shop())
    listed = await _plan(town, shop("", "mode: allowlist\nallowlist: [10, 11, r12@example.org]"))
    assert listed.audience.size == everybody.audience.size == everybody.audience.free
    assert listed.audience.unlisted == listed.audience.size - listed.audience.free > 0
    await apply(town, shop(), ANN, NOW)
    await Scheduler(town, VirtualClock(NOW)).tick()
    again = await _plan(town, shop("campaign: winback\naudience: dormant\nstart: {cron: '0 9 * * *'}\n" + BEGINNING))
    assert (again.audience.free, again.audience.barred) == (0, everybody.audience.size)
    assert again.entrance.why == "nobody"


async def test_reach_counts_each_customer_once_with_one_reason(town: Store, shop: Shop) -> None:
    audience = (await _plan(town, shop())).audience
    for reach in audience.reach:
        assert reach.reachable + sum(reach.missing.values()) == audience.free
    assert max(reach.reachable for reach in audience.reach) < audience.anywhere < audience.free


async def test_a_start_by_events_goes_on_as_lately(town: Store, shop: Shop) -> None:
    plan = await _plan(town, shop(f"campaign: thanks\nstart: {{event: order}}\nreentry: after 1d\n{BEGINNING}"))
    recent = select(EVENTS.c.customer_id).where(EVENTS.c.at > NOW - timedelta(weeks=4), EVENTS.c.at <= NOW)
    async with town.read() as connection:
        lately = set(await connection.scalars(recent))
    assert {one.prospect.customer_id for one in plan.entrance.entrants} == lately
    assert (plan.entrance.stream, plan.entrance.total) == (True, len(lately))
    assert all(NOW < one.at <= NOW + timedelta(weeks=4) for one in plan.entrance.entrants)


async def test_a_start_by_days_knows_the_next_four_weeks(town: Store, shop: Shop) -> None:
    plan = await _plan(town, shop(f"campaign: cake\nstart: {{date: birthday, offset: -3d}}\n{BEGINNING}"))
    found = {one.prospect.customer_id: one.at for one in plan.entrance.entrants}
    days = {f"{NOW + timedelta(days=3 + ahead):%m-%d}" for ahead in range(1, 28)}  # ten o'clock of today is over
    wanted = {resident(n) for n in range(120) if f"{n % 12 + 1:02d}-{n % 28 + 1:02d}" in days}
    assert found.keys() == wanted
    assert {at.strftime("%H:%M") for at in found.values()} <= {"06:30", "09:00", "10:00"}


async def test_a_start_by_a_segment_follows_the_moves_of_time(town: Store, shop: Shop) -> None:
    plan = await _plan(town, shop(f"campaign: wake\nstart: {{segment: dormant, on: entered}}\n{BEGINNING}"))
    year = timedelta(days=365)
    last = func.max(EVENTS.c.at, type_=EVENTS.c.at.type)
    became = select(EVENTS.c.customer_id).group_by(EVENTS.c.customer_id)
    async with town.read() as connection:
        moved = set(await connection.scalars(became.having(last > NOW - year - timedelta(weeks=4), last <= NOW - year)))
    assert {one.prospect.customer_id for one in plan.entrance.entrants} == moved
    assert moved


async def test_a_start_by_the_api_is_not_known_before_it_happens(town: Store, shop: Shop) -> None:
    plan = await _plan(town, shop(f"campaign: told\nstart: api\n{BEGINNING}"))
    assert (plan.entrance.why, plan.tally.messages) == ("unknown", {})


@pytest.mark.parametrize(
    ("start", "why", "at"),
    [
        ("start: {at: 2026-11-01T10:00}", "over", None),
        ("start: {at: 2026-12-05T10:00}", "", datetime(2026, 12, 5, 10, tzinfo=UTC)),
        ("start: {cron: '0 10 * * 1'}", "", datetime(2026, 12, 7, 10, tzinfo=UTC)),
        ("start: now\nperiod: {from: 2027-01-01}", "", datetime(2027, 1, 1, tzinfo=UTC)),
        ("start: now\nperiod: {to: 2026-11-30}", "over", None),
    ],
)
async def test_when_the_next_wave_is(town: Store, shop: Shop, start: str, why: str, at: datetime | None) -> None:
    entering = (await _plan(town, shop(f"campaign: wave\naudience: dormant\n{start}\n{BEGINNING}"))).entrance
    assert (entering.why, entering.at) == (why, at)


async def test_a_paced_wave_ends_when_the_last_begins(town: Store, shop: Shop) -> None:
    words = "campaign: slow\naudience: dormant\nstart: {at: 2026-12-05T10:00}\npace: 2/h\n" + BEGINNING
    entering: Any = (await _plan(town, shop(words))).entrance
    begins = datetime(2026, 12, 5, 10, tzinfo=UTC)
    number = entering.total
    # two an hour from 10:00 to 21:00 on the first day, from 08:00 on the others
    first, others = 22, 26
    whole, rest = divmod(number - 1 - first, others)
    ends = begins.replace(hour=8) + timedelta(days=whole + 1, minutes=30 * rest)
    assert (entering.at, entering.ends_at) == (begins, ends)
