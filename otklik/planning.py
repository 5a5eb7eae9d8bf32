"""A plan at the terminal: what would change, and a forecast of each campaign."""

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from campaigns.forecast.audience import Audience
from campaigns.forecast.carried import carried
from campaigns.forecast.differences import Difference
from campaigns.forecast.displaced import displaced
from campaigns.forecast.entrances import WEEKS
from campaigns.forecast.figures import NOTICED, NOWHERE, Figures, capacity, figures
from campaigns.forecast.in_flight import InFlight
from campaigns.forecast.planning import CampaignPlan, WorkspacePlan
from campaigns.limits.budgets import OWN, Limit
from campaigns.periods import zone_named
from core.machines.campaign import CampaignState
from otklik.planning_words import Words, rounded

_MARKS = {
    "add": "[green]+[/]", "added": "[green]+[/]", "start": "[green]▶[/]", "change": "[yellow]~[/]",
    "changed": "[yellow]~[/]", "propose": "[yellow]?[/]", "remove": "[red]-[/]", "removed": "[red]-[/]",
    "keep": "[dim]·[/]", "stop": "[red]■[/]",
}  # fmt: skip


def print_plan(console: Console, plan: WorkspacePlan, lang: str) -> None:
    """Print the whole plan."""
    config = plan.workspace.config
    page = _Page(console, Words(lang, zone_named(config.zone), config.currency), plan)
    page.changes()
    for campaign in plan.campaigns:
        page.campaign(campaign)
    page.together()


