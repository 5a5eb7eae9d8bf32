"""What a marketer may write: the reader and the editors' schema agree; what is wrong is told in words."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from campaigns.schema import schema_of
from campaigns.segments.reading import read_segments, read_stored
from core.reading.problems import Problems, WorkspaceInvalid
from core.reading.yaml import read_yaml
from tests.campaigns.segments.strategies import conditions

VALIDATOR = jsonschema.Draft202012Validator(schema_of("segments"))


@settings(max_examples=150, deadline=None)
@given(condition=conditions)
def test_what_the_reader_takes_the_schema_takes(condition: dict[str, Any]) -> None:
    read_stored("asked", {"where": condition})
    VALIDATOR.validate({"asked": {"where": condition}})


@pytest.mark.parametrize(("where", "words"), [
    ("{event: order, of: price}", "add one of them"),
    ("{event: order, where: {price: {abov: 5}}}", "did you mean 'above'"),
    ("{event: order, where: {price: }}", "compared with nothing"),
    ("{event: order, where: books}", "must be keys with values"),
    ("{event: order, where: {amount: {contains: 5}}}", "'contains' does not go with"),
    ("{event: order, between: [2026-12-01]}", "the first and the last day"),
    ("{event: order, between: [2026-12-01, 2026-11-01]}", "turn them round"),
    ("{event: order, between: [2026-11-01, 2026-12-01], since: 2026-11-01}", "keep one of them"),
    ("{campaign: winback}", "say what happened"),
    ("{campaign: winback, did: clikked}", "did you mean 'clicked'"),
    ("{campaign: winback, did: entered, step: first-mail}", "of the whole campaign"),
    ("{campaign: winback, did: [clicked, replied], count: 2}", "a single 'did'"),
    ("{campaign: winback, did: clicked, channel: fax}", "unknown channel 'fax'"),
    ("{offer: winter-10, state: openn}", "did you mean 'open'"),
    ("{tag: }", "has no 'tag'"),
    ("{percent: 0}", "a share such as 10"),
    ("{percent: [20, 10]}", "a share such as 10"),
    ("{percent: ten}", "a share such as 10"),
    ("{field: birthday, within_next: 12h}", "a stretch of days"),
    ("{field: birthday, within_next: 2y}", "a stretch of days"),
    ("{field: birthday, within_last: 7d}", "'within_last' does not go with"),
    ("{field: birthday, this: fortnight}", "one of day, week, month, year"),
    ("{field: age, above: 17.5}", "a whole number of years"),
    ("{field: age, above: old}", "is not a number"),
    ("{field: country, within_next: 7d}", "does not go with"),
])  # fmt: skip
def test_what_is_wrong_is_told(where: str, words: str) -> None:
    problems = Problems()
    read_segments(read_yaml(f"asked:\n  where: {where}\n", "segments.yaml"), "segments.yaml", problems)
    with pytest.raises(WorkspaceInvalid) as told:
        problems.raise_if_any()
    assert words in str(told.value)


def test_the_textbook_is_included_and_one_of_ones_own_stands_instead() -> None:
    text = "include: textbook\nvip:\n  where: {tag: vip}\nbest:\n  where: [{segment: vip}, {segment: regular}]\n"
    problems = Problems()
    found = read_segments(read_yaml(text, "segments.yaml"), "segments.yaml", problems)
    problems.raise_if_any()
    assert found["vip"].source == {"where": {"tag": "vip"}}
    assert {"new", "regular", "dormant", "at_risk", "birthday_week", "never_bought", "promoters", "passives",
            "detractors", "best"} < {*found}  # fmt: skip
    assert all(segment.description for name, segment in found.items() if name not in ("vip", "best"))
    VALIDATOR.validate({"include": "textbook"})


def test_only_what_there_is_can_be_included() -> None:
    problems = Problems()
    read_segments(read_yaml("include: texbook\n", "segments.yaml"), "segments.yaml", problems)
    with pytest.raises(WorkspaceInvalid, match="the one there is: textbook"):
        problems.raise_if_any()
