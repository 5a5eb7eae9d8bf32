"""The plan: what would change, whom it concerns, what would be sent and what that takes. Only reads."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.applying.changes import REPORTED, Change, State, applied_state, changes_of, version_hash
from campaigns.composing.links import MessageLinks
from campaigns.definition import CampaignBody
from campaigns.facts.circumstances import Served
from campaigns.facts.unserved import known_unserved
from campaigns.forecast.audience import Audience, Meant, channels_of, counted
from campaigns.forecast.differences import Difference, differences
from campaigns.forecast.entrances import Entrance, entrance
from campaigns.forecast.foresight import Company, Foresight
from campaigns.forecast.in_flight import InFlight, in_flight
from campaigns.forecast.rates import Rate, answer_rates
from campaigns.forecast.walking import Party, Tally, walk_together
from campaigns.limits.budgets import BudgetState, budget_states, limits_of
from campaigns.operating.emergency import standing_stop
from campaigns.versions import bodies
from campaigns.workspace.loader import Workspace
from core.errors import Refused
from core.machines.campaign import CampaignState
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, OfferCode

_CODES = table(OfferCode)


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One campaign of the folder; it ``waits`` where this very version was applied and nobody approved it yet.

    ``tally`` is of the next wave with those in flight, or of four weeks of a stream, beside all other campaigns of the
    folder; ``alone`` is what it would be without them.

    ``arms`` count entrants by variant, held out ones under None. ``short`` lists offers with fewer codes than wanted.
    """

    body: CampaignBody
    state: str
    changed: bool
    waits: bool
    differences: Sequence[Difference]
    in_flight: InFlight
    audience: Audience
    entrance: Entrance
    arms: Mapping[str | None, float]
    tally: Tally
    alone: Tally
    rates: Mapping[str, Rate]
    budgets: Sequence[BudgetState] = ()
    short: Mapping[str, int] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether everybody was asked, not a sample."""
        return self.entrance.total == len(self.entrance.entrants)


@dataclass(frozen=True, slots=True)
class WorkspacePlan:
    """The whole folder. ``stopped_at``: since when the emergency stop stands."""

    workspace: Workspace
    changes: Sequence[Change]
    campaigns: Sequence[CampaignPlan]
    now: datetime
    stopped_at: datetime | None = None

    @property
    def changed(self) -> bool:
        """Whether applying the folder would change anything."""
        return any(change.action not in REPORTED for change in self.changes)


async def plan_workspace(
    store: Store,
    workspace: Workspace,
    now: datetime,
    *,
    only: str = "",
    unserved: Served | None = None,
    links: MessageLinks | None = None,
) -> WorkspacePlan:
    """What applying ``workspace`` at ``now`` would do; of one campaign with ``only``. Nothing is written.

    Raises:
        Refused: if there is no such campaign in the folder, or a segment cannot be asked.
        ConfigurationError: if a price cannot be converted.
    """
    if only and only not in workspace.campaigns:
        known = ", ".join(sorted(workspace.campaigns)) or "none"
        raise Refused(f"the folder has no campaign {only!r}; it has: {known}")
    async with store.read() as connection:
        state = await applied_state(connection)
        stop = await standing_stop(connection)
        unserved = await known_unserved(connection, unserved, now)
        planner = _Planner(connection, workspace, state, now, unserved, links)
        plans = await planner.plans(only)
    changes = [change for change in changes_of(state, workspace) if not only or change.name in ("", only)]
    return WorkspacePlan(workspace, changes, plans, now, stop.at if stop is not None else None)


@dataclass(frozen=True, slots=True)
class _Planner:
    connection: AsyncConnection
    workspace: Workspace
    state: State
    now: datetime
    unserved: Served | None
    links: MessageLinks | None

    async def plans(self, only: str) -> list[CampaignPlan]:
        """Every campaign's plan, or that of ``only`` one; the others walk along."""
        looks = {name: await self._look(body) for name, body in self.workspace.campaigns.items()}
        samples = {name: {one.prospect.customer_id for one in look.entering.entrants} for name, look in looks.items()}
        companies = {}
        for name, look in looks.items():
            others = {who for other, sample in samples.items() if other != name for who in sample}
            companies[name] = await look.company(others if self._may_meet(look) else ())
        purse: dict[tuple[str, datetime], float] = {}
        together = {name: company.party(purse) for name, company in companies.items()}
        walk_together(list(together.values()))
        plans = []
        for name, look in looks.items():
            if only not in ("", name):
                continue
            alone = together[name]
            if len(looks) > 1:
                alone = companies[name].party()
                walk_together([alone])
            plans.append(await self._plan(look, together[name], alone.tally))
        return plans

    def _may_meet(self, look: "_Look") -> bool:
        """Whether the campaign's journeys can be in the way of others."""
        return bool(look.body.offers) or (
            bool(self.workspace.config.caps) and look.body.definition.purpose in NEEDS_CONSENT
        )

    async def _look(self, body: CampaignBody) -> "_Look":
        definition, config, version = body.definition, self.workspace.config, version_hash(body)
        row = self.state.campaigns.get(definition.name)
        campaign = _campaign(row, definition.name, version, self.now)
        meant = Meant(campaign, definition, config, self.workspace.segments, self.now)
        goes_live = (self.state.workspace or {}).get("mode") == "allowlist" and config.mode == "live"
        limits = limits_of(definition.budget, definition.name, config, self.now) if definition.budget else ()
        return _Look(
            body=body,
            row=row,
            version=version,
            foresight=Foresight(self.connection, meant, body, version, self.unserved or {}, self.links),
            entering=await entrance(self.connection, meant, goes_live=goes_live),
            flying=await in_flight(self.connection, campaign.id, body, version),
            rates=await answer_rates(self.connection, campaign.id, channels_of(definition), config),
            budgets=await budget_states(self.connection, limits),
            codes=await self._codes(body),
        )

    async def _plan(self, look: "_Look", party: Party, alone: Tally) -> CampaignPlan:
        row, body, version, meant = look.row, look.body, look.version, look.foresight.meant
        applied = await bodies(self.connection, [row.version]) if row is not None else {}
        old = applied.get(row.version) if row is not None else None
        changed = row is None or row.version != version
        entering = look.entering
        arms: Counter[str | None] = Counter()
        for one in entering.entrants:
            arms[None if one.prospect.ghost else one.prospect.variant] += 1
        return CampaignPlan(
            body=body,
            state=meant.campaign.state.value if row is not None else "",
            changed=changed,
            waits=row is not None and row.pending == version,
            differences=differences(old, body) if old is not None and changed else (),
            in_flight=look.flying,
            audience=await look.foresight.reached(await counted(self.connection, meant)),
            entrance=replace(entering, coming=()),
            arms={name: number * entering.weight for name, number in arms.items()},
            tally=party.tally,
            alone=alone,
            rates=look.rates,
            budgets=look.budgets,
            short={offer: look.codes[offer] for offer, number in party.world.codes.items() if number < 1},
        )

    async def _codes(self, body: CampaignBody) -> dict[str, int]:
        """Free codes of the offers that hand out single ones. Only counted: nobody waits for us."""
        single = [offer.name for offer in body.offers.values() if offer.codes == "unique"]
        if not single:
            return {}
        free = (
            select(_CODES.c.offer, func.count())
            .where(_CODES.c.offer.in_(single), _CODES.c.taken_at.is_(None))
            .group_by(_CODES.c.offer)
        )
        found = {offer: number for offer, number in await self.connection.execute(free)}  # noqa: C416  a result
        return {name: found.get(name, 0) for name in single}


@dataclass(frozen=True, slots=True)
class _Look:
    """What is known of a campaign before the forecast walks. ``row`` is the applied one, if there is any."""

    body: CampaignBody
    row: Any
    version: str
    foresight: Foresight
    entering: Entrance
    flying: InFlight
    rates: Mapping[str, Rate]
    budgets: Sequence[BudgetState]
    codes: Mapping[str, int]

    async def company(self, others: Collection[str]) -> Company:
        """Those who walk, with companions for the customers of other samples."""
        return await self.foresight.company(
            self.entering, self.rates, self.budgets, self.codes, self.flying.number, others
        )


def _campaign(row: Any, name: str, version: str, now: datetime) -> Campaign:
    """The campaign's row; of one that was never applied the row that it would get."""
    if row is None:
        return Campaign(name=name, state=CampaignState.DRAFT, version=version, created_at=now, updated_at=now)
    return Campaign(
        id=row.id, name=row.name, state=row.state, version=row.version, pending=row.pending,
        started_at=row.started_at, created_at=now, updated_at=now,
    )  # fmt: skip
