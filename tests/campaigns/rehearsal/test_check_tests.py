"""``otklik check --tests``: what passes, what is told of a failure, what cannot be read."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.rehearsal.cases import Expected, differences
from otklik.cli import app

DORMANT = "given: {events: [{event: order, ago: 400d, amount: 20}]}"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(str(files("otklik") / "starter"), folder)
    shutil.rmtree(folder / "flows")  # they have tests of their own
    return folder


def _check(shop: Path, tests: str) -> tuple[int, str]:
    path = shop / "campaigns" / "winback.yaml"
    path.write_text(path.read_text(encoding="utf-8") + f"\ntests:\n{tests}", encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(shop), "--tests"])
    return result.exit_code, result.output


def test_what_is_as_expected_passes(shop: Path) -> None:
    code, said = _check(
        shop,
        f"""\
  - test: silent
    {DORMANT}
    expect: [day 0 10:00 email letter, day 3 10:00 whatsapp, day 5 10:00 telegram]
    outcome: exhausted
  - test: a click on the second day, in another zone
    given: {{zone: Asia/Tehran, events: [{{event: order, ago: 2y}}]}}
    when: [{{on: email, after: 1d 3h, do: click}}]
    expect: day 0 13:30 email
    outcome: answered
  - test: refuses marketing
    given: {{consent: none, events: [{{event: order, ago: 400d}}]}}
    expect: nothing
  - test: the second message decides, by SMS where there is no bot
    given: {{channels: [email, sms], events: [{{event: order, ago: 400d}}]}}
    when: [{{on: sms, after: 10m, do: opt_out}}]
    expect: [day 0 10:00 email, day 3 10:00 sms]
    outcome: "exited: opted_out"
  - test: ordered lately
    given: {{events: [{{event: order, ago: 3mo}}]}}
    outcome: not entered
""",
    )
    assert code == 0, said
    assert "5 tests passed" in said


def test_a_failure_says_what_was_expected_and_what_came_with_its_line(shop: Path) -> None:
    code, said = _check(
        shop,
        f"""\
  - test: wrong on purpose
    {DORMANT}
    when: [{{on: email, after: 4d, do: order, amount: 9}}]
    expect: [day 0 10:00 email letter, day 4 10:00 whatsapp]
    outcome: answered
""",
    )
    assert code == 1
    assert "FAIL  winback: wrong on purpose" in said
    lines = said.splitlines()
    assert any(line.endswith("  day 0 10:00 email letter") for line in lines)
    assert any(line.endswith("- day 4 10:00 whatsapp") for line in lines)
    assert any(line.endswith("+ day 3 10:00 whatsapp nudge") for line in lines)
    assert "outcome: expected answered, got converted: goal" in said
    written = (shop / "campaigns" / "winback.yaml").read_text(encoding="utf-8").splitlines()
    line = next(place for place, text in enumerate(written, 1) if "expect:" in text)
    assert f"campaigns/winback.yaml:{line}: messages" in said


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("expect: [day 3 email]", "cannot be read; write day, time and channel"),
        ("expect: [day 3 10:00 emial]", "did you mean 'email'"),
        ("expect: [day 3 10:00 email lettr]", "did you mean 'letter'"),
        ("outcome: convertd", "did you mean 'converted'"),
        ("given: {chanels: [email]}\n    outcome: answered", "did you mean 'channels'"),
        ("when: [{on: email, do: sing}]\n    outcome: answered", "customers do not 'sing'"),
        ("given: {country: DE}", "the test expects nothing"),
        ("variant: warm\n    outcome: answered", "there is no variant 'warm'"),
        ("days: 5000\n    outcome: answered", "no number of days"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_line(shop: Path, test: str, told: str) -> None:
    code, said = _check(shop, f"  - test: unreadable\n    {test}\n")
    assert code == 1
    assert told in said
    assert "campaigns/winback.yaml:2" in said


def test_an_expectation_is_met_once_only() -> None:
    one = Expected(0, "10:00", "email")
    got = Expected(0, "10:00", "email", "letter")
    assert differences([one], [got]) == []
    assert differences([one, one], [got]) == ["  day 0 10:00 email letter", "- day 0 10:00 email"]
    assert differences([], [got]) == ["+ day 0 10:00 email letter"]
