"""What must hold of the rows, worked out again from nothing but the shop's settings and what the provider took."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from campaigns.definition import BranchStep, CampaignDefinition, SendStep, WorkspaceConfig
from campaigns.reporting.story import story
from campaigns.reporting.telling import in_words
from core.catalogue import LANGUAGES
from storage.outbox.columns import table
from storage.tables import (
    BudgetUse,
    Command,
    Enrolment,
    EnrolmentHistory,
    Event,
    Grant,
    Hold,
    Inbound,
    Message,
    OfferCode,
    Task,
)
from tests.invariants.campaigns import OFFERS, POT, PRICES
from tests.invariants.cast import Person

if TYPE_CHECKING:
    from core.clock import VirtualClock
    from core.dispatching import Ready
    from storage.store import Store
    from storage.tables import Campaign
    from tests.invariants.campaigns import Shop

CLOSING = {
    "answered": "EnrolmentAnswered", "converted": "GoalReached", "exhausted": "StepsExhausted",
    "exited": "EnrolmentExited",
}  # fmt: skip
NEVER_SENT = ("rejected", "cancelled", "skipped")
HOURS = {"s": 1 / 3600, "m": 1 / 60, "h": 1}
DAYS = {"d": 1, "w": 7}


def may_arrive(at: datetime, zone: ZoneInfo, config: WorkspaceConfig) -> bool:
    """Whether marketing may arrive there and then, by the customer's own clock."""
    local = at.astimezone(zone)
    wall, opens, closes = f"{local:%H:%M}", config.sending_hours.opens, config.sending_hours.closes
    in_hours = opens <= wall < closes if opens < closes else wall >= opens or wall < closes
    return in_hours and local.weekday() not in config.no_send.weekdays.get("*", ())


def later(at: datetime, period: Any, zone: ZoneInfo) -> datetime:
    """The end of a cap's stretch. Marketing is never planned at an hour that a clock change skips or repeats."""
    if period.unit in HOURS:
        return at + timedelta(hours=period.amount * HOURS[period.unit])
    wall = at.astimezone(zone).replace(tzinfo=None) + timedelta(days=period.amount * DAYS[period.unit])
    return wall.replace(tzinfo=zone).astimezone(UTC)


