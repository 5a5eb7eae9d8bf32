"""The schemas of ``otklik.yaml`` and ``offers.yaml``."""

from campaigns.schemas.parts import (
    AMOUNT,
    BUDGET,
    CHANNEL,
    COUNTRY,
    CURRENCY,
    DAY,
    HOURS,
    NAME,
    PERIOD,
    SHARE,
    TEXT,
    Schema,
    mapping,
    one_or_more,
)
from campaigns.workspace.desk import ASSIGNMENTS, PRIORITIES
from campaigns.workspace.offers import KINDS
from campaigns.workspace.values import WEEKDAYS
from core.installed import channel_names

_COUNT: Schema = {"type": "integer", "minimum": 0}
_WEEKDAY: Schema = {"type": "string", "pattern": f"^({'|'.join(WEEKDAYS)})[a-z]*$"}
_PRICE: Schema = {"type": ["number", "string"], "description": "the most that one message may cost"}


def workspace() -> Schema:
    """``otklik.yaml``."""
    brand = mapping({"name": TEXT, "url": {"type": "string", "pattern": "^https?://"}, "postal_address": TEXT}, "name")
    return mapping(
        {
            "brand": brand,
            "zone": {"type": "string", "examples": ["Europe/London"]},
            "locale": {"type": "string", "examples": ["en-GB"]},
            "currency": CURRENCY,
            "sending_hours": HOURS,
            "no_send": _no_send(),
            "attribution_window": PERIOD,
            "channels": mapping({channel: {"oneOf": [_policy(), {"type": "null"}]} for channel in channel_names()}),
            "caps": _caps(),
            "budgets": {
                "type": "object", "propertyNames": NAME, "additionalProperties": {"oneOf": [AMOUNT, BUDGET]},
            },
            "rates": _rates(),
            "holdout": {**SHARE, "description": "customers who hear no marketing at all, to compare with"},
            "staff": _staff(),
            "desk": _desk(),
            "utm": {"oneOf": [{"type": "boolean"}, mapping({"source": TEXT, "medium": TEXT})]},
            "mode": {"enum": ["live", "allowlist"]},
            "allowlist": one_or_more({"type": ["string", "integer"]}),
            "approval": {"type": "boolean", "description": "apply needs another person's yes"},
            "consent_document": {**TEXT, "description": "the version of the text that who writes START agrees to"},
            "topics": {
                "type": "object", "propertyNames": NAME,
                "additionalProperties": {"oneOf": [TEXT, {"type": "object", "additionalProperties": TEXT}]},
            },
        },
        "brand",
    )  # fmt: skip


def _policy() -> Schema:
    return mapping(
        {
            "account": NAME,
            "price": _PRICE,
            "prices": {"type": "object", "propertyNames": COUNTRY, "additionalProperties": _PRICE},
            "currency": CURRENCY,
            "countries": one_or_more(COUNTRY),
            "on_unknown": {"enum": ["hold", "reconcile"]},
        }
    )


def _caps() -> Schema:
    short = {"type": "string", "pattern": r"^\d{1,5} */ *\d{0,5} *(s|m|h|d|w|mo|y|day|week|month|year)$",
             "examples": ["3/week", "1/d"]}  # fmt: skip
    long = mapping({"max": {"type": "integer", "minimum": 1}, "per": PERIOD, "channel": CHANNEL}, "max", "per")
    return one_or_more({"oneOf": [short, long]})


def _rates() -> Schema:
    rate: Schema = {
        "type": "object",
        "properties": {"from": DAY},
        "patternProperties": {"^[A-Z]{3}$": {"type": ["number", "string"]}},
        "additionalProperties": False,
        "required": ["from"],
        "minProperties": 2,
    }
    return {"type": "array", "items": rate, "minItems": 1, "description": "what one unit is worth, from a day on"}


def _no_send() -> Schema:
    def by_country(item: Schema) -> Schema:
        keys = {"anyOf": [COUNTRY, {"const": "*"}]}
        listed = one_or_more(item)
        return {"anyOf": [listed, {"type": "object", "propertyNames": keys, "additionalProperties": listed}]}

    return mapping({"weekdays": by_country(_WEEKDAY), "days": by_country(DAY)})


def _staff() -> Schema:
    return mapping(
        {
            "agents": _COUNT,
            "answers_per_hour": _COUNT,
            "hours": HOURS,
            "weekdays": one_or_more(_WEEKDAY),
            "holidays": one_or_more(DAY),
            "reply_rate": SHARE,
        }
    )


def _desk() -> Schema:
    queue = mapping(
        {
            "answer": {**PERIOD, "description": "a first answer comes within it, in working time"},
            "resolve": {**PERIOD, "description": "it is done within it, in working time"},
            "priority": {"enum": list(PRIORITIES)},
        }
    )
    return mapping(
        {
            "queues": {
                "type": "object", "propertyNames": NAME, "additionalProperties": {"oneOf": [queue, {"type": "null"}]},
            },
            "assignment": {"enum": list(ASSIGNMENTS)},
            "sticky": {**PERIOD, "description": "who comes back within it gets the agent they had"},
            "patience": {**PERIOD, "description": "how long a customer waits while nobody is online"},
            "nobody": {"enum": ["bot", "wait"]},
            "reopen": {**PERIOD, "description": "who writes so soon after the end comes back to people"},
            "vip": {**NAME, "description": "a segment whose customers go first"},
            "human": one_or_more(TEXT),
            "angry": {
                "anyOf": [
                    one_or_more(TEXT),
                    # none of a language: its built-in words are switched off
                    {"type": "object", "additionalProperties": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}},
                ]
            },
            "rating": {"anyOf": [NAME, {"type": "boolean"}], "description": "the flow that asks after a chat, or off"},
            "rating_every": {**PERIOD, "description": "each customer is asked once in so long"},
            "close_after": {**PERIOD, "description": "the bot's own conversations are over after such a silence"},
            "reopen_within": {**PERIOD, "description": "who writes so soon goes on in the same conversation"},
            "alerts": {"type": "boolean", "description": "tell agents in their own Telegram of broken promises"},
        }
    )  # fmt: skip


def offers() -> Schema:
    """``offers.yaml``."""
    offer = mapping(
        {
            "title": TEXT,
            "product": {**NAME, "description": "one grant a customer and product; by default the offer's name"},
            "codes": {"enum": list(KINDS)},
            "code": {"type": ["string", "number"]},
            "valid": PERIOD,
            "low_stock": _COUNT,
        }
    )
    return {"type": "object", "propertyNames": NAME, "additionalProperties": offer}
