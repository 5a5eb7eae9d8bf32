"""Words that may stand in a campaign's or a flow's file: keys and values by the schema, names by the workspace."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.flows.schema import flow_schema
from campaigns.schema import schema_of
from campaigns.workspace.loader import OFFERS, SEGMENTS
from core.installed import channel_names
from desk.campaigns.editing.subject import Kind
from desk.campaigns.editing.workbench import Workbench

_NAMED = re.compile(r"(?m)^([a-z0-9][a-z0-9_-]*):")


def vocabulary(bench: Workbench, kind: Kind = Kind.CAMPAIGN) -> Mapping[str, Any]:
    """``top`` and ``step`` are keys, ``values`` what each key may be followed by. For a thread."""
    schema = flow_schema() if kind is Kind.FLOW else schema_of("campaign")
    definitions = schema.get("$defs", {})
    top = sorted(schema["properties"])
    steps = sorted({key for name, one in definitions.items() if name != "condition" for key in _keys(one)})
    values: dict[str, Sequence[str]] = {}
    for part in (schema, *definitions.values()):
        for key, words in _values(part):
            values[key] = sorted({*values.get(key, ()), *words})
    channels = [*channel_names(), "best"]
    names = names_in(bench, SEGMENTS)
    templates = sorted(place.name for place in (bench.folder / "templates").glob("*") if place.is_dir())
    values |= {
        "send": channels, "otherwise": channels, "audience": names, "segment": names, "when": names,
        "template": templates, "offer": names_in(bench, OFFERS),
        "flow": sorted(place.stem for place in (bench.folder / "flows").glob("*.yaml")),
    }  # fmt: skip
    return {"top": top, "step": steps, "values": values}


def _keys(schema: Any) -> Iterator[str]:
    """Every key that a mapping below may have."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for value in schema.values():
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)


def _values(schema: Any) -> Iterator[tuple[str, Sequence[str]]]:
    """Keys with the words that the schema lists for them."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            for key, value in properties.items():
                words = [str(word) for word in _enumerated(value)]
                if words:
                    yield key, words
        for value in schema.values():
            yield from _values(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _values(value)


def _enumerated(schema: Any) -> Iterator[Any]:
    if not isinstance(schema, Mapping):
        return
    yield from schema.get("enum", ())
    for key in ("oneOf", "anyOf"):
        for one in schema.get(key, ()):
            yield from _enumerated(one)
    if isinstance(schema.get("items"), Mapping):
        yield from _enumerated(schema["items"])


def names_in(bench: Workbench, file: str) -> list[str]:
    """The names that a file of the workspace defines, as far as its lines tell. For a thread."""
    try:
        return _NAMED.findall((bench.folder / file).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
