"""The published schemas say what the loader says: of the example, and of what is broken."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from campaigns.reading.yaml import read_yaml
from campaigns.schema import schema_of
from campaigns.segments.comparisons import WORDS
from campaigns.segments.reading import read_stored
from tests.campaigns.workspace.conftest import EXAMPLE

FILES = {"campaign": "campaigns/winback.yaml", "workspace": "otklik.yaml", "segments": "segments.yaml"}


def _example(part: str) -> Any:
    node = read_yaml((EXAMPLE / FILES[part]).read_bytes(), part)
    assert node is not None
    return node.plain()


def _valid(part: str, data: Any) -> bool:
    schema = schema_of(part)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(data)


@pytest.mark.parametrize("part", FILES)
def test_the_example_is_valid(part: str) -> None:
    assert Path(EXAMPLE).is_dir()
    assert _valid(part, _example(part))


@pytest.mark.parametrize(("part", "change"), [
    ("campaign", {"budget": 5}), ("campaign", {"purpose": "staff"}), ("campaign", {"steps": []}),
    ("campaign", {"steps": [{"send": "viber"}]}), ("campaign", {"steps": [{"send": "sms", "wait": "soon"}]}),
    ("campaign", {"start": {"cron": "* * * * *", "at": "2026-12-01T10:00"}}), ("campaign", {"audience": "No Name"}),
    ("campaign", {"reentry": "monthly"}), ("campaign", {"until": ["open"]}), ("campaign", {"edits": "migrate"}),
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
