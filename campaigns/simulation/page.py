"""The HTML report of a simulation: one file without outside assets, for phones too, dark where the reader is."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from html import escape

from campaigns.reporting.reasons import reason_in_words
from campaigns.simulation.pictures import stacked_bars
from campaigns.simulation.results import CampaignFigures, Day, SimulationFigures
from campaigns.simulation.talked import FlowFigures
from campaigns.simulation.telling import told_of_flow
from campaigns.templates.localised import local_digits
from core.catalogue import language_of, listed, text, written
from core.money import Money
from core.naming import channel_named

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1d2733;--dim:#5b6875;--line:#dde3ea;--card:#f6f8fa;
--c0:#3366cc;--c1:#e07b39;--c2:#2a9d6f;--c3:#9b59b6;--c4:#c0392b;--c5:#7f8c8d;--c6:#b8860b;--c7:#008b8b}
@media(prefers-color-scheme:dark){:root{--bg:#12171d;--fg:#e6ebf0;--dim:#9aa7b4;--line:#2a333d;--card:#1a2129;
--c0:#6f9bff;--c1:#f0a060;--c2:#4cc795;--c3:#c08ae0;--c4:#e8695c;--c5:#a5b1b5;--c6:#dcae3c;--c7:#38bdbd}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:1.2rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,"Segoe UI","Noto Sans","Vazirmatn",sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.2rem;margin:2rem 0 .4rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
p.dim,.dim{color:var(--dim)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.7rem;margin:1rem 0}
.tile{background:var(--card);border-radius:.6rem;padding:.7rem .9rem}.tile b{display:block;font-size:1.3rem}
.chart{overflow-x:auto}.chart svg{width:100%;min-width:520px;height:auto;display:block}
.grid{stroke:var(--line)}.axis{fill:var(--dim);font-size:11px}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1rem;list-style:none;padding:0;margin:.4rem 0;font-size:.9rem}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-inline-end:.4em}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:start;white-space:nowrap}
th{color:var(--dim);font-weight:500}td.n,th.n{text-align:end;font-variant-numeric:tabular-nums}
""" + "".join(f".c{n}{{fill:var(--c{n})}}i.c{n}{{background:var(--c{n})}}" for n in range(8))


def page(found: SimulationFigures, lang: str) -> str:
    """The report in the language of ``lang``."""
    return _Page(found, lang).whole()


def _played(days: Sequence[Day]) -> Sequence[Day]:
    """Up to the last day on which something happened."""
    last = max((place for place, day in enumerate(days) if day.sent or day.entered or day.did), default=0)
    return days[: last + 2]


