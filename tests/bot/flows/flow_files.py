"""Flow files of tests: read, checked, and talked to."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.flows.definition import FlowBody
from bot.flows.effects import Facts
from bot.flows.loading import Flows, load_flows
from bot.flows.speaking import Surroundings
from bot.flows.talking import Talk
from campaigns.definition import Brand
from core.messages import TELEGRAM
from core.reading.problems import Problem, WorkspaceInvalid

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
BRAND = Brand(name="Paper Boat")


def written(folder: Path, **files: str) -> Path:
    """A folder with these flows: ``support="flow: support …"``."""
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def loaded(folder: Path, **files: str) -> Flows:
    return load_flows(written(folder, **files))


def body(folder: Path, text: str) -> FlowBody:
    """The one flow that ``text`` is; a ``flow: x`` is put before it where it has none."""
    whole = text if text.lstrip().startswith("flow:") else f"flow: x\n{text}"
    (found,) = loaded(folder, x=whole).bodies.values()
    return found


def problems(folder: Path, **files: str) -> list[Problem]:
    try:
        load_flows(written(folder, **files))
    except WorkspaceInvalid as error:
        return list(error.problems)
    return []


def talk(flow: FlowBody, *, channel: str = TELEGRAM, locale: str = "en", **given: Any) -> Talk:
    """Somebody who talks to the flow."""
    customer = {"attributes": {}, "country": "DE", **given.pop("customer", {})}
    around = Surroundings(BRAND, channel, locale, zone="Europe/Berlin", customer=customer)
    facts = Facts(around, given.pop("tags", frozenset()), given.pop("segments", frozenset()))
    return Talk(flow, facts, NOW, **given)
