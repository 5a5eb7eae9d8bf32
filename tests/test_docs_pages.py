"""Pages that are drawn from the code are fresh, and links between pages lead somewhere."""

import re

import pytest

from core.machines import MACHINES
from core.machines.document import document, meanings
from tests.house.source import ROOT

PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


def test_the_state_machines_page_is_fresh() -> None:
    page = (ROOT / "docs" / "state-machines.md").read_text(encoding="utf-8")
    assert page == document(), "run: python -m core.machines.document > docs/state-machines.md"


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_says_what_it_means(machine: object) -> None:
    states = machine.states  # type: ignore[attr-defined]
    assert set(meanings(states)) == {state.name for state in states}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_named_files_are_there(page: object) -> None:
    text = page.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    linked = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in linked if target and not (page.parent / target).exists()]  # type: ignore[attr-defined]
    # paths of ours in running text, such as `storage/outbox/claims.py`
    rooms = r"(?:otklik|bot|campaigns|channels|storage|core|sandbox|tests|benchmarks|docs)"
    named = re.findall(rf"`({rooms}/[\w./-]*\.(?:py|md|yaml))`", text)
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_decisions_are_numbered_and_say_what_they_cost() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text(encoding="utf-8")
        for heading in ("## Why", "## What it costs"):
            assert heading in text, f"{record.name} lacks {heading}"