class _Page:
    def __init__(self, found: SimulationFigures, lang: str) -> None:
        self._found = found
        self._lang = language_of(lang)
        self._rtl = self._lang == "fa"

    def whole(self) -> str:
        found = self._found
        title = self._say("title", campaigns=listed(self._lang, (one.name for one in found.campaigns)))
        sent = sum(sum(day.sent.values()) for day in found.days)
        did = {kind: sum(day.did.get(kind, 0) for day in found.days) for day in found.days for kind in day.did}
        tiles = [
            (self._say("customers"), self._number(found.customers)),
            (self._say("entered"), self._number(sum(one.entered for one in found.campaigns))),
            (self._say("sent"), self._number(sent)),
            (self._say("cost"), self._money(found.micros)),
            *((self._kind(kind), self._number(number)) for kind, number in sorted(did.items())),
        ]
        days = _played(found.days)
        labels = [f"{day.day:%m-%d}" for day in days]
        span = self._say(
            "span", begins=f"{found.begins:%Y-%m-%d %H:%M}", ends=f"{found.ends:%Y-%m-%d}", zone=found.zone,
            seed=found.seed,
        )  # fmt: skip
        sent_by = {channel_named(self._lang, name): [day.sent.get(name, 0) for day in days] for name in found.channels}
        kinds = [kind for kind in sorted(did) if kind != "open"]
        did_by = {self._kind(kind): [day.did.get(kind, 0) for day in days] for kind in kinds}
        spent = [day.micros / 1e6 for day in days]
        body = [
            f"<h1>{escape(title)}</h1>",
            f'<p class="dim">{escape(span)}</p>',
            '<div class="tiles">',
            *(f'<div class="tile">{escape(name)}<b>{escape(value)}</b></div>' for name, value in tiles),
            "</div>",
            self._chart("by_day", labels, sent_by),
            self._chart("what_they_did", labels, did_by),
            self._chart("spent_by_day", labels, {found.currency: spent} if any(spent) else {}),
            *(part for one in found.campaigns for part in self._campaign(one)),
            *(part for one in found.flows for part in self._flow(one)),
            self._timeline(found.days),
        ]
        direction = "rtl" if self._rtl else "ltr"
        return (
            f'<!doctype html><html lang="{self._lang}" dir="{direction}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>"
        )

    def _campaign(self, one: CampaignFigures) -> Iterable[str]:
        say = self._say
        yield f"<h2>{escape(one.name)}</h2>"
        said = say("campaign", count=one.entered, cost=self._money(one.micros))
        yield f'<p class="dim">{escape(said)}</p>'
        if one.unplayed:
            yield f"<p>{escape(say('unplayed', flows=listed(self._lang, one.unplayed)))}</p>"
        heads = ["step", "channel", "planned", "sent", "replied", "clicked", "failed", "not_sent", "waiting", "cost"]
        rows = [
            [
                f"{step.step} ({step.leg})" if step.leg != "main" else step.step,
                channel_named(self._lang, step.channel),
                *(self._number(getattr(step, name)) for name in heads[2:-1]), self._money(step.micros),
            ]
            for step in one.steps
        ]  # fmt: skip
        yield self._table([say(head) for head in heads], rows, words=2)
        yield f"<h3>{escape(say('outcomes'))}</h3>"
        yield self._table(
            [say("outcome"), say("customers")],
            [[self.outcome(name), self._number(number)] for name, number in one.outcomes.items()],
            words=1,
        )
        if one.gates:
            yield f"<h3>{escape(say('gates'))}</h3>"
            rows = [
                [reason_in_words(gate.gate, self._lang), say(f"verdict.{gate.verdict}"), self._number(gate.number)]
                for gate in one.gates[:30]
            ]
            yield self._table([say("gate"), say("verdict"), say("times")], rows, words=2)
        if one.asked:
            yield f"<h3>{escape(say('asked'))}</h3>"
            rows = [[say(f"asked.{kind}"), self._number(number)] for kind, number in one.asked.items()]
            yield self._table([say("asked.what"), say("times")], rows, words=1)
        if one.refused:
            yield f"<h3>{escape(say('refused'))}</h3>"
            rows = [[reason, self._number(number)] for reason, number in list(one.refused.items())[:30]]
            yield self._table([say("refused.why"), say("times")], rows, words=1)
        if one.arms:
            yield f"<h3>{escape(say('arms'))}</h3>"
            rows = []
            for arm in one.arms:
                shares = [f"{part / arm.entered:.1%}" if arm.entered else "" for part in (arm.answered, arm.reached)]
                rows.append([self.arm(arm.name, held_out=arm.held_out), self._number(arm.entered), *shares])
            yield self._table([say("arm"), say("entered"), say("answered"), say("reached")], rows, words=1)

    def _flow(self, one: FlowFigures) -> Iterable[str]:
        say = self._say
        yield f"<h2>{escape(say('flow', flow=one.flow))}</h2>"
        told = f"{say('flow.entered')} {self._number(one.entered)} · {say('cost')} {self._money(one.micros)}"
        yield f'<p class="dim">{escape(told)}</p>'
        for section in told_of_flow(one, self._lang, self._money, partial(channel_named, self._lang)):
            if section.title:
                yield f"<h3>{escape(section.title)}</h3>"
            rows = [
                [line.label, self._number(line.number), local_digits(line.more, self._lang)] for line in section.lines
            ]
            yield self._table([], rows, words=1)
        yield f'<p class="dim">{escape(say("flow.assumed"))}</p>'

    def _timeline(self, days: Sequence[Day]) -> str:
        channels = [channel_named(self._lang, name) for name in self._found.channels]
        heads = [self._say("day"), self._say("entered"), *channels, self._say("cost")]
        rows = [
            [
                day.day.isoformat(), self._number(day.entered),
                *(self._number(day.sent.get(name, 0)) for name in self._found.channels), self._money(day.micros),
            ]
            for day in days
            if day.sent or day.entered or day.did
        ]  # fmt: skip
        return f"<h2>{escape(self._say('timeline'))}</h2>" + self._table(heads, rows, words=1)

    def _chart(self, key: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
        if not series:
            return ""
        title = self._say(key)
        legend = "".join(f'<li><i class="c{number % 8}"></i>{escape(name)}</li>' for number, name in enumerate(series))
        bars = stacked_bars(labels, series, title=title, rtl=self._rtl)
        return f'<h2>{escape(title)}</h2><ul class="legend">{legend}</ul><div class="chart">{bars}</div>'

    def _table(self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> str:
        def cells(tag: str, row: Sequence[str]) -> str:
            return "".join(
                f"<{tag}{' class=n' if place >= words else ''}>{escape(cell)}</{tag}>" for place, cell in enumerate(row)
            )

        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        head = f"<tr>{cells('th', heads)}</tr>" if heads else ""
        return f'<div class="scroll"><table>{head}{body}</table></div>'

    def outcome(self, name: str) -> str:
        """An outcome's name, with its reason as it is."""
        state, _, reason = name.partition(": ")
        said = text(self._lang, f"state.{state}")
        return f"{said}: {reason}" if reason else said

    def arm(self, name: str, *, held_out: bool) -> str:
        """An arm's name."""
        return " · ".join(part for part in (name, self._say("held_out") if held_out else "") if part) or "–"

    def _kind(self, kind: str) -> str:
        return text(self._lang, f"response.{kind}")

    def _say(self, key: str, **values: object) -> str:
        return text(self._lang, f"simulate.{key}", **values)

    def _number(self, number: int) -> str:
        return written(self._lang, number) if number else "·"

    def _money(self, micros: int) -> str:
        return local_digits(str(Money(micros, self._found.currency)), self._lang) if micros else "·"
