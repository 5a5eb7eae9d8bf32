"""What the editor's answers look like: a plan, a simulation, a difference, in the reader's words and figures."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from campaigns.definition import WorkspaceConfig
from campaigns.forecast.figures import NOWHERE
from campaigns.forecast.planning import CampaignPlan
from campaigns.limits.budgets import OWN
from campaigns.reporting.reasons import reason_in_words
from campaigns.simulation.results import SimulationFigures
from campaigns.simulation.talked import FlowFigures
from campaigns.simulation.telling import FEW, Section, told_of_flow
from campaigns.workspace.loader import SEGMENTS
from core.catalogue import listed, text
from core.machines.campaign import CampaignState
from core.money import Money
from desk.campaigns.editing.companion import Planned
from desk.campaigns.editing.folder import Draft, Folder
from desk.campaigns.editing.workbench import Workbench
from desk.campaigns.editing.writing import names_in
from desk.campaigns.figures import Figures

MOST_LINES = 400
_FEW = 10
_LETTER = "---\nsubject: \n---\n\n"
Lines = Sequence[tuple[str, str]]


def FRAMED(*, pictures: bool) -> Mapping[str, str]:  # noqa: N802  a constant but for one thing
    """Headers of a page that stands in a frame of ours, knows nothing of the desk and runs nothing."""
    sources = "data: https: http:" if pictures else "data:"
    return {
        "content-security-policy": f"default-src 'none'; style-src 'unsafe-inline'; img-src {sources}; "
        "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox",
        "referrer-policy": "no-referrer",
    }


def compared(bench: Workbench, drafts: Sequence[Draft]) -> Sequence[tuple[str, Lines]]:
    """By file what differs from what stands in the folder now: (sign, line). For a thread."""
    folder = Folder(bench.folder)
    found = []
    for draft in drafts:
        before, after = folder.read(draft.path).text.splitlines(), draft.text.splitlines()
        lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2 : MOST_LINES + 2]
        if lines:
            found.append((draft.path, [(line[0], line if line[0] == "@" else line[1:]) for line in lines]))
    return found


def first_texts(bench: Workbench, name: str, file: str) -> Sequence[Draft]:
    """A campaign to begin with: one letter to the first segment there is. For a thread."""
    segment = next(iter(names_in(bench, SEGMENTS)), "SEGMENT")
    campaign = (
        f"campaign: {name}\ndescription: \naudience: {segment}\n"
        'start: {cron: "0 10 1 * *", zone: customer}\n'
        f"template: {name}\nsteps:\n  - send: email\n    id: letter\n    wait: 3d\n"
    )
    folder = Folder(bench.folder)
    texts = [folder.read(path) for path in folder.texts_of(name)]
    letters = [Draft(one.path, one.text, one.mark) for one in texts]
    return [Draft(file, campaign, ""), *(letters or [Draft(f"templates/{name}/email.md", _LETTER, "")])]


def plan_shown(planned: Planned, figures: Figures, config: WorkspaceConfig) -> dict[str, Any]:
    """Whom it reaches, what is sent and what that costs, as ``otklik plan`` says it."""
    return _PlanSayer(planned, figures, config).said()


class _PlanSayer:
    def __init__(self, planned: Planned, figures: Figures, config: WorkspaceConfig) -> None:
        self._plan, self._found, self._figures, self._config = planned.plan, planned.forecast, figures, config

    def said(self) -> dict[str, Any]:
        plan, found = self._plan, self._found
        sends = [
            (self._leg(line.step, line.leg), line.channel, self._mean(line.number), self._money(line.micros))
            for line in found.sends
        ]
        weeks = [
            (
                self._figures.day(week.week),
                self._whole(week.number),
                self._money(week.micros),
                self._whole(week.answers),
            )
            for week in found.weeks
        ]
        differs = [
            (one.action, self._say(f"what.{one.what}", name=one.name), listed(self._figures.language, one.details))
            for one in plan.differences
        ]
        return {
            "kind": "plan", "lines": self._people(plan), "reach": self._reach(plan), "sends": sends, "weeks": weeks,
            "total": (self._mean(found.number), self._money(found.micros)), "weekly": found.weekly,
            "gates": self._gates(), "desk": self._desk(), "budgets": self._budgets(plan), "differs": differs,
        }  # fmt: skip

    def _people(self, plan: CampaignPlan) -> list[str]:
        audience, entering, flying = plan.audience, plan.entrance, plan.in_flight
        numbers = {"size": self._whole(audience.size), "free": self._whole(audience.free)}
        key = "audience" if audience.segment else "audience.all"
        lines = [self._say(key, segment=audience.segment, **numbers)]
        lines += [
            self._say(f"audience.{name}", count=count)
            for name in ("barred", "unlisted")
            if (count := getattr(audience, name))
        ]
        if plan.state == CampaignState.PAUSED:
            lines.append(self._say("is.paused"))
        if entering.why:
            lines.append(self._say(f"enters.{entering.why}"))
        elif entering.stream:
            basis = self._say(f"basis.{plan.body.definition.start.kind}")
            lines.append(self._say("enters.stream", count=round(entering.total / 4, 1), basis=basis))
        elif entering.at is not None:
            lines.append(self._say("enters.wave", at=self._at(entering.at), count=round(entering.total)))
        if flying.number:
            lines.append(self._say("flying", number=self._whole(flying.number)))
        if flying.older:
            moved = flying.older - flying.stay if flying.edits == "migrate" else flying.older
            lines.append(self._say(f"edits.{flying.edits}", count=moved))
        return lines

    def _reach(self, plan: CampaignPlan) -> list[tuple[str, str, str]]:
        found = []
        for one in plan.audience.reach:
            why = [f"{self._reason(reason)} {self._whole(count)}" for reason, count in one.missing.items()]
            found.append((one.channel, self._whole(one.reachable), listed(self._figures.language, why)))
        return found

    def _gates(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                self._leg(key.step, key.leg), self._say(f"verdict.{key.verdict}"), self._mean(count),
                self._say("nowhere") if key.reason == NOWHERE else self._reason(key.reason),
            )
            for key, count in self._found.gates
        ]  # fmt: skip

    def _desk(self) -> list[str]:
        key = "desk.ask_weekly" if self._found.weekly else "desk.ask"
        return [
            self._say(key, step=line.step, number=self._mean(line.number), peak=self._figures.decimal(line.peak, "0.#"))
            for line in self._found.asks
        ]

    def _budgets(self, plan: CampaignPlan) -> list[tuple[str, bool]]:
        found = []
        for state in plan.budgets:
            name = self._say("budget.own") if state.limit.name.startswith(OWN) else state.limit.name
            key = "budget.weekly" if self._found.weekly else "budget"
            said = self._say(key, name=name, needs=self._money(self._found.micros), left=self._money(state.left))
            found.append((said, self._found.micros > state.left))
        return found

    def _say(self, key: str, **values: object) -> str:
        return text(self._figures.language, f"plan.{key}", **values)

    def _leg(self, step: str, leg: str) -> str:
        if leg in ("", "main"):
            return step
        return f"{step} ({self._say('otherwise') if leg == 'otherwise' else leg})"

    def _reason(self, reason: str) -> str:
        return reason_in_words(reason, self._figures.language)

    def _whole(self, number: float) -> str:
        return self._figures.whole(number)

    def _mean(self, number: float) -> str:
        few = self._found.weekly and number < _FEW
        return self._figures.decimal(round(number, 1), "#,##0.#") if few else self._whole(number)

    def _money(self, micros: float) -> str:
        return self._figures.money(Money(round(micros), self._config.currency))

    def _at(self, instant: datetime) -> str:
        return self._figures.moment(instant)


def play_shown(played: SimulationFigures, figures: Figures, days: int) -> dict[str, Any]:
    """What became of made-up customers: sums, steps, and a bar a day."""
    campaign = played.campaigns[0]
    money = [Money(played.micros, played.currency)] if played.micros else []
    said = sum(one.sent for flow in played.flows for one in flow.spoken)
    most = max((sum(day.sent.values()) for day in played.days), default=0)
    gates = [
        (reason_in_words(gate, figures.language), figures.whole(sum(one.number for one in ones)))
        for gate, ones in groupby(sorted(campaign.gates, key=lambda one: one.gate), key=lambda one: one.gate)
    ]
    return {
        "kind": "played", "days": days, "customers": figures.whole(played.customers),
        "entered": figures.whole(campaign.entered), "cost": listed(figures.language, map(figures.money, money)),
        "sent": figures.whole(said + sum(step.sent for step in campaign.steps)), "outcomes": campaign.outcomes,
        "steps": [
            (step.step, step.leg, step.channel, figures.whole(step.sent), figures.whole(step.replied),
             figures.money(Money(step.micros, played.currency)))
            for step in campaign.steps
        ],
        "gates": gates, "flows": [_flow(one, played.currency, figures) for one in played.flows],
        "responses": campaign.responses, "bars": _bars(played, figures, most), "most": most,
    }  # fmt: skip


def _flow(one: FlowFigures, currency: str, figures: Figures) -> tuple[str, str, Sequence[Section]]:
    """A flow's name, how many entered it, and everything that came of it."""

    def money(micros: int) -> str:
        return figures.money(Money(micros, currency)) if micros else ""

    def share(part: float) -> str:
        return figures.share(part, "0%" if part >= FEW else "0.0%")

    told = told_of_flow(one, figures.language, money, figures.reader.channel, share)
    return one.flow, figures.whole(one.entered), told


def _bars(played: SimulationFigures, figures: Figures, most: int) -> Sequence[tuple[float, float, str]]:
    """(place from the start, height, words) of each day, on a scale of 100 by 100."""
    width = 100 / max(1, len(played.days))
    bars = []
    for place, day in enumerate(played.days):
        number = sum(day.sent.values())
        said = listed(figures.language, (f"{channel} {figures.whole(count)}" for channel, count in day.sent.items()))
        bars.append((place * width, number / most * 100 if most else 0.0, _day(figures, day.day, said)))
    return bars


def _day(figures: Figures, day: date, said: str) -> str:
    return f"{figures.day(day)}: {said or figures.whole(0)}"
