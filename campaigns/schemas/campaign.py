"""The schema of a file under ``campaigns/``."""

from campaigns.schemas.parts import (
    AMOUNT_PATTERN,
    BUDGET,
    CLOCK,
    DAY,
    NAME,
    PERIOD,
    SHARE,
    TEXT,
    Schema,
    mapping,
)
from campaigns.schemas.rehearsals import rehearsal
from campaigns.schemas.steps import STEP, TEMPLATE, UNTIL, WHEN, definitions
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.workspace.campaign import EDITS, MAX_PRIORITY
from core.purposes import Purpose


def campaign(condition: Schema) -> Schema:
    """The whole file; ``condition`` is what ``segments.yaml`` allows."""
    return mapping(
        {
            "campaign": {**NAME, "description": "its name; never change it"},
            "description": TEXT,
            "topic": {**NAME, "description": "a topic of otklik.yaml: what a customer refuses with this campaign"},
            "purpose": {"enum": [Purpose.MARKETING.value, Purpose.TRANSACTIONAL.value]},
            "audience": {**NAME, "description": "a segment of segments.yaml"},
            "start": _start(),
            "period": mapping({"from": DAY, "to": DAY}),
            "reentry": {
                "type": "string",
                "pattern": r"^(never|after \s*\d{1,5}\s*(s|m|h|d|w|mo|y))$",
                "examples": ["never", "after 1mo"],
            },
            "goal": {"oneOf": [NAME, mapping({"event": NAME, "within": PERIOD}, "event")]},
            "until": UNTIL,
            "template": TEMPLATE,
            "experiment": _experiment(),
            "offer": _offer(),
            "budget": {
                "description": "an amount, or the name of a budget in otklik.yaml",
                "anyOf": [{"type": "string", "pattern": AMOUNT_PATTERN}, NAME, {"type": "number"}, BUDGET],
            },
            "pace": {
                "oneOf": [
                    {"type": "string", "pattern": r"^\d{1,9} */ *(h|hour)$", "examples": ["2000/h"]},
                    mapping({"share": SHARE}, "share"),
                ]
            },
            "priority": {"type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY},
            "edits": {"enum": list(EDITS), "description": "what people in flight do when the campaign changes"},
            "steps": {"type": "array", "items": STEP, "minItems": 1},
            "on_answer": {"type": "array", "items": {"$ref": "#/$defs/answered"}, "minItems": 1},
            "tests": {"description": "played by otklik check --tests", "type": "array", "items": rehearsal()},
        },
        "campaign",
        "steps",
        **{"$defs": {"condition": condition, **definitions()}},
    )


def _start() -> Schema:
    zone = {"type": "string", "description": "organisation, customer or an IANA name", "examples": ["customer"]}
    at = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", "examples": ["2026-12-01T10:00"]}
    cron = {"type": "string", "description": "minute hour day month weekday", "examples": ["0 10 1 * *"]}
    field: Schema = {
        "anyOf": [
            {"enum": ["birthday", "created_at"]},
            {"type": "string", "pattern": f"^{ATTRIBUTE[:-1]}\\.."},
        ]
    }
    offset = {"type": "string", "pattern": r"^[+-]? *\d{1,5} *(d|w|mo|y)$", "examples": ["-3d", "2w"]}
    date = {"date": field, "offset": offset, "time": CLOCK, "yearly": {"type": "boolean"}, "zone": zone}
    return {
        "oneOf": [
            {"enum": ["now", "api"]},
            mapping({"at": at, "zone": zone}, "at"),
            mapping({"cron": cron, "zone": zone}, "cron"),
            mapping({"event": NAME, "where": {"type": "object", "description": "tests of its properties"}}, "event"),
            mapping({"segment": NAME, "on": {"enum": ["entered", "left"]}}, "segment"),
            mapping(date, "date"),
        ]
    }


def _experiment() -> Schema:
    weights: Schema = {
        "type": "object",
        "propertyNames": NAME,
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 10_000},
    }
    return mapping(
        {
            "variants": {"oneOf": [{"type": "array", "items": NAME, "minItems": 1}, weights, NAME]},
            "holdout": SHARE,
            "metric": {"enum": ["reply", "click", "goal", "revenue"]},
            "winner": {"enum": ["fixed", "thompson"]},
            "horizon": PERIOD,
            "lift": {**SHARE, "description": "the least that is worth knowing"},
            "salt": {**TEXT, "description": "another text deals the customers anew"},
        },
        minProperties=1,
    )


def _offer() -> Schema:
    score = {"type": "string", "pattern": f"^{ATTRIBUTE[:-1]}\\.."}
    candidate = {"oneOf": [NAME, mapping({"offer": NAME, "when": WHEN, "score": score}, "offer")]}
    choice = {"choose": {"type": "array", "items": candidate, "minItems": 1}, "by": {"enum": ["order", "score"]}}
    return {"description": "of offers.yaml", "oneOf": [NAME, mapping(choice, "choose")]}