class Oracles:
    """The checks over all rows: mixed into :class:`tests.invariants.world.World`."""

    store: "Store"
    shop: "Shop"
    clock: "VirtualClock"
    people: list[Person]
    campaigns: "dict[str, Campaign]"
    definitions: dict[str, CampaignDefinition]
    taken: "dict[str, Ready]"
    disowned: set[str]
    acknowledged: set[str]
    called: Counter[str]

    async def audit(self, *, ended: bool = False) -> None:
        """Everything that can be counted; when all has ``ended``, every journey's path and the words for it as well."""
        messages = await self._rows(Message, Message.direction == "out")
        enrolments = {row.id: row for row in await self._rows(Enrolment)}
        self._caps(messages)
        await self._money(messages)
        await self._promises(messages, enrolments)
        await self._ghosts(messages, enrolments)
        await self._quotas()
        await self._stored_once()
        if ended:
            await self._answered_once(enrolments)
            await self._explained(messages, enrolments)

    async def _rows(self, model: Any, *conditions: Any) -> Sequence[Any]:
        rows = table(model)
        async with self.store.read() as connection:
            return (await connection.execute(select(rows).where(*conditions))).all()

    # invariant 5

    def _caps(self, messages: Iterable[Any]) -> None:
        """By brute force: no stretch that begins with a message holds more than the cap."""
        zones = {person.id: person.zone for person in self.people}
        sent = [row for row in messages if row.id in self.taken and row.id not in self.disowned]
        for cap in self.shop.config.caps:
            for first in sent:
                end = later(first.send_at, cap.per, zones[first.customer_id])
                together = [
                    row
                    for row in sent
                    if row.customer_id == first.customer_id
                    and first.send_at <= row.send_at < end
                    and cap.channel in ("", row.channel)
                ]
                if cap.channel in ("", first.channel):
                    assert len(together) <= cap.max, f"invariant 5: {cap} broken by {[row.send_at for row in together]}"

    async def _money(self, messages: Sequence[Any]) -> None:
        """Every message has one hold at its ceiling; a budget's use is the sum of its holds and within its amount."""
        by_id = {row.id: row for row in messages}
        holds = await self._rows(Hold)
        assert {hold.message_id for hold in holds} == by_id.keys()
        taken: Counter[tuple[str, datetime]] = Counter()
        beyond: Counter[tuple[str, datetime]] = Counter()
        for hold in holds:
            message = by_id[hold.message_id]
            assert hold.amount_micros == int(Decimal(PRICES[message.channel]) * 1_000_000) * hold.parts
            state = message.state.value
            expected = "released" if state in NEVER_SENT else "held"
            if state in ("accepted", "delivered", "read", "failed"):
                expected = "spent"
            # a person settled it as not sent, and then its outcome came: what was spent was spent
            after_all = hold.state == "spent" and message.id in self.disowned and message.id in self.taken
            assert hold.state == expected or after_all, f"a message that is {state} has its money {hold.state}"
            if hold.state == "released":
                continue
            for budget, began in ((hold.budget, hold.period_from), (hold.shared_budget, hold.shared_from)):
                if budget:
                    taken[budget, began] += hold.amount_micros
                    # what a person sends again, or what proves to have left after all, is spent whatever is left
                    if message.leg.startswith("resend") or message.id in self.disowned:
                        beyond[budget, began] += hold.amount_micros
        uses = {(row.budget, row.period_from): row.taken_micros for row in await self._rows(BudgetUse)}
        assert {key: used for key, used in uses.items() if used} == dict(+taken), "a budget's use is not its holds"
        for (budget, began), used in taken.items():
            limit = self._limit(budget)
            assert used - beyond[budget, began] <= limit, f"invariant 5: {budget} gave {used} of {limit}"

    def _limit(self, budget: str) -> int:
        if budget == POT:
            return int(Decimal("0.12") * 1_000_000)
        name = budget.removeprefix("campaign/")
        own = [one.budget for one in self.definitions.values() if one.name == name and one.budget is not None]
        return max(int((one.amount or 0) * 1_000_000) for one in own)

    async def _promises(self, messages: Iterable[Any], enrolments: dict[str, Any]) -> None:
        """One promise a customer and product; every single code handed out once; no offer's message without one."""
        grants = await self._rows(Grant)
        promised = Counter((row.customer_id, row.product) for row in grants)
        assert all(number == 1 for number in promised.values()), "invariant 5: a product was promised twice"
        held = {(row.enrolment_id, row.offer) for row in grants}
        for message in messages:
            choice = self.definitions[message.version].offer
            if choice is not None:
                names = {one.offer for one in choice.candidates}
                assert any((message.enrolment_id, name) in held for name in names), "sent without the offer it is for"
        codes = {(row.offer, row.code): row.grant_id for row in await self._rows(OfferCode) if row.grant_id}
        single = [row for row in grants if OFFERS[row.offer].codes == "unique"]
        assert {(row.offer, row.code): row.id for row in single} == codes, "a code was not handed out just once"
        assert len({row.code for row in single}) == len(single)

    async def _ghosts(self, messages: Iterable[Any], enrolments: dict[str, Any]) -> None:
        ghosts = {id_ for id_, row in enrolments.items() if row.ghost}
        touched = {row.enrolment_id for row in messages} | {row.enrolment_id for row in await self._rows(Grant)}
        touched |= {row.enrolment_id for row in await self._rows(Task)}
        touched |= {row.payload.get("enrolment_id") for row in await self._rows(Command)}
        touched |= {row.properties.get("enrolment") for row in await self._rows(Event)}
        assert not ghosts & touched, "something was done for a customer who is held out"

    async def _quotas(self) -> None:
        """The organisation counts its days in UTC."""
        done: Counter[tuple[str, str, str]] = Counter()
        for row in await self._rows(Task):
            done[row.campaign_id, row.step, f"{row.created_at:%F}"] += 1
        for row in await self._rows(Command, Command.kind == "handoff"):
            done[row.payload["campaign_id"], row.payload["step"], f"{row.created_at:%F}"] += 1
        most: dict[tuple[str, str], int] = {}
        for definition in self.definitions.values():
            for step in definition.steps:
                quota = getattr(step, "max", None)
                key = self.campaigns[definition.name].id, step.id
                if step.kind in ("task", "handoff"):  # versions may say different things: the loosest
                    most[key] = max(most.get(key, 0), quota.number if quota else 10**6)
        for (campaign, step, day), number in done.items():
            assert number <= most.get((campaign, step), 10**6), f"{step} was done {number} times on {day}"

    # invariants 2, 7 and 9

    async def _stored_once(self) -> None:
        stored = Counter(row.key for row in await self._rows(Inbound))
        assert {key: stored[key] for key in self.acknowledged} == dict.fromkeys(self.acknowledged, 1), "invariant 7"

    async def _answered_once(self, enrolments: dict[str, Any]) -> None:
        """``on_answer`` was done once for every journey that was answered, and for no other."""
        asked = Counter(row.payload["enrolment_id"] for row in await self._rows(Command, Command.kind == "on_answer"))
        points = Counter(row.external_id for row in await self._rows(Event, Event.name == "points_given"))
        for id_, row in enrolments.items():
            wanted = self.definitions[row.version].on_answer and row.state.value in ("answered", "converted")
            assert asked[id_] == (1 if wanted and not row.ghost else 0), f"on_answer of {row.state}: {asked[id_]} times"
        assert all(number == 1 for number in points.values())
        assert all(number == 1 for number in self.called.values()), "a webhook was called twice without a crash"

    async def _explained(self, messages: Iterable[Any], enrolments: dict[str, Any]) -> None:
        """Every step that a journey came to has its line; every message that did not leave has its reason."""
        by_enrolment: dict[str, list[Any]] = defaultdict(list)
        for message in messages:
            by_enrolment[message.enrolment_id].append(message)
            if message.state.value in NEVER_SENT:
                assert message.reason, f"{message.step} is {message.state.value} and nobody knows why"
            assert message.state.value not in ("planned", "claimed", "dispatching"), "all is over and a message is not"
        history: dict[str, list[Any]] = defaultdict(list)
        for line in await self._rows(EnrolmentHistory):
            history[line.enrolment_id].append(line)
        for id_, row in enrolments.items():
            lines = sorted(history[id_], key=lambda line: line.id)
            assert any(line.event == CLOSING[row.state.value] for line in lines), f"{row.state} and no line says so"
            self._path(self.definitions[row.version], row, lines, by_enrolment[id_])
        await self._told(by_enrolment)

    def _path(self, definition: CampaignDefinition, row: Any, lines: Sequence[Any], sent: Sequence[Any]) -> None:
        """Wherever the journey came by, it left a word or a message.

        Its way is walked as the history says, from the first step or from where the present version took it over.
        """
        told = {line.step for line in lines} | {message.step for message in sent}
        taken_over = [place for place, line in enumerate(lines) if line.event == "VersionChanged"]
        since = taken_over[-1] if taken_over else 0  # earlier versions went other ways
        chosen = {line.step: line.detail for line in lines[since:] if line.event == "BranchTaken"}
        first = lines[since].step if taken_over else ""
        step = (definition.step(first) if first else definition.steps[0]) if row.step else None
        while step is not None:
            assert step.id in told, f"nothing tells what became of {step.id} ({step.kind})"
            if isinstance(step, SendStep):
                why = [line for line in lines if line.step == step.id and line.event != "WaitEnded"]
                planned = any(message.step == step.id for message in sent)
                assert why or planned, f"{step.id} sent nothing and says nothing"
            if step.id == row.step:
                return
            if isinstance(step, BranchStep) and step.id in chosen:
                step = definition.step(chosen[step.id])
            else:
                step = definition.step_after(step.id)
        assert not row.step, f"the history does not lead to {row.step}, where the journey ended"

    async def _told(self, by_enrolment: dict[str, list[Any]]) -> None:
        """``otklik why`` has a sentence for every line, in every language."""
        for person in self.people:
            for name in self.campaigns:
                async with self.store.read() as connection:
                    stories = await story(connection, person.id, name)
                for found in stories:
                    for line in found.lines:
                        for language in LANGUAGES:
                            words = in_words(line, language)
                            assert line.kind not in words, f"{line.kind} has no words in {language}"
