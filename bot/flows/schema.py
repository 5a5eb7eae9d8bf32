"""The JSON Schema (draft 2020-12) of a file under ``flows/``, for editors. The reader decides, this helps typing."""

from bot.flows.asking import MAX_CHOICES
from bot.flows.definition import ANSWER_TYPES, COMPARISONS, PRIORITIES
from bot.flows.rehearsing import OUTCOMES
from campaigns.schemas.parts import CHANNEL, NAME, PERIOD, SCALAR, TEXT, Schema, mapping, one_or_more
from campaigns.workspace.actions import SETTABLE

_BY_LANGUAGE: Schema = {"type": "object", "additionalProperties": TEXT, "minProperties": 1}
_WORDS: Schema = {
    "description": "a text, one a language, or a template of the folder's",
    "anyOf": [TEXT, mapping({"template": NAME}, "template"), _BY_LANGUAGE],
}
_LABEL: Schema = {"description": "words a customer may type", "anyOf": [TEXT, {"type": "number"}, _BY_LANGUAGE]}
_TARGET: Schema = {**NAME, "description": "the id of a step, end or human"}
_DATA: Schema = {"type": "object", "description": "texts in it are templates"}
_WHEN: Schema = {"$ref": "#/$defs/condition"}
_TRUE: Schema = {"const": True}


def flow_schema() -> Schema:
    """The whole file."""
    made = mapping(
        {
            "flow": {**NAME, "description": "its name; never change it"},
            "description": TEXT,
            "on": _triggers(),
            "timeout": {**PERIOD, "description": "how long a question waits; 24h unless said"},
            "menu": {**_TARGET, "description": "where the word menu leads; the first step unless said"},
            "human": {
                "description": "how the word human hands over",
                "anyOf": [NAME, mapping({"queue": NAME, "note": TEXT, "priority": {"enum": list(PRIORITIES)}})],
            },
            "subject": _LABEL,
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1},
            "tests": {"description": "played by otklik check --tests", "type": "array", "items": _test()},
        },
        "flow",
        "steps",
        **{"$defs": {"step": _step(), "condition": _condition()}},
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Otklik flow", **made}


