"""JSON Schemas (draft 2020-12) of the workspace's files, for editors. The loader decides; these help while typing."""

from typing import Any

from campaigns.reading.names import NAME_PATTERN
from campaigns.segments.comparisons import ORDER_WORDS, WORDS
from campaigns.segments.syntax import ATTRIBUTE, FIELDS
from core.messages import CHANNELS
from core.purposes import Purpose

Schema = dict[str, Any]

_NAME: Schema = {"type": "string", "pattern": f"^{NAME_PATTERN}$"}
_PERIOD: Schema = {
    "type": "string",
    "pattern": r"^\s*\d{1,5}\s*(s|m|h|d|w|mo|y)\s*$",
    "description": "a number and s, m, h, d, w, mo or y",
    "examples": ["3d", "2h", "1mo", "1y"],
}
_DAY: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-12-01"]}
_CHANNEL: Schema = {"enum": list(CHANNELS)}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_UNTIL: Schema = {
    "description": "what counts as an answer; none for a series",
    "oneOf": [
        {"enum": ["none", "reply", "click", "goal"]},
        {"type": "array", "items": {"enum": ["reply", "click", "goal"]}, "minItems": 1},
    ],
}


def schema_of(part: str) -> Schema:
    """The schema of ``campaign``, ``workspace`` or ``segments``.

    Raises:
        KeyError: for another word.
    """
    made = {"campaign": _campaign, "workspace": _workspace, "segments": _segments}[part]()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Otklik {part}", **made}


def _object(properties: Schema, *required: str, **more: Any) -> Schema:
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**made, "required": list(required)} if required else made


def _campaign() -> Schema:
    leg = _object({"send": _CHANNEL, "template": _NAME}, "send")
    zone = {"type": "string", "description": "organisation, customer or an IANA name", "examples": ["customer"]}
    at = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", "examples": ["2026-12-01T10:00"]}
    cron = {"type": "string", "description": "minute hour day month weekday", "examples": ["0 10 1 * *"]}
    step = _object(
        {
            "send": _CHANNEL,
            "id": {**_NAME, "description": "unique in the campaign; by default send- and the channel"},
            "template": _NAME,
            "wait": {**_PERIOD, "description": "how long to wait for an answer"},
            "otherwise": {"description": "where the channel cannot reach them", "oneOf": [_CHANNEL, leg]},
            "until": _UNTIL,
            "expires": {**_PERIOD, "description": "put off for longer than this, the send is skipped (48h)"},
        },
        "send",
    )
    return _object(
        {
            "campaign": {**_NAME, "description": "its name; never change it"},
            "description": {"type": "string"},
            "purpose": {"enum": [Purpose.MARKETING.value, Purpose.TRANSACTIONAL.value]},
            "audience": {**_NAME, "description": "a segment of segments.yaml"},
            "start": {
                "oneOf": [
                    {"const": "now"},
                    _object({"at": at, "zone": zone}, "at"),
                    _object({"cron": cron, "zone": zone}, "cron"),
                ]
            },
            "period": _object({"from": _DAY, "to": _DAY}),
            "reentry": {
                "type": "string",
                "pattern": r"^(never|after \s*\d{1,5}\s*(s|m|h|d|w|mo|y))$",
                "examples": ["never", "after 1mo"],
            },
            "goal": {"oneOf": [_NAME, _object({"event": _NAME, "within": _PERIOD}, "event")]},
            "until": _UNTIL,
            "template": {**_NAME, "description": "the folder under templates/ for steps that name none"},
            "edits": {"const": "pin", "description": "people in flight keep their version"},
            "steps": {"type": "array", "items": step, "minItems": 1},
        },
        "campaign",
        "audience",
        "steps",
    )


def _workspace() -> Schema:
    clock = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["08:00"]}
    policy = _object(
        {
            "account": _NAME,
            "price": {"type": ["number", "string"], "description": "the most that one message may cost"},
            "countries": {"type": "array", "items": {"type": "string", "pattern": "^[A-Z]{2}$"}},
            "on_unknown": {"enum": ["hold", "reconcile"]},
        }
    )
    brand = _object(
        {
            "name": {"type": "string"},
            "url": {"type": "string", "pattern": "^https?://"},
            "postal_address": {"type": "string"},
        },
        "name",
    )
    return _object(
        {
            "brand": brand,
            "zone": {"type": "string", "examples": ["Europe/London"]},
            "locale": {"type": "string", "examples": ["en-GB"]},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "sending_hours": _object({"from": clock, "to": clock}),
            "attribution_window": _PERIOD,
            "channels": _object({channel: {"oneOf": [policy, {"type": "null"}]} for channel in CHANNELS}),
        },
        "brand",
    )


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
