"""Names in a campaign that must exist elsewhere: segments, offers, budgets, whoever carries a step out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from campaigns.workspace.campaign import ReadCampaign
from campaigns.workspace.openings import Opening
from campaigns.workspace.scope import Kind
from core.reading.problems import Problems, did_you_mean


@dataclass(frozen=True, slots=True)
class Known:
    """The names that exist; None where their file is broken, so that nothing is called missing."""

    segments: Collection[str] | None
    offers: Collection[str] | None
    budgets: Collection[str] | None
    topics: Collection[str] | None
    flows: Mapping[str, Opening] | None
    handlers: Collection[str]


def check_references(read: ReadCampaign, known: Known, problems: Problems) -> None:
    """Note every name of the file that leads nowhere."""
    names: Mapping[Kind, Collection[str] | None] = {
        "segment": known.segments, "offer": known.offers, "budget": known.budgets, "topic": known.topics,
        "flow": known.flows, "handler": known.handlers,
    }  # fmt: skip
    for reference in read.references:
        listed = names[reference.kind]
        if reference.kind == "flow" and known.flows and (found := known.flows.get(reference.name)) and found.trouble:
            problems.add(read.file, reference.line, f"flow {reference.name!r} {found.trouble}")
        if listed is None or reference.name in listed:
            continue
        hint = did_you_mean(reference.name, listed) or f"; {_WHERE[reference.kind]}"
        said = f"there is no {reference.kind} {reference.name!r}"
        if reference.kind == "handler":
            said, hint = f"nothing carries out {reference.name!r} steps in this release", "; remove the step"
        problems.add(read.file, reference.line, said + hint)


_WHERE: Mapping[Kind, str] = {
    "segment": "define it in segments.yaml",
    "offer": "define it in offers.yaml",
    "budget": "define it in otklik.yaml under budgets:, or write an amount such as 5000 RUB",
    "topic": "say in otklik.yaml what it is called, such as topics: {news: What is new}",
    "flow": "write it in flows/",
    "handler": "",
}
