"""The schema of the tests that a campaign file carries."""

from campaigns.schemas.parts import CHANNEL, NAME, PERIOD, SCALAR, TEXT, Schema, mapping, one_or_more


def rehearsal() -> Schema:
    """One test: given a customer, when they do this, expect these messages at these times, and that end."""
    event = mapping(
        {"event": TEXT, "ago": PERIOD, "amount": {"type": "number"}, "properties": {"type": "object"}}, "event"
    )
    fields = ("first_name", "last_name", "locale", "zone", "country", "city", "gender", "birthday", "stage")
    given = {
        "channels": one_or_more(TEXT), "consent": one_or_more(TEXT), "tags": one_or_more(TEXT),
        "events": {"type": "array", "items": event}, **dict.fromkeys(fields, SCALAR),
    }  # fmt: skip
    deed = {
        "on": CHANNEL, "nth": {"type": "integer", "minimum": 1}, "after": SCALAR, "amount": {"type": "number"},
        "do": {"type": "string", "examples": ["reply", "click", "order", "opt_out", "bounce", "event:visit"]},
        "properties": {"type": "object"},
    }  # fmt: skip
    message = {"type": "string", "pattern": r"^(nothing|day \d{1,4} .+)$", "examples": ["day 3 10:00 email"]}
    return mapping(
        {
            "test": TEXT,
            "at": {"type": "string", "description": "when it begins", "examples": ["2026-12-01T10:00"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 1100},
            "given": {
                "type": "object", "properties": given, "patternProperties": {r"^attributes\..+$": {}},
                "additionalProperties": False,
            },
            "when": {"type": "array", "items": mapping(deed, "do")},
            "variant": NAME,
            "held_out": {"type": "boolean"},
            "expect": {"oneOf": [message, {"type": "array", "items": message}]},
            "outcome": {"type": "string", "examples": ["answered", "converted", "exhausted", "not entered"]},
        }
    )  # fmt: skip
