"""What the schemas of several files are made of."""

from typing import Any

from campaigns.reading.names import NAME_PATTERN
from core.installed import channel_names

Schema = dict[str, Any]

NAME: Schema = {"type": "string", "pattern": f"^{NAME_PATTERN}$"}
TEXT: Schema = {"type": "string"}
PERIOD: Schema = {
    "type": "string",
    "pattern": r"^\s*\d{1,5}\s*(s|m|h|d|w|mo|y)\s*$",
    "description": "a number and s, m, h, d, w, mo or y",
    "examples": ["3d", "2h", "1mo", "1y"],
}
DAY: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-12-01"]}
CLOCK: Schema = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["08:00"]}
HOURS: Schema = {
    "type": "object", "properties": {"from": CLOCK, "to": CLOCK}, "additionalProperties": False,
}  # fmt: skip
CHANNEL: Schema = {"enum": list(channel_names())}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
CONDITION: Schema = {"$ref": "#/$defs/condition"}
CURRENCY: Schema = {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]}
COUNTRY: Schema = {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["DE"]}
SHARE: Schema = {
    "description": "a part of the whole",
    "oneOf": [
        {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,4})?\s*%$", "examples": ["10%"]},
        {"type": "number", "minimum": 0, "maximum": 1},
    ],
}
AMOUNT_PATTERN = r"^(\d{1,3}([ _]\d{3})+|\d{1,12})(\.\d{1,6})? *([A-Za-z]{3})?$"
AMOUNT: Schema = {
    "description": "an amount, with its currency",
    "oneOf": [
        {"type": "string", "pattern": AMOUNT_PATTERN, "examples": ["5000 RUB"]},
        {"type": "number", "minimum": 0},
    ],
}
BUDGET: Schema = {
    "type": "object",
    "properties": {
        "amount": AMOUNT,
        "per": {"enum": ["total", "day", "week", "month", "year"]},
        "when_short": {"enum": ["cheaper", "skip"], "description": "a cheaper channel, or no message"},
        "within": {"type": "string", "description": "a shared budget of otklik.yaml that must have room as well"},
    },
    "required": ["amount"],
    "additionalProperties": False,
}


def mapping(properties: Schema, *required: str, **more: Any) -> Schema:
    """An object with these keys and no others."""
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**made, "required": list(required)} if required else made


def one_or_more(item: Schema) -> Schema:
    """``item``, or a list of it."""
    return {"oneOf": [item, {"type": "array", "items": item, "minItems": 1}]}
