"""The schema of ``segments.yaml``; a condition of it may stand in a campaign as well."""

from campaigns.schemas.parts import CHANNEL, DAY, NAME, PERIOD, SCALAR, TEXT, Schema, mapping
from campaigns.segments.comparisons import ORDER_WORDS, WORDS
from campaigns.segments.days import THIS
from campaigns.segments.leaves import AGGREGATES, DEEDS, GRANT_STATES
from campaigns.segments.reading import INCLUDE
from campaigns.segments.syntax import ATTRIBUTE, FIELDS
from campaigns.segments.textbook import TEXTBOOK
from core.purposes import Purpose

_PAIR: Schema = {"type": "array", "minItems": 2, "maxItems": 2}
_VALUES: Schema = {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": 500}
_WINDOW: Schema = {
    "within": PERIOD,
    "not_within": PERIOD,
    "since": DAY,
    "before": DAY,
    "between": {"type": "array", "items": DAY, "minItems": 2, "maxItems": 2, "description": "the first and last day"},
}
_STRETCHES: Schema = {"within_next": PERIOD, "within_last": PERIOD, "this": {"enum": list(THIS)}}
_COMPARED: Schema = {
    **dict.fromkeys(WORDS, SCALAR),
    "in": _VALUES,
    "not_in": _VALUES,
    "between": _PAIR,
    "is_set": {"type": "boolean"},
    **_STRETCHES,
}


def segments() -> Schema:
    """The file's schema; ``$defs`` holds a condition's."""
    properties = {INCLUDE: {"const": TEXTBOOK, "description": "the segments that come with the program"}}
    segment = mapping({"description": TEXT, "where": {"$ref": "#/$defs/condition"}}, "where")
    return {
        "type": "object",
        "properties": properties,
        "propertyNames": NAME,
        "additionalProperties": segment,
        "$defs": {"condition": {"oneOf": _forms()}},
    }


def _forms() -> list[Schema]:
    condition = {"$ref": "#/$defs/condition"}
    group = {"type": "array", "items": condition, "minItems": 1}
    field = {
        "description": "a customer's field, or attributes.NAME",
        "anyOf": [{"enum": list(FIELDS)}, {"type": "string", "pattern": f"^{ATTRIBUTE.replace('.', chr(92) + '.')}."}],
    }
    purposes = {"enum": [purpose.value for purpose in Purpose]}
    return [
        mapping({"all": group}, "all"),
        mapping({"any": group}, "any"),
        mapping({"not": condition}, "not"),
        mapping({"segment": NAME}, "segment"),
        mapping({"field": field, **_COMPARED}, "field", minProperties=2),
        mapping(_event(), "event"),
        mapping(_campaign(), "campaign", anyOf=[{"required": ["did"]}, {"required": ["did_not"]}]),
        mapping({"offer": NAME, "state": {"enum": list(GRANT_STATES)}, **_WINDOW}, "offer"),
        mapping({"tag": TEXT}, "tag"),
        mapping({"percent": _percent(), "salt": TEXT}, "percent"),
        mapping({"consent": purposes, "channel": CHANNEL}, "consent"),
        mapping({"channel": CHANNEL, "reachable": {"type": "boolean"}}, "channel"),
        group,
    ]


def _figure() -> Schema:
    words: tuple[str, ...] = ("is", "is_not", *ORDER_WORDS)
    numbers: Schema = {**{word: {"type": "number"} for word in words}, "between": _PAIR}
    return {"oneOf": [{"type": "number"}, mapping(numbers, minProperties=1)]}


def _event() -> Schema:
    moment = {"oneOf": [PERIOD, DAY]}
    words: tuple[str, ...] = ORDER_WORDS
    recency = mapping({**dict.fromkeys(words, moment), "between": _PAIR}, minProperties=1)
    compared = {"oneOf": [SCALAR, _VALUES, mapping(_COMPARED, minProperties=1)]}
    properties = {"type": "object", "additionalProperties": compared, "description": "properties of the event; amount"}
    figures: Schema = {str(own): recency if own in ("first", "last") else _figure() for own in AGGREGATES}
    filters = dict.fromkeys(("where", "latest", "earliest"), properties)
    return {"event": NAME, **figures, "of": TEXT, **filters, **_WINDOW}


def _campaign() -> Schema:
    deed: Schema = {"enum": list(DEEDS)}
    deeds = {"oneOf": [deed, {"type": "array", "items": deed}]}
    return {
        "campaign": {**NAME, "description": "its name, or any"},
        "did": deeds,
        "did_not": deeds,
        "step": NAME,
        "channel": CHANNEL,
        "count": _figure(),
        **_WINDOW,
    }


def _percent() -> Schema:
    bound: Schema = {
        "oneOf": [
            {"type": "number", "minimum": 0, "maximum": 100},
            {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,6})?%?$"},
        ]
    }
    return {"oneOf": [*bound["oneOf"], {"type": "array", "items": bound, "minItems": 2, "maxItems": 2}]}