class _Page:
    def __init__(self, console: Console, words: Words, plan: WorkspacePlan) -> None:
        self._console = console
        self._words = words
        self._say = words.say
        self._plan = plan
        self._shared: dict[Limit, tuple[int, float, int]] = {}  # what is left, what is needed, by how many campaigns

    # ── what would change ────────────────────────────────────────────────────

    def changes(self) -> None:
        self._rule(self._say("title.changes"))
        if self._plan.stopped_at is not None:
            since = self._words.instant(self._plan.stopped_at)
            self._line(f"[red]{escape(self._say('emergency', since=since))}[/]")
        if not self._plan.changed:
            self._line(escape(self._say("nothing")))
        for change in self._plan.changes:
            what = self._say(f"subject.{change.subject}", name=change.name)
            key: str = change.action
            if key == "keep" and change.name in self._plan.workspace.campaigns:
                key = "closed"
            said = self._say(f"change.{key}", what=what)
            if change.subject == "workspace" and change.action == "change":
                said += f": {self._words.listed(change.detail.split(', '))}"
            self._line(f"  {_MARKS[change.action]} {escape(said)}")

    # ── one campaign ─────────────────────────────────────────────────────────

    def campaign(self, plan: CampaignPlan) -> None:
        definition = plan.body.definition
        standing = "is.new" if not plan.state else "is.changed" if plan.changed else "is.same"
        standing = "is.waiting" if plan.waits else standing
        self._rule(f"{definition.name}: {self._say(standing)}")
        if plan.state == CampaignState.PAUSED:
            self._line(f"[yellow]{escape(self._say('is.paused'))}[/]")
        self._differences(plan.differences)
        self._in_flight(plan.in_flight)
        self._audience(plan.audience)
        self._entrance(plan)
        found = figures(plan.tally, definition, weekly=plan.entrance.stream)
        self._sends(found, plan)
        self._gates(found)
        self._displaced(plan)
        self._desk(found)
        self._money(plan, found)
        if found.sends:
            self._assumed(plan)

    def _differences(self, found: Sequence[Difference]) -> None:
        if not found:
            return
        self._head(self._say("differs"))
        for one in found:
            what, detail = self._say(f"what.{one.what}", name=one.name), self._words.listed(one.details)
            self._line(f"  {_MARKS[one.action]} {escape(what)}{f': {escape(detail)}' if detail else ''}")

    def _in_flight(self, flying: InFlight) -> None:
        if not flying.number:
            return
        number = self._words.number
        steps = [
            f"{step} {number(count)}" if step else self._say("flying.before", number=number(count))
            for step, count in flying.by_step.items()
        ]
        said = self._say("flying", number=number(flying.number))
        self._line(f"\n{escape(said)} [dim]({escape(self._words.listed(steps))})[/]")
        if not flying.older:
            return
        moved = flying.older - flying.stay if flying.edits == "migrate" else flying.older
        said = self._say(f"edits.{flying.edits}", count=moved)
        if flying.edits == "migrate" and flying.stay:
            said = self._words.listed([said, self._say("edits.stay", count=flying.stay)], apart=True)
        self._line(f"  {escape(said)}")

    def _audience(self, audience: Audience) -> None:
        number = self._words.number
        key = "audience" if audience.segment else "audience.all"
        said = self._say(key, segment=audience.segment, size=number(audience.size), free=number(audience.free))
        self._line(f"\n{escape(said)}")
        for name in ("barred", "unlisted"):
            if count := getattr(audience, name):
                self._line(f"  [dim]{escape(self._say(f'audience.{name}', count=count))}[/]")
        if not audience.reach:
            return
        about = "" if audience.exact else "≈ "
        self._line(escape(self._say("reached", number=f"{about}{number(audience.anywhere)}")))
        table = self._table(self._say("channel"), self._say("reachable"), self._say("why_not"))
        for reach in audience.reach:
            why = " · ".join(f"{self._words.reason(reason)} {number(count)}" for reason, count in reach.missing.items())
            table.add_row(
                f"  [bold]{self._words.channel(reach.channel)}[/]",
                about + number(reach.reachable),
                f"[dim]{escape(why)}[/]",
            )
        self._console.print(table)

    def _entrance(self, plan: CampaignPlan) -> None:
        entering = plan.entrance
        if entering.why:
            self._line(f"\n{escape(self._say(f'enters.{entering.why}'))}")
            return
        if entering.stream:
            basis = self._say(f"basis.{plan.body.definition.start.kind}")
            weekly = rounded(entering.total / WEEKS, mean=True)
            self._line(f"\n{escape(self._say('enters.stream', count=weekly, basis=basis))}")
        elif entering.at is not None and entering.ends_at is not None:
            at = self._words.instant(entering.at)
            self._line(f"\n{escape(self._say('enters.wave', at=at, count=rounded(entering.total)))}")
            if plan.body.definition.pace is not None and entering.ends_at > entering.at:
                self._line(f"  {escape(self._say('enters.pace', at=self._words.instant(entering.ends_at)))}")
        if set(plan.arms) - {""}:
            share = 1 / WEEKS if entering.stream else 1.0
            self._line(f"  {escape(self._say('arms', arms=self._arms(plan, share)))}")

    def _arms(self, plan: CampaignPlan, share: float) -> str:
        parts = []
        for name in sorted(name for name in plan.arms if name is not None):
            count = self._words.number(plan.arms[name] * share)
            parts.append(f"{name} {count}" if name else self._say("arms.all", number=count))
        if None in plan.arms:
            parts.append(self._say("arms.held", number=self._words.number(plan.arms[None] * share)))
        return self._words.listed(parts)

    # ── the forecast ─────────────────────────────────────────────────────────

    def _sends(self, found: Figures, plan: CampaignPlan) -> None:
        if not found.sends:
            self._line(f"\n{escape(self._say('forecast.none'))}")
            return
        self._head(self._say("forecast.weekly" if found.weekly else "forecast"))
        table = self._table(self._say("step"), self._say("channel"), self._say("messages"), self._say("cost"), left=2)
        for line in found.sends:
            step = escape(self._words.leg(line.step, line.leg))
            table.add_row(
                f"  {step}",
                f"[bold]{self._words.channel(line.channel)}[/]",
                self._mean(found, line.number),
                self._words.money(line.micros),
            )
        places = 1 if found.weekly else 0
        total = self._mean(found, sum(round(line.number, places) for line in found.sends))
        table.add_row(f"  [dim]{self._say('total')}[/]", "", f"[bold]{total}[/]", self._words.money(found.micros))
        self._console.print(table)
        for line in found.sends:
            files, size = carried(plan.body, line.step, line.leg, line.channel)
            if files:
                step, channel = self._words.leg(line.step, line.leg), self._words.channel(line.channel)
                said = self._say(
                    "forecast.files", step=step, channel=channel,
                    files=self._words.number(files), size=self._words.number(size / 1e6, mean=True),
                    total=self._words.number(line.number * size / 1e6, mean=True),
                )  # fmt: skip
                self._line(f"  [dim]{escape(said)}[/]")
        if len(found.weeks) > 1:
            weeks = self._table(
                self._say("week"), self._say("messages"), self._say("cost"), self._say("answers"), left=1
            )
            for week in found.weeks:
                weeks.add_row(
                    f"  {week.week.isoformat()}", self._words.number(week.number), self._words.money(week.micros),
                    self._words.number(week.answers),
                )  # fmt: skip
            self._console.print()
            self._console.print(weeks)

    def _gates(self, found: Figures) -> None:
        if not found.gates:
            return
        self._head(self._say("gates"))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for place in range(4):
            table.add_column(overflow="fold", justify="right" if place == 2 else "left")
        for (step, leg, verdict), gates in groupby(found.gates, lambda one: (one[0].step, one[0].leg, one[0].verdict)):
            reasons = list(gates)
            why = " · ".join(self._why(key.reason, self._mean(found, count), len(reasons)) for key, count in reasons)
            table.add_row(
                f"  {escape(self._words.leg(step, leg))}", self._say(f"verdict.{verdict}"),
                self._mean(found, sum(count for _, count in reasons)), f"[dim]{escape(why)}[/]",
            )  # fmt: skip
        self._console.print(table)

    def _why(self, reason: str, count: str, reasons: int) -> str:
        words = self._say("nowhere") if reason == NOWHERE else self._words.reason(reason)
        return self._words.counted(words, count) if reasons > 1 else words

    def _displaced(self, plan: CampaignPlan) -> None:
        weekly = plan.entrance.stream
        found = displaced(plan.tally, plan.alone, weekly=weekly)
        if not found:
            return
        number = self._words.number
        key = "displaced.weekly" if weekly else "displaced"
        said = self._say(key, count=rounded(found.fewer, mean=weekly))
        by = f" [dim]({escape(self._words.listed(found.by))})[/]" if found.by else ""
        self._line(f"\n{escape(said)}{by}")
        for verdict, reason, count in found.gates:
            why = self._words.counted(self._words.reason(reason), number(count, mean=weekly))
            self._line(f"  {escape(self._say(f'verdict.{verdict}'))} [dim]{escape(why)}[/]")

    def _desk(self, found: Figures) -> None:
        if not found.asks and found.answers_peak < NOTICED:
            return
        self._head(self._say("desk"))
        for line in found.asks:
            said = self._say(
                "desk.ask_weekly" if found.weekly else "desk.ask", step=line.step,
                number=self._mean(found, line.number), peak=self._words.number(line.peak, mean=True),
            )  # fmt: skip
            most = f" {self._say('desk.max', max=self._words.number(line.most))}" if line.most is not None else ""
            self._line(f"  {escape(said + most)}")
        able = capacity(self._plan.workspace.config)
        if found.answers_peak >= (NOTICED / 10 if found.weekly else NOTICED):
            key = "desk.answers_weekly" if found.weekly else "desk.answers"
            said = self._say(key, peak=self._words.number(found.answers_peak, mean=True))
            self._line(f"  {escape(said)}")
        if able:
            self._line(f"  [dim]{escape(self._say('desk.capacity', number=self._words.number(able)))}[/]")
        if able and found.asked_peak > able:
            self._line(f"  [yellow]{escape(self._say('desk.too_much'))}[/]")

    def _money(self, plan: CampaignPlan, found: Figures) -> None:
        short = any(key.reason.startswith("budget") for key, _ in found.gates)
        least = min((state.left for state in plan.budgets), default=0)
        for state in plan.budgets:
            is_own = state.limit.name.startswith(OWN)
            name = self._say("budget.own") if is_own else state.limit.name
            if not is_own:
                _, needs, number = self._shared.get(state.limit, (0, 0.0, 0))
                wants = figures(plan.alone, plan.body.definition, weekly=found.weekly).micros
                needs += wants * (WEEKS if found.weekly else 1)
                self._shared[state.limit] = state.left, needs, number + 1
            said = self._say(
                "budget.weekly" if found.weekly else "budget", name=name, needs=self._words.money(found.micros),
                left=self._words.money(state.left),
            )  # fmt: skip
            if (short and state.left == least) or found.micros > state.left:
                said = f"{escape(said)} [yellow]{escape(self._say('budget.short'))}[/]"
            else:
                said = escape(said)
            self._line(f"\n{said}")
        for offer, left in plan.short.items():
            self._line(f"[yellow]{escape(self._say('codes.short', offer=offer, count=left))}[/]")

    def together(self) -> None:
        """What several campaigns need of a budget that they share."""
        several = [(limit, *sums) for limit, sums in self._shared.items() if sums[2] > 1]
        if several:
            self._rule(self._say("title.together"))
        for limit, left, needs, _ in several:
            said = self._say("together", name=limit.name, needs=self._words.money(needs), left=self._words.money(left))
            over = f" [yellow]{escape(self._say('budget.short'))}[/]" if needs > left else ""
            self._line(f"{escape(said)}{over}")

    def _assumed(self, plan: CampaignPlan) -> None:
        rates = " · ".join(
            self._say(f"rate.{'own' if rate.known else 'assumed'}", channel=self._words.channel(rate.channel),
                      share=self._words.share(rate.share))
            for rate in plan.rates.values()
        )  # fmt: skip
        self._line(f"\n[dim]{escape(self._say('assumed', rates=rates))}[/]")
        if not plan.exact:
            self._line(f"[dim]{escape(self._say('sample', count=len(plan.entrance.entrants)))}[/]")

    # ── lines and tables ─────────────────────────────────────────────────────

    def _mean(self, found: Figures, value: float) -> str:
        return self._words.number(value, mean=found.weekly)

    def _rule(self, title: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{escape(title)}", align="left")

    def _head(self, title: str) -> None:
        self._line(f"\n[dim]{escape(title)}[/]")

    def _line(self, markup: str) -> None:
        self._console.print(markup, highlight=False)

    def _table(self, *heads: str, left: int = 1) -> Table:
        """A table whose first ``left`` columns are words, the following numbers."""
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        for place, head in enumerate(heads):
            last_is_text = left == 1 and place == 2 and head == self._say("why_not")
            table.add_column(
                head if place else f"  {head}", justify="left" if place < left or last_is_text else "right",
                overflow="fold",
            )  # fmt: skip
        return table
