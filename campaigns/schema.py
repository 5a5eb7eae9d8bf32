"""JSON Schemas (draft 2020-12) of the workspace's files, for editors. The readers decide; these help while typing."""

from campaigns.schemas.campaign import campaign
from campaigns.schemas.parts import CHANNEL as _CHANNEL
from campaigns.schemas.parts import DAY as _DAY
from campaigns.schemas.parts import NAME as _NAME
from campaigns.schemas.parts import PERIOD as _PERIOD
from campaigns.schemas.parts import SCALAR as _SCALAR
from campaigns.schemas.parts import Schema
from campaigns.schemas.parts import mapping as _object
from campaigns.schemas.workspace import offers, workspace
from campaigns.segments.comparisons import ORDER_WORDS, WORDS
from campaigns.segments.syntax import ATTRIBUTE, FIELDS
from core.purposes import Purpose

PARTS = ("campaign", "workspace", "segments", "offers")


def schema_of(part: str) -> Schema:
    """The schema of one of :data:`PARTS`.

    Raises:
        KeyError: for another word.
    """
    made = {"campaign": _campaign, "workspace": workspace, "segments": _segments, "offers": offers}[part]()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Otklik {part}", **made}


def _campaign() -> Schema:
    return campaign(_segments()["$defs"]["condition"])


def _segments() -> Schema:
    condition = {"$ref": "#/$defs/condition"}
    group = {"type": "array", "items": condition, "minItems": 1}
    pair = {"type": "array", "minItems": 2, "maxItems": 2}
    compared: Schema = dict.fromkeys(WORDS, _SCALAR)
    compared |= {
        "in": {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 500},
        "not_in": {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 500},
        "between": pair,
        "is_set": {"type": "boolean"},
    }
    numbers: Schema = {word: {"type": "number"} for word in ("is", "is_not", *ORDER_WORDS)} | {"between": pair}
    figure = {"oneOf": [{"type": "number"}, _object(numbers, minProperties=1)]}
    moment = {"oneOf": [_PERIOD, _DAY]}
    recency = _object(dict.fromkeys(ORDER_WORDS, moment) | {"between": pair}, minProperties=1)
    event = {
        "event": _NAME, "count": figure, "sum": figure, "average": figure, "first": recency, "last": recency,
        "within": _PERIOD, "not_within": _PERIOD, "since": _DAY, "before": _DAY,
    }  # fmt: skip
    field = {
        "description": "a customer's field, or attributes.NAME",
        "anyOf": [{"enum": list(FIELDS)}, {"type": "string", "pattern": f"^{ATTRIBUTE.replace('.', chr(92) + '.')}."}],
    }
    forms = [
        _object({"all": group}, "all"),
        _object({"any": group}, "any"),
        _object({"not": condition}, "not"),
        _object({"segment": _NAME}, "segment"),
        _object({"field": field, **compared}, "field", minProperties=2),
        _object(event, "event"),
        _object({"consent": {"enum": [purpose.value for purpose in Purpose]}, "channel": _CHANNEL}, "consent"),
        _object({"channel": _CHANNEL, "reachable": {"type": "boolean"}}, "channel"),
        group,
    ]
    segment = _object({"description": {"type": "string"}, "where": condition}, "where")
    return {
        "type": "object",
        "propertyNames": _NAME,
        "additionalProperties": segment,
        "$defs": {"condition": {"oneOf": forms}},
    }
