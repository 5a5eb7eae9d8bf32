"""What the pages of the campaigns say of steps, gates and what comes next, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from campaigns.definition import (
    EndStep,
    FlowStep,
    GiveStep,
    HandoffStep,
    SendStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
    When,
)
from campaigns.definition.steps import BEST
from campaigns.limits.budgets import OWN, BudgetState
from campaigns.periods import zone_named
from campaigns.reporting.reasons import reason_in_words
from core.catalogue import listed, text
from core.money import Money
from desk.campaigns.coming import Coming
from desk.campaigns.figures import Figures
from desk.campaigns.month import Month
from desk.campaigns.steering import Effect, Lever


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences for one reader at one moment (business time)."""

    figures: Figures
    now: datetime

    def say(self, name: str, /, **values: object) -> str:
        """A text of this room's."""
        return self.figures.reader.say(f"campaigns_{name}", **values)

    def reported(self, name: str, /, **values: object) -> str:
        """A text of the report's: the same words as at the terminal."""
        return text(self.figures.language, name, **values)

    def reason(self, reason: str) -> str:
        """Why something was put off or left out."""
        return reason_in_words(reason, self.figures.language)

    def outcome(self, outcome: str) -> str:
        """What became of a journey, as a simulation counts them: ``answered``, ``exited: opted_out``."""
        state, _, why = outcome.partition(": ")
        said = self.reported(f"state.{state}")
        return f"{said}: {self.reason(why)}" if why else said

    def gate(self, gate: str) -> str:
        """A gate by its name."""
        return self.say("no_address") if gate == "no_address" else self.reason(gate)

    def channel(self, channel: str) -> str:
        """A channel by its name."""
        return self.say("best") if channel == BEST else isolated(self.figures.reader.channel(channel))

    def kind(self, step: Step) -> str:
        """What a step does, in a word."""
        return self.say("kind_flow" if isinstance(step, SendStep) and step.flow else f"kind_{step.kind}")

    def does(self, step: Step) -> str:
        """What exactly: its channels, its task, its period."""
        match step:
            case SendStep():
                return self._sends(step)
            case WaitStep():
                return self._waits(step)
            case TaskStep():
                return step.task
            case HandoffStep():
                return step.queue
            case FlowStep():
                return step.flow.name
            case WebhookStep():
                return step.url
            case GiveStep():
                return step.voucher or self.say("points", count=step.points)
            case EndStep():
                return step.reason
            case _:
                return ""

    def _sends(self, step: SendStep) -> str:
        channels = [self.channel(leg.channel) for leg in (step.main, *step.also)]
        said = listed(self.figures.language, channels)
        if step.flow is not None:
            said = f"{isolated(step.flow.name)}: {said}"
        if step.otherwise is not None:
            said = self.say("else", one=said, other=self.channel(step.otherwise.channel))
        return said

    def _waits(self, step: WaitStep) -> str:
        parts = [self.figures.period(step.period)] if step.period is not None else []
        parts += [self.say("until_event", event=event) for event in sorted(step.events)]
        parts += [self.say("until_time", time=self.figures.reader.number(step.at))] if step.at is not None else []
        return listed(self.figures.language, parts)

    def wait_after(self, step: Step) -> str:
        """How long a send waits for its answer; empty where it does not."""
        if not isinstance(step, SendStep) or step.wait is None:
            return ""
        return self.say("waits", period=self.figures.period(step.wait))

    def condition(self, when: When | None, own: Mapping[str, Any]) -> str:
        """For whom a step or a way is; ``own`` are the conditions that stand in the campaign itself."""
        if when is None:
            return ""
        parts = [_written(when.condition, own)] if when.condition else []
        parts += [self.reported("reason.variant", name=name) for name in sorted(when.variants)]
        return listed(self.figures.language, parts)

    def at(self, instant: datetime) -> str:
        """Today, tomorrow or a day, with the time."""
        zone = zone_named(self.figures.reader.zone)
        day, today = instant.astimezone(zone).date(), self.now.astimezone(zone).date()
        clock = self.figures.reader.clock(instant)
        if day - today in (timedelta(), timedelta(days=1)):
            return self.say("today" if day == today else "tomorrow", time=clock)
        return self.figures.moment(instant)

    def coming(self, one: Coming) -> str:
        """The next thing that will happen."""
        number = self.figures.whole(one.number)
        if one.kind == "awaits":
            return self.say("awaits_event" if one.what else "awaits_call", what=one.what)
        at = self.at(one.at) if one.at is not None else ""
        cost = self.cost(one.cost)
        if one.kind == "start":
            said = self.say("starts" if one.what else "starts_all", at=at, number=number, audience=isolated(one.what))
            return self.say("at_most", what=said, cost=cost) if cost else said
        said = self.say("sends_now" if one.due else "sends", at=at, number=number, channel=self.channel(one.what))
        return self.say("about", what=said, cost=cost) if cost else said

    def effect(self, lever: str, effect: Effect, hours: float) -> str:
        """What pulling it would do: to whom, and to how many messages."""
        names = ("audience", "journeys") if lever == Lever.START else ("journeys", "messages")
        told = {name: self.say(f"effect_{lever}_{name}", count=getattr(effect, name)) for name in names}
        return self.say(f"effect_{lever}", length=self.figures.hours(hours), **told)

    def cost(self, sums: Sequence[Money]) -> str:
        """Sums of money, one a currency."""
        return listed(self.figures.language, (self.figures.money(one) for one in sums), apart=True)

    def budget(self, state: BudgetState, currency: str) -> str:
        """How much of a limit is taken."""
        taken, amount = (self.figures.money(Money(one, currency)) for one in (state.taken, state.limit.amount_micros))
        key = "own_budget" if state.limit.name.startswith(OWN) else "budget"
        return self.reported(f"report.{key}", name=state.limit.name, taken=taken, amount=amount)

    def month(self, month: Month) -> str:
        """The month's name with its year."""
        if month.jalali:
            return " ".join(self.figures.day(month.first).split(" ")[1:])
        from babel.dates import format_skeleton

        return str(format_skeleton("yMMMM", month.first, locale=self.figures.language))

    def weekdays(self) -> Sequence[str]:
        """The days of a week in the reader's order, short."""
        from babel.dates import get_day_names

        names = get_day_names("abbreviated", context="stand-alone", locale=self.figures.language)
        return [names[(self.first_weekday + place) % 7] for place in range(7)]

    def weekday(self, day: date) -> str:
        """The day of the week, short."""
        from babel.dates import get_day_names

        names = get_day_names("abbreviated", context="stand-alone", locale=self.figures.language)
        return str(names[day.weekday()])

    @property
    def first_weekday(self) -> int:
        """On which day the reader's weeks begin, Monday = 0."""
        return {"fa": 5}.get(self.figures.language, 0)

    def day_number(self, day: date, month: Month) -> str:
        """Which day of its month."""
        return self.figures.whole((day - month.first).days + 1)


def _written(condition: str, own: Mapping[str, Any]) -> str:
    """A segment by its name; a condition of the campaign's as its author would write it in one line."""
    if condition not in own:
        return condition
    import yaml

    line = yaml.safe_dump(own[condition], default_flow_style=True, allow_unicode=True, width=1000, sort_keys=False)
    return isolated(line.strip().removeprefix("{").removesuffix("}"))


def isolated(text: str) -> str:
    """Text whose direction is its own, whatever stands around it (Unicode's isolates)."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
