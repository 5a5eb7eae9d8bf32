"""The published schemas say what the loader says: of the example, and of what is broken."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from campaigns.schema import schema_of
from campaigns.segments.comparisons import WORDS
from campaigns.segments.reading import read_stored
from core.reading.yaml import read_yaml
from tests.campaigns.workspace.conftest import EXAMPLE
from tests.campaigns.workspace.small_shop import HEAD
from tests.campaigns.workspace.test_mutations import SHOP as EVERYTHING
from tests.campaigns.workspace.test_problems import CAMPAIGNS, STEPS
from tests.campaigns.workspace.test_settings_and_texts import OFFERS, SETTINGS

FILES = {"campaign": "campaigns/winback.yaml", "workspace": "otklik.yaml", "segments": "segments.yaml"}
SHOP = {
    "campaign": "campaigns/autumn.yaml", "workspace": "otklik.yaml", "segments": "segments.yaml",
    "offers": "offers.yaml",
}  # fmt: skip


def _example(part: str) -> Any:
    node = read_yaml((EXAMPLE / FILES[part]).read_bytes(), part)
    assert node is not None
    return node.plain()


def _plain(text: str) -> Any:
    node = read_yaml(text, "a test")
    return None if node is None else node.plain()


@cache
def _validator(part: str) -> jsonschema.Draft202012Validator:
    schema = schema_of(part)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _valid(part: str, data: Any) -> bool:
    return _validator(part).is_valid(data)


@pytest.mark.parametrize("part", FILES)
def test_the_example_is_valid(part: str) -> None:
    assert Path(EXAMPLE).is_dir()
    assert _valid(part, _example(part))


@pytest.mark.parametrize(("part", "change"), [
    ("campaign", {"budget": [5]}), ("campaign", {"purpose": "staff"}), ("campaign", {"steps": []}),
    ("campaign", {"steps": [{"send": "viber"}]}), ("campaign", {"steps": [{"send": "sms", "wait": "soon"}]}),
    ("campaign", {"start": {"cron": "* * * * *", "at": "2026-12-01T10:00"}}), ("campaign", {"audience": "No Name"}),
    ("campaign", {"reentry": "monthly"}), ("campaign", {"until": ["open"]}), ("campaign", {"edits": "keep"}),
    ("campaign", {"steps": [{"wait": {"until": {"event": "visit"}}}]}), ("campaign", {"steps": [{"branch": []}]}),
    ("campaign", {"steps": [{"send": "sms", "task": "call"}]}), ("campaign", {"pace": "fast"}),
    ("campaign", {"start": {"date": "brithday"}}), ("campaign", {"experiment": {}}), ("campaign", {"priority": "high"}),
    ("campaign", {"on_answer": [{"send": "sms"}]}), ("campaign", {"offer": {"by": "score"}}),
    ("workspace", {"caps": "3 a week"}), ("workspace", {"holdout": "50 percent"}), ("workspace", {"mode": "test"}),
    ("workspace", {"no_send": {"weekdays": ["funday"]}}), ("workspace", {"budgets": {"x": {"per": "month"}}}),
    ("workspace", {"currency": "euro"}), ("workspace", {"channels": {"viber": {}}}), ("workspace", {"brand": {}}),
    ("workspace", {"sending_hours": {"from": "8"}}), ("workspace", {"unknown": 1}),
    ("segments", {"x": {}}), ("segments", {"x": {"where": {"evnt": "order"}}}),
    ("segments", {"x": {"where": {"all": []}}}),
    ("segments", {"x": {"where": {"field": "countri", "is": "DE"}}}),
    ("segments", {"x": {"where": {"field": "country"}}}),
    ("segments", {"x": {"where": {"event": "order", "within": "soon"}}}),
    ("segments", {"x": {"where": {"event": "order", "count": {"atleast": 1}}}}),
])  # fmt: skip
def test_what_is_broken_is_not(part: str, change: dict[str, Any]) -> None:
    assert not _valid(part, {**_example(part), **change})


@pytest.mark.parametrize("part", SHOP)
def test_the_shop_with_every_word_is_valid(part: str) -> None:
    assert _valid(part, _plain((EVERYTHING / SHOP[part]).read_text()))


@pytest.mark.parametrize("step", [step for step, words in STEPS if not words])
def test_a_step_that_the_reader_takes_the_schema_takes(step: str) -> None:
    assert _valid("campaign", _plain(f"{HEAD}  {step}\n"))


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, new, words in CAMPAIGNS if not words])
def test_a_campaign_that_the_reader_takes_the_schema_takes(old: str, new: str) -> None:
    assert _valid("campaign", _plain(HEAD.replace(old, new)))


@pytest.mark.parametrize("line", [line for line, words in SETTINGS if not words])
def test_a_setting_that_the_reader_takes_the_schema_takes(line: str) -> None:
    assert _valid("workspace", _plain(f"brand: {{name: Shop}}\n{line}\n"))


@pytest.mark.parametrize("text", [text for text, words in OFFERS if not words])
def test_an_offer_that_the_reader_takes_the_schema_takes(text: str) -> None:
    assert _valid("offers", _plain(text))


@pytest.mark.parametrize("where", [
    {"event": "order", "last": {"between": ["30d", "90d"]}}, {"event": "order", "count": 3, "since": "2026-01-01"},
    {"not": {"channel": "sms", "reachable": False}}, {"consent": "marketing", "channel": "email"},
    [{"segment": "other"}, {"field": "attributes.vip", "is": True}], {"field": "country", "not_in": ["DE"]},
    {"any": [{"field": "birthday", "is_set": True}, {"field": "created_at", "at_most": "30d"}]},
])  # fmt: skip
def test_what_the_reader_takes_the_schema_takes(where: Any) -> None:
    read_stored("x", {"where": where})
    assert _valid("segments", {"x": {"where": where}})


def test_every_comparison_word_is_in_the_schema() -> None:
    forms = schema_of("segments")["$defs"]["condition"]["oneOf"]
    field = next(form for form in forms if "field" in form.get("properties", {}))
    assert set(WORDS) <= set(field["properties"])
