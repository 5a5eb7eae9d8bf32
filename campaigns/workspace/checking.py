"""What a campaign that could be read may still get wrong: steps that nobody comes to, waits without an end."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from campaigns.definition import (
    EVENT,
    BranchStep,
    CampaignBody,
    CampaignDefinition,
    Offer,
    SendStep,
    WaitStep,
    When,
    WorkspaceConfig,
)
from campaigns.periods import Period
from campaigns.workspace.campaign import ReadCampaign
from campaigns.workspace.languages import missing_languages
from campaigns.workspace.occasions import check_occasions
from campaigns.workspace.paths import covered, earliest, unreachable
from core.counting import counted
from core.messages import EMAIL
from core.money import parse_micros
from core.purposes import NEEDS_CONSENT
from core.reading.problems import Problems

CONFIG = "otklik.yaml"
LONGEST_WAIT = Period(2, "y")


def check_campaign(
    definition: CampaignDefinition,
    read: ReadCampaign,
    config: WorkspaceConfig | None,
    offers: Mapping[str, Offer],
    problems: Problems,
) -> None:
    """Note what cannot be meant in one campaign; warn of what is likely not."""
    check = _Check(definition, read, problems)
    check.steps()
    check.branches()
    check.waits()
    check.answers()
    check.start()
    check.reentry()
    check.experiment()
    check.offers(offers)
    if config is not None:
        check.money(config)
        check.pace(config)


class _Check:
    def __init__(self, definition: CampaignDefinition, read: ReadCampaign, problems: Problems) -> None:
        self._definition = definition
        self._read = read
        self._problems = problems
        self._variants = frozenset(definition.experiment.variants) if definition.experiment else frozenset()

    def _at(self, step: str, message: str) -> None:
        self._problems.add(self._read.file, self._read.step_lines.get(step, 0), message)

    def _key(self, key: str, message: str) -> None:
        self._problems.add(self._read.file, self._read.lines.get(key, 0), message)

    def _warn(self, line: int, message: str) -> None:
        self._problems.warn(self._read.file, line, message)

    def _line(self, step: str) -> int:
        return self._read.step_lines.get(step, 0)

    def steps(self) -> None:
        """Steps that nothing leads to."""
        for step in unreachable(self._definition):
            hint = "every way ends before it; move it up, or remove it"
            self._at(step.id, f"nothing leads to step {step.id!r}: {hint}")

    def branches(self) -> None:
        """Ways of a branch that nobody is left for."""
        for step in self._definition.steps:
            if not isinstance(step, BranchStep):
                continue
            earlier: list[When] = []
            for number, arm in enumerate(step.arms, 1):
                if covered(earlier, arm.when, self._variants):
                    message = f"way {number} of branch {step.id!r} is never taken: the ways before it take everybody"
                    self._at(step.id, f"{message} whom it means; remove it, or put it first")
                earlier.append(arm.when)

    def waits(self) -> None:
        """Waits of nothing, and for ever; sends that come when the goal no longer counts."""
        goal = self._definition.goal
        soonest = earliest(self._definition)
        for step in self._definition.steps:
            if isinstance(step, SendStep | WaitStep):
                self._length(step)
            if isinstance(step, SendStep) and not step.expires.amount:
                self._at(step.id, "the send expires at once and never leaves; write a period such as expires: 48h")
            if isinstance(step, WaitStep) and goal is not None and goal.event in step.events:
                hint = "the campaign's goal ends the journey, so that this wait only ever runs out"
                self._warn(self._line(step.id), f"step {step.id!r} waits for {goal.event!r}: {hint}")
            if isinstance(step, SendStep) and goal is not None and goal.within is not None:
                comes = soonest.get(step.id, timedelta())
                if comes > goal.within.rough:
                    hours = round(comes.total_seconds() / 3600)
                    days = f"{comes.days} days" if comes.days > 1 else counted(hours, "hour")
                    said = f"step {step.id!r} comes {days} after entry, when the goal ({goal.within}) no longer counts"
                    self._warn(self._line(step.id), f"{said}; lengthen goal: within, or shorten the waits")

    def _length(self, step: SendStep | WaitStep) -> None:
        period = step.wait if isinstance(step, SendStep) else step.period
        if period is None:
            return
        if not period.amount and not (isinstance(step, WaitStep) and step.at):
            self._at(step.id, "a wait of nothing is none; remove it, or write a period such as 3d")
        if period.rough > LONGEST_WAIT.rough:
            self._at(step.id, f"a wait of {period} is longer than two years; start another campaign then")

    def answers(self) -> None:
        """Words about answers that can come to nothing."""
        definition, lines = self._definition, self._read.lines
        sends = [step for step in definition.steps if isinstance(step, SendStep)]
        if definition.goal is None:
            if "until" in lines and any("goal" in step.until for step in sends):
                self._warn(lines["until"], "'until' names the goal, but the campaign has none; add goal: EVENT")
            if definition.on_answer and not any(step.until for step in sends):
                self._warn(lines.get("on_answer", 0), "nothing answers this campaign, so that 'on_answer' never runs")
        goal = f"{EVENT}{definition.goal.event}" if definition.goal else ""
        for step in sends:
            if goal in step.until:
                said = f"'until' names {definition.goal.event!r}, which is the goal" if definition.goal else ""
                self._warn(self._line(step.id), f"{said} and ends the journey anyway; write goal, or drop it")
        last = definition.steps[-1]
        if isinstance(last, SendStep) and last.until and last.wait is None and definition.on_answer:
            hint = "add wait: 7d, so that an answer to it is still heard"
            self._warn(self._line(last.id), f"the journey ends with step {last.id!r} at once; {hint}")

    def start(self) -> None:
        """Starts that never come."""
        definition = self._definition
        start, period = definition.start, definition.period
        if start.kind == "at" and start.at is not None:
            at = start.at.date()
            if (period.first and at < period.first) or (period.last and at > period.last):
                self._key("start", f"the start ({at}) lies outside the period; move one of them")
        if start.kind == "cron" and period.last is not None and not _fires(start.cron, definition):
            self._key("start", f"{start.cron!r} does not fire before the period ends ({period.last}); move one of them")
        if start.kind == "segment" and start.on == "left" and definition.audience == start.segment:
            message = f"whoever left {start.segment!r} is not in the audience any more, which is the same segment"
            self._key("start", f"{message}; drop 'audience', or name another")

    def reentry(self) -> None:
        """A day that comes each year, for customers who may not enter again."""
        start, again = self._definition.start, self._definition.reentry
        if start.kind != "date" or not start.yearly:
            return
        hint = "add reentry: after 11mo"
        if again is None:
            said = f"{start.field} comes each year, but nobody enters twice"
            self._warn(self._read.lines.get("start", 0), f"{said}; {hint}")
        elif again.rough >= Period(1, "y").rough:
            said = f"{start.field} comes again within a year, before {again} are over"
            self._warn(self._read.lines.get("reentry", 0), f"{said}; {hint}")

    def offers(self, offers: Mapping[str, Offer]) -> None:
        """Sends that repeat a promise which is over."""
        choice = self._definition.offer
        candidates = choice.candidates if choice is not None else ()
        good = [(offer.valid, offer.name) for one in candidates if (offer := offers.get(one.offer)) and offer.valid]
        soonest = earliest(self._definition)
        sends = [step for step in self._definition.steps if isinstance(step, SendStep) and step.id in soonest]
        if not good or not sends:
            return
        shortest, name = min(good, key=lambda pair: pair[0].rough)
        promised = min(soonest[step.id] for step in sends)
        late = next((step for step in sends if soonest[step.id] - promised > shortest.rough), None)
        if late is not None:
            days = counted((soonest[late.id] - promised).days, "day")
            said = f"step {late.id!r} comes {days} after the offer was promised"
            hint = "lengthen valid: in offers.yaml, or shorten the waits"
            self._warn(self._line(late.id), f"{said}, when {name!r} ({shortest}) is over; {hint}")

    def experiment(self) -> None:
        """Experiments that can show nothing."""
        experiment, line = self._definition.experiment, self._read.lines.get("experiment", 0)
        if experiment is None:
            return
        if len(self._variants) == 1:
            self._warn(line, "one variant has nothing to be compared with; add another, or a holdout alone")
        elif self._variants and not self._read.variants_used:
            hint = "give a step template: {…} by variant, or when: {variant: …}"
            self._warn(line, f"the variants {', '.join(sorted(self._variants))} differ in nothing; {hint}")
        if experiment.metric in ("goal", "revenue") and self._definition.goal is None:
            hint = "add goal: EVENT, or write metric: reply"
            self._key(
                "experiment", f"the experiment is measured by the {experiment.metric}, but there is no goal; {hint}"
            )
        if experiment.winner == "thompson" and len(self._variants) < 2:
            self._key("experiment", "winner: thompson shifts weights between variants; add two or more")

    def money(self, config: WorkspaceConfig) -> None:
        """Budgets that cannot be kept."""
        budget = self._definition.budget
        if budget is None:
            return
        if budget.currency is not None and budget.currency != config.currency:
            hint = f"budgets are kept in the workspace's currency; write it in {config.currency}"
            self._key("budget", f"the budget is in {budget.currency}; {hint}")
        if budget.amount is not None and config.budget(budget.name) is not None:
            hint = "name that one differently, or write budget: " + budget.name
            self._key("budget", f"otklik.yaml has a budget called {budget.name!r} too, and they would be one; {hint}")
        priced = [policy for policy in config.channels.values() if _costs(policy.price, *policy.prices.values())]
        if not priced:
            hint = "add price: under channels: in otklik.yaml"
            self._warn(
                self._read.lines.get("budget", 0), f"no channel has a price, so that the budget lasts for ever; {hint}"
            )

    def pace(self, config: WorkspaceConfig) -> None:
        """A pace that follows nobody."""
        pace = self._definition.pace
        if pace is not None and pace.share is not None and not config.staff.agents:
            hint = "add staff: {agents: 3} to otklik.yaml, or write pace: 2000/h"
            self._key("pace", f"the pace is a share of what the desk can answer, but nobody answers; {hint}")


def check_workspace(
    campaigns: Mapping[str, CampaignBody],
    read: Mapping[str, ReadCampaign],
    config: WorkspaceConfig | None,
    problems: Problems,
) -> None:
    """Note what needs the texts: languages that only some of them speak, what the law asks, words without a meaning."""
    if config is not None and not config.brand.postal_address and any(map(_mails_marketing, campaigns.values())):
        said = "the brand has no postal_address, which the law of many countries asks of marketing mail"
        problems.warn(CONFIG, 0, f"{said}; add it under brand:")
    for name, message in missing_languages(campaigns, config.locale if config else "en"):
        problems.warn(read[name].file, 0, message)
    check_occasions(campaigns, {name: read[name].file for name in campaigns}, problems)


def _mails_marketing(body: CampaignBody) -> bool:
    sends = [step for step in body.definition.steps if isinstance(step, SendStep)]
    channels = {channel for step in sends for leg in step.legs for channel in (leg.channel, *leg.among)}
    return body.definition.purpose in NEEDS_CONSENT and EMAIL in channels


def _costs(*prices: str) -> bool:
    return any(parse_micros(price) > 0 for price in prices)


def _fires(rule: str, definition: CampaignDefinition) -> bool:
    from cronsim import CronSim

    first, last = definition.period.first, definition.period.last
    if first is None or last is None:
        return True  # it may have begun long ago
    start = datetime.combine(first, time()) - timedelta(minutes=1)
    fires = next(CronSim(rule, start), None)
    return fires is not None and fires.date() <= last
