"""``flows:`` of a behaviour file: what is read, and every mistake by its line."""

from pathlib import Path

import pytest

from campaigns.simulation.behaviour import Behaviour, Talking
from campaigns.simulation.reading import read_behaviour
from core.reading.problems import WorkspaceInvalid

FLOWS = {"survey": {"rating": frozenset({"good", "bad"}), "why": frozenset[str](), "parcel": None}}


def _read(tmp_path: Path, text: str) -> Behaviour:
    (tmp_path / "behaviour.yaml").write_text(text, encoding="utf-8")
    return read_behaviour(tmp_path / "behaviour.yaml", (), FLOWS)


def test_what_is_assumed_of_a_flow(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        """
delays: {answer: 2m..1h}
flows:
  survey:
    abandon: 20%
    rating: {good: 60%, abandon: 5%}
    parcel: {failed: 0.1}
  "*": {abandon: 30%}
customers:
  "7": [{on: sms, do: reply, says: "2"}]
""",
    )
    assert found.talking("survey") == Talking(0.2, {"rating": 0.05}, {"rating": {"good": 0.6}}, {"parcel": 0.1})
    assert found.talking("other") == Talking(0.3)
    assert Behaviour().talking("other") == Talking(0.1)
    assert found.delays["answer"].high.total_seconds() == 3600
    assert found.scripts["7"][0].deed.says == "2"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  surveys: {abandon: 20%}", "there is no flow 'surveys'; did you mean 'survey'?"),
        ("  survey: {ratings: {good: 1%}}", "no question or call 'ratings'; did you mean 'rating'?"),
        ("  survey: {rating: {great: 1%}}", "'rating' has no answer 'great' (there are: bad, good)"),
        ("  survey: {rating: {good: 60%, bad: 50%}}", "more than the whole together; 100% is the most"),
        ("  survey: {abandon: 120%}", "more than the whole; 100% is the most"),
        ("  survey: {parcel: {ok: 10%}}", "'parcel' asks nothing"),
        ('  "*": {rating: {good: 10%}}', "'rating' is of one flow"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(WorkspaceInvalid) as caught:
        _read(tmp_path, f"flows:\n{line}\n")
    (problem,) = caught.value.problems
    assert problem.line == 2
    assert said in problem.message


def test_only_a_reply_says_something(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceInvalid, match="only a reply says something"):
        _read(tmp_path, 'customers: {"7": [{on: sms, do: click, says: hello}]}\n')
