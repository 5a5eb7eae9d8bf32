"""A small workspace with offers and an experiment, and what a marketer is told of it."""

from pathlib import Path

from campaigns.workspace.loader import load_workspace
from core.reading.problems import WorkspaceInvalid

HEAD = """campaign: hello
audience: everyone
template: hello
goal: order
experiment: {variants: [plain, warm], holdout: 10%}
steps:
  - send: sms
    id: first
    template: {plain: hello, warm: warm}
    wait: 3d
"""


def write_shop(folder: Path) -> Path:
    """The workspace, in ``folder``."""
    (folder / "campaigns").mkdir()
    for template in ("hello", "warm"):
        (folder / "templates" / template).mkdir(parents=True)
        (folder / "templates" / template / "sms.txt").write_text("Hello. STOP to stop\n")
    (folder / "otklik.yaml").write_text(
        "brand: {name: Shop, postal_address: 1 Lane}\nbudgets: {shared: 100 USD}\nchannels: {sms: {price: 0.01}}\n"
    )
    (folder / "segments.yaml").write_text(
        "everyone: {where: {field: id, is_set: true}}\nvip: {where: {event: order, count: 9}}\n"
    )
    (folder / "offers.yaml").write_text("ten: {code: TEN}\n")
    (folder / "campaigns" / "hello.yaml").write_text(HEAD)
    return folder


def said(folder: Path) -> tuple[list[str], list[str]]:
    """(problems, warnings)."""
    try:
        return [], [str(warning) for warning in load_workspace(folder).warnings]
    except WorkspaceInvalid as error:
        return [str(problem) for problem in error.problems], [str(warning) for warning in error.warnings]


def expect(folder: Path, words: str, *, place: str, warned: bool = False) -> None:
    """Exactly one problem (or, ``warned``, one warning) with these words at this place; without words, not a word."""
    problems, warnings = said(folder)
    found, other = (warnings, problems) if warned else (problems, warnings)
    if not words:
        assert (problems, warnings) == ([], [])
        return
    assert len(found) == 1, (problems, warnings)
    assert words in found[0]
    assert found[0].startswith(place), found[0]
    assert not other
