"""Behaviour files: what they say, what is wrong in them, and chance that is as rare as it is written."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.rehearsal import read_cases
from campaigns.simulation.behaviour import KINDS, Behaviour, Deed, Reach, Rule, Shopping
from campaigns.simulation.reading import read_behaviour
from campaigns.workspace.campaign import read_campaign
from core.messages import CHANNELS
from core.reading.problems import Problems, WorkspaceInvalid
from core.reading.yaml import read_yaml

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
WHOLE = """\
messages:
  email: {open: 40%, reply: 2%, "event:visit": 1%}
  "*": {reply: 5%}
segments:
  vip: {email: {reply: 8%}}
delays: {reply: 1h..3d, open: 5m}
amount: 20..80
shopping:
  - {do: order, per_month: 0.2, segment: vip}
people: {email: 90%, telegram: 10%, consent: 80%}
customers:
  "10017":
    - {on: email, nth: 2, after: 1d 5h, do: order, amount: 30}
"""


def _read(tmp_path: Path, text: str) -> Behaviour:
    path = tmp_path / "behaviour.yaml"
    path.write_text(text, encoding="utf-8")
    return read_behaviour(path, {"vip"})


def test_everything_is_read(tmp_path: Path) -> None:
    found = _read(tmp_path, WHOLE)
    assert found.rates["email"] == {"open": 0.4, "reply": 0.02, "event:visit": 0.01}
    assert found.segments == (("vip", {"email": {"reply": 0.08}}),)
    assert (found.delays["reply"].low, found.delays["reply"].high) == (timedelta(hours=1), timedelta(days=3))
    assert found.amount == (20.0, 80.0)
    assert found.shopping == (Shopping(Deed("order"), 0.2, "vip"),)
    assert found.reach == Reach({"email": 0.9, "telegram": 0.1}, 0.8)
    assert found.scripts == {"10017": (Rule(Deed("order", 30.0), timedelta(days=1, hours=5), "email", 2),)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("messages: {emial: {reply: 1%}}", "'emial' is not a channel"),
        ("messages: {email: {replies: 1%}}", "customers do not 'replies'"),
        ("messages: {email: {reply: 120%}}", "more than the whole"),
        ("segments: {vipp: {email: {reply: 1%}}}", "there is no segment 'vipp'"),
        ("shopping: [{per_month: 1}]", "has no 'do'"),
        ("customers: {a: [{on: fax, do: reply}]}", "'fax' is not a channel"),
        ("mesages: {}", "did you mean 'messages'"),
        ("delays: {reply: soon}", "is not a period"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(WorkspaceInvalid) as refused:
        _read(tmp_path, f"# a comment\n{text}\n")
    assert told in str(refused.value)
    assert str(refused.value).startswith("behaviour.yaml:2")


PAGE = (Path(__file__).parents[3] / "docs" / "simulating.md").read_text(encoding="utf-8")


def test_the_page_shows_what_can_be_read(tmp_path: Path) -> None:
    behaviour, campaign = sorted(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    shown = _read(tmp_path, behaviour)
    assert shown.scripts["10017"][1] == Rule(Deed("order", 30.0), timedelta(days=3))
    waits = [shown.chat(seed, "c1") for seed in range(20)]
    assert all(timedelta(minutes=10) <= answer <= timedelta(hours=1) for answer, _ in waits)
    assert {talk for _, talk in waits} == {timedelta(hours=4)}
    problems = Problems()
    read = read_campaign(read_yaml(campaign, "x.yaml"), "x.yaml", problems, CHANNELS)
    assert read is not None
    assert read.definition is not None
    assert read.tests is not None
    (case,) = read_cases(read.tests, "x.yaml", read.definition, problems)
    assert not problems.found
    assert case.outcome == "answered"
    assert all(f"`{kind}`" in PAGE for kind in KINDS)


def test_chance_is_as_rare_as_written_and_the_same_again() -> None:
    rates = {"reply": 0.03, "click": 0.2, "open": 1.0, "order": 0.5, "opt_out": 0.0, "event:visit": 0.1}
    behaviour = Behaviour(rates={"email": rates}, segments=(("vip", {"email": {"reply": 0.5}}),))
    number = 4000

    def drawn(seed: int, segment: str = "") -> dict[str, int]:
        counts: dict[str, int] = {}
        for customer in range(number):
            for delay, deed in behaviour.after(seed, f"c{customer}:letter", "email", segment):
                assert timedelta() <= delay <= timedelta(days=3)
                counts[deed.kind] = counts.get(deed.kind, 0) + 1
        return counts

    found = drawn(1)
    assert found == drawn(1)
    assert found != drawn(2)
    for kind, rate in rates.items():
        spread = 4 * (number * rate * (1 - rate)) ** 0.5  # four standard deviations
        assert abs(found.get(kind, 0) - number * rate) <= spread + 1
    assert abs(drawn(1, "vip")["reply"] - number / 2) < 130


def test_habits_come_as_often_as_written() -> None:
    behaviour = Behaviour(shopping=(Shopping(Deed("order"), 2.0),))
    ends = NOW + timedelta(days=60)
    times = [at for who in range(500) for at, _ in behaviour.spontaneous(3, f"c{who}", NOW, ends)]
    assert 1850 < len(times) < 2150
    assert all(NOW <= at <= ends + timedelta(hours=1) for at in times)