def _triggers() -> Schema:
    words = {"type": "string", "minLength": 1, "maxLength": 40}
    listed = one_or_more(words)
    return mapping(
        {
            "words": {"anyOf": [listed, {"type": "object", "additionalProperties": listed}]},
            "start": one_or_more({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
            "button": one_or_more(TEXT),
            "event": one_or_more(NAME),
            "default": {"type": "boolean", "description": "takes what no other flow takes"},
        }
    )


def _step() -> Schema:
    every: Schema = {"id": NAME, "when": _WHEN, "then": _TARGET}
    button = mapping({"label": _LABEL, "url": TEXT, "value": TEXT}, "label")
    names = one_or_more(NAME)
    kinds = [
        mapping({"say": _WORDS, "buttons": {"type": "array", "items": button, "maxItems": 10}, **every}, "say"),
        _ask(every),
        mapping({"branch": {"type": "array", "items": _way(), "minItems": 1}, "id": NAME, "when": _WHEN}, "branch"),
        mapping(
            {"set": _settings(), "tag": names, "untag": names, "stage": NAME, **every},
            anyOf=[{"required": [key]} for key in ("set", "tag", "untag", "stage")],
        ),
        mapping({"event": NAME, "data": _DATA, **every}, "event"),
        mapping(
            {"webhook": {"type": "string", "pattern": "^https?://"}, "data": _DATA, "timeout": PERIOD, "into": NAME,
             "failed": _TARGET, **every},
            "webhook",
        ),
        mapping({"start": {**NAME, "description": "a campaign"}, **every}, "start"),
        mapping({"answer": {"anyOf": [_TRUE, TEXT]}, "unknown": _TARGET, **every}, "answer"),
        mapping(
            {"handoff": {"anyOf": [_TRUE, NAME]}, "note": TEXT, "priority": {"enum": list(PRIORITIES)}, "id": NAME,
             "when": _WHEN},
            "handoff",
        ),
        mapping({"end": _TRUE, "id": NAME, "when": _WHEN}, "end"),
    ]  # fmt: skip
    return {"oneOf": kinds}


def _ask(every: Schema) -> Schema:
    range_ = {"type": "string", "pattern": r"^\d{1,3}\.\.\d{1,3}$", "examples": ["0..10"]}
    choices: Schema = {
        "type": "object", "propertyNames": NAME, "additionalProperties": _LABEL, "maxProperties": MAX_CHOICES,
        "minProperties": 1,
    }  # fmt: skip
    limits = mapping({"from": SCALAR, "to": SCALAR, "shortest": SCALAR, "longest": SCALAR, "like": TEXT})
    by_choice = {"type": "object", "additionalProperties": _TARGET}
    return mapping(
        {
            **every,
            "ask": {**NAME, "description": "the variable that the answer becomes: answers.NAME"},
            "say": _WORDS,
            "type": {"enum": list(ANSWER_TYPES)},
            "choices": {"anyOf": [range_, choices]},
            "validate": limits,
            "again": _WORDS,
            "tries": {"type": "integer", "minimum": 1, "maximum": 20},
            "not_understood": _TARGET,
            "timeout": PERIOD,
            "no_answer": _TARGET,
            "prove": {"type": "boolean", "description": "send a code to the address, and wait until it is said"},
            "then": {"anyOf": [_TARGET, by_choice]},
        },
        "ask",
        "say",
    )


def _way() -> Schema:
    steps = {"type": "array", "items": {"$ref": "#/$defs/step"}}
    return {
        "oneOf": [
            mapping({"when": _WHEN, "then": _TARGET}, "when", "then"),
            mapping({"when": _WHEN, "steps": steps}, "when", "steps"),
            mapping({"else": {"anyOf": [_TARGET, steps]}}, "else"),
        ]
    }


def _settings() -> Schema:
    fields: Schema = {f"customer.{column}": {} for column in SETTABLE}
    own: Schema = {r"^answers\.[a-z0-9][a-z0-9_-]*$": {}, r"^customer\.attributes\..+$": {}}
    return {"type": "object", "properties": fields, "patternProperties": own, "additionalProperties": False}


def _condition() -> Schema:
    words: Schema = dict.fromkeys(COMPARISONS, SCALAR)
    words |= {"in": {"type": "array"}, "not_in": {"type": "array"}, "is_set": {"type": "boolean"}}
    compared = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR}, mapping(words, minProperties=1)]}
    again: Schema = {"$ref": "#/$defs/condition"}
    parts = {
        "segment": one_or_more(NAME), "tag": one_or_more(NAME), "any": {"type": "array", "items": again}, "not": again,
    }  # fmt: skip
    tests = {r"^(answers|customer)\..+$": compared}
    by_parts = {
        "type": "object", "properties": parts, "patternProperties": tests, "additionalProperties": False,
        "minProperties": 1,
    }  # fmt: skip
    return {"anyOf": [{**NAME, "description": "a segment"}, by_parts]}


def _test() -> Schema:
    chat = {
        "oneOf": [mapping({deed: SCALAR}, deed) for deed in ("customer", "press", "file", "bot")]
        + [mapping({"wait": PERIOD}, "wait")]
    }
    return mapping(
        {
            "test": TEXT, "channel": CHANNEL, "locale": TEXT, "given": {"type": "object"},
            "webhooks": {"type": "object", "description": "what each webhook step answers; failed: nothing"},
            "knows": {"type": "boolean", "description": "whether the answers bot knows an answer"},
            "chat": {"type": "array", "items": chat, "minItems": 1}, "outcome": {"enum": list(OUTCOMES)},
            "answers": {"type": "object"}, "events": one_or_more(TEXT), "tags": one_or_more(TEXT),
            "starts": one_or_more(TEXT),
        },
        "chat",
    )  # fmt: skip
