"""Which template speaks on which channel: a campaign's legs held against the files that exist. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from campaigns.definition import BEST, CampaignDefinition, Leg, SendStep
from campaigns.templates.sources import extensions
from core.messages import EMAIL, TELEGRAM
from core.reading.problems import Problems

Available = Mapping[str, Collection[str]]
"""The channels that each template has a file for, in the order of the channels that exist."""


def templates_of(leg: Leg) -> tuple[str, ...]:
    """Every template that the leg may use, each once."""
    return tuple(dict.fromkeys((leg.template, *leg.variants.values())))


@dataclass(slots=True)
class Wanted:
    """The texts that a campaign needs: (template, channel) with the line that asks for it."""

    lines: dict[tuple[str, str], int] = field(default_factory=dict)

    def ask(self, leg: Leg, line: int, available: Available, file: str, problems: Problems) -> None:
        """Note what ``leg`` needs; a ``best`` without any channel to choose from is a problem."""
        names = templates_of(leg)
        channels = spoken(leg, available) if leg.channel == BEST else (leg.channel,)
        if not channels:
            several = f"no channel has a text in every one of {', '.join(names)}" if len(names) > 1 else ""
            wanted = " or ".join(f"{name}.{extensions(name)[0]}" for name in (EMAIL, TELEGRAM))
            said = several or f"templates/{names[0]} has no text for any channel"
            problems.add(file, line, f"{said}; write one, such as templates/{names[-1]}/{wanted}")
        for template in names:
            for channel in channels:
                self.lines.setdefault((template, channel), line)

    def beside(self, legs: Collection[tuple[Leg, int]], available: Available) -> None:
        """Note the texts that a leg may fall back on where money is short: every channel of its templates."""
        for leg, line in legs:
            for template in templates_of(leg):
                for channel in spoken(leg, available):
                    self.lines.setdefault((template, channel), line)


def spoken(leg: Leg, available: Available) -> tuple[str, ...]:
    """The channels in which the leg can speak to every variant; those that ``of:`` named, where it did."""
    if leg.among:
        return leg.among
    names = templates_of(leg)
    first = available.get(names[0], ())
    return tuple(channel for channel in first if all(channel in available.get(name, ()) for name in names))


def resolved(definition: CampaignDefinition, available: Available) -> CampaignDefinition:
    """The definition with ``among`` filled in for every leg."""

    def filled(leg: Leg) -> Leg:
        return leg.model_copy(update={"among": spoken(leg, available)})

    steps = tuple(
        step.model_copy(
            update={
                "main": filled(step.main),
                "also": tuple(filled(leg) for leg in step.also),
                "otherwise": filled(step.otherwise) if step.otherwise else None,
            }
        )
        if isinstance(step, SendStep)
        else step
        for step in definition.steps
    )
    return definition.model_copy(update={"steps": steps})
