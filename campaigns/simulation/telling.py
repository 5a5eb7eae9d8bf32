"""A flow's figures in words, for the terminal, the report and the desk alike."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from campaigns.simulation.talked import FlowFigures
from campaigns.simulation.talks import MOST_TURNS
from core.catalogue import text

_MOST_ANSWERS = 12
"""Answers to one question that are listed; the others are summed up."""
FEW = 0.01
"""Shares below it are written with a decimal."""


class Told(NamedTuple):
    """One line: what it is, how often, and what belongs to it (a share, a cost; empty: nothing)."""

    label: str
    number: int
    more: str = ""


class Section(NamedTuple):
    """Lines under a title."""

    title: str
    lines: Sequence[Told]


def whole_percent(part: float) -> str:
    """A share of one, such as 12%; a tenth more exactly where it is small."""
    return f"{part:.0%}" if part >= FEW else f"{part:.1%}"


def told_of_flow(
    one: FlowFigures,
    lang: str,
    money: Callable[[int], str],
    channel: Callable[[str], str] = str,
    share: Callable[[float], str] = whole_percent,
) -> Sequence[Section]:
    """Everything about one flow, sections without lines left out.

    ``money`` writes micro-units, ``channel`` a channel's name, ``share`` a part of one.
    """

    def say(key: str, **values: object) -> str:
        return text(lang, f"simulate.flow.{key}", **values)

    def share_of(number: int, whole: int) -> str:
        return share(number / whole) if whole else ""

    found = [
        Section(say("said"), [Told(channel(each.channel), each.sent, money(each.micros)) for each in one.spoken]),
        Section(
            say("ends"),
            [
                Told(say(f"end.{end.state}", step=end.step), end.number, share_of(end.number, one.entered))
                for end in one.ends
            ],
        ),
    ]
    for question, answers in one.answers.items():
        whole = sum(answers.values())
        listed = sorted((item for item in answers.items() if item[0]), key=lambda item: -item[1])
        rest = whole - sum(number for _, number in listed[:_MOST_ANSWERS])
        lines = [Told(value, number, share_of(number, whole)) for value, number in listed[:_MOST_ANSWERS]]
        lines += [Told(say("other"), rest, share_of(rest, whole))] if rest else []
        found.append(Section(say("answers", question=question), lines))
    found.append(Section(say("silent"), [Told(name, number) for name, number in one.silent.items()]))
    asked = [Told(say(f"asked.{kind}"), number) for kind, number in one.asked.items()]
    asked += [Told(say("misunderstood"), one.misunderstood)] if one.misunderstood else []
    found.append(Section(say("asked"), asked))
    if one.circles:
        found.append(Section("", [Told(say("circles", most=MOST_TURNS), one.circles)]))
    return [section for section in found if section.lines]
