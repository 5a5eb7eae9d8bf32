"""The schema of a campaign's steps."""

from campaigns.schemas.parts import CHANNEL, CLOCK, CONDITION, NAME, PERIOD, SCALAR, TEXT, Schema, mapping, one_or_more
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.workspace.actions import SETTABLE
from campaigns.workspace.values import WEEKDAYS
from core.installed import channel_names

STEP: Schema = {"$ref": "#/$defs/step"}
EVENT: Schema = mapping({"event": NAME}, "event")
TEMPLATE: Schema = {
    "description": "the folder under templates/, or one for each variant",
    "oneOf": [NAME, {"type": "object", "propertyNames": NAME, "additionalProperties": NAME, "minProperties": 1}],
}
_ANSWER: Schema = {"oneOf": [{"enum": ["reply", "click", "goal"]}, EVENT]}
UNTIL: Schema = {
    "description": "what counts as an answer; none for a series",
    "oneOf": [{"const": "none"}, _ANSWER, {"type": "array", "items": _ANSWER, "minItems": 1}],
}
WHEN: Schema = {
    "description": "who is meant: a segment, a variant, a condition as in segments.yaml",
    "anyOf": [
        NAME,
        {"type": "object", "properties": {"variant": one_or_more(NAME)}, "required": ["variant"]},
        CONDITION,
    ],
}
_COMMON: Schema = {
    "id": {**NAME, "description": "unique in the campaign; by default the kind of step and its channel"},
    "when": WHEN,
}
_QUOTA: Schema = {
    "max": {"type": "string", "pattern": r"^\d{1,6} */ *(d|day)$", "examples": ["20/day"]},
    "note": TEXT,
    "expires": {**PERIOD, "description": "waits this long for a day with room (48h)"},
}


def _step(properties: Schema, *required: str) -> Schema:
    return mapping({**_COMMON, **properties}, *required)


def _sends() -> Schema:
    one: Schema = {"enum": [*channel_names(), "best"]}
    channel: Schema = {"oneOf": [one, {"type": "array", "items": CHANNEL, "minItems": 1}]}
    return _step(
        {
            "send": {**channel, "description": "a channel; best chooses one per customer; a list sends on each"},
            "of": {"type": "array", "items": CHANNEL, "minItems": 1, "description": "the channels best chooses among"},
            "template": TEMPLATE,
            "wait": {**PERIOD, "description": "how long to wait for an answer"},
            "otherwise": {
                "description": "where the channel cannot reach them",
                "oneOf": [CHANNEL, mapping({"send": CHANNEL, "template": TEMPLATE}, "send")],
            },
            "until": UNTIL,
            "expires": {**PERIOD, "description": "put off for longer than this, the send is skipped (48h)"},
        },
        "send",
    )


def _flows() -> Schema:
    answer = {"oneOf": [{"enum": ["reply", "click", "goal", "flow"]}, EVENT]}
    until = {"oneOf": [{"const": "none"}, answer, {"type": "array", "items": answer, "minItems": 1}]}
    return _step(
        {
            "flow": {**NAME, "description": "the flow that is started, by its first words"},
            "of": {"type": "array", "items": CHANNEL, "minItems": 1, "description": "the channels it may begin on"},
            "template": {**NAME, "description": "texts in place of its first words, such as an approved whatsapp.txt"},
            "wait": {**PERIOD, "description": "how long to wait for its end, at the most (7d)"},
            "otherwise": {"description": "where no channel reaches them", "oneOf": [CHANNEL]},
            "until": {**until, "description": "what counts as an answer; flow is its end; none for a series"},
            "expires": {**PERIOD, "description": "put off for longer than this, it is skipped (48h)"},
        },
        "flow",
    )


def _waits() -> Schema:
    weekday: Schema = {"type": "string", "pattern": f"^({'|'.join(WEEKDAYS)})[a-z]*$"}
    at = {"for": PERIOD, "time": CLOCK, "on": one_or_more(weekday)}
    event = mapping({"until": one_or_more(EVENT), "at_most": PERIOD}, "until", "at_most")
    return _step({"wait": {"oneOf": [PERIOD, event, mapping(at, minProperties=1)]}}, "wait")


def _changes() -> Schema:
    value: Schema = {"anyOf": [SCALAR, {"type": "null"}, {"type": "array", "items": SCALAR}]}
    fields: Schema = {
        "type": "object",
        "properties": {key: {"type": ["string", "null"]} for key in SETTABLE},
        "patternProperties": {f"^{ATTRIBUTE[:-1]}\\..": value},
        "additionalProperties": False,
    }
    tags = one_or_more(NAME)
    return {**_step({"set": fields, "tag": tags, "untag": tags, "stage": NAME}),
            "anyOf": [{"required": [key]} for key in ("set", "tag", "untag", "stage")]}  # fmt: skip


def definitions() -> Schema:
    """``$defs`` of a campaign: any step, those done at once, and what ``on_answer`` may do."""
    steps: Schema = {"type": "array", "items": STEP}
    arm = mapping({"when": WHEN, "steps": steps}, "when", "steps")
    gift = {"oneOf": [mapping({"points": {"type": "integer", "minimum": 1}}, "points"),
                      mapping({"voucher": NAME}, "voucher")]}  # fmt: skip
    queue: Schema = {"oneOf": [{"const": True}, NAME]}
    action: Schema = {
        "oneOf": [
            _step({"handoff": {**queue, "description": "the desk's queue"}, **_QUOTA}, "handoff"),
            _step({"task": {**NAME, "examples": ["call"]}, "due": PERIOD, **_QUOTA}, "task"),
            _changes(),
            _step({"give": gift, "reason": TEXT}, "give"),
            _step({"webhook": {"type": "string", "pattern": "^https?://"}, "data": {"type": "object"}}, "webhook"),
        ]
    }
    branch: Schema = {
        "type": "array",
        "items": {"oneOf": [arm, mapping({"else": steps}, "else")]},
        "contains": arm,
    }
    step: Schema = {
        "oneOf": [
            _sends(),
            _flows(),
            _waits(),
            _step({"branch": branch}, "branch"),
            _step({"end": {"type": ["boolean", "string"], "description": "the journey ends here; why"}}, "end"),
            {"$ref": "#/$defs/action"},
        ]
    }
    answered: Schema = {"oneOf": [{"$ref": "#/$defs/action"}, _step({"flow": NAME}, "flow")]}
    return {"step": step, "action": action, "answered": answered}
