"""The engine's cases: files of (campaign, journey, facts, now) → (journey, effects). A step kind without any fails."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
import yaml
from pydantic import TypeAdapter

from campaigns import definition as definitions
from campaigns.definition import CampaignDefinition, Cap, Leg, NoSendDays, Offer, SendingHours, SendStep
from campaigns.engine import (
    ChangeCustomer,
    ChannelHistory,
    Command,
    CreateTask,
    Effect,
    Facts,
    Follow,
    GrantFacts,
    GrantOffer,
    IdentityFacts,
    Journey,
    MessageFacts,
    Note,
    Price,
    RecordEvent,
    Reschedule,
    SendMessage,
    Sent,
    SkipMessage,
    Standstill,
    TakeQuota,
    decide,
)
from campaigns.periods import Period
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import CHANNELS
from core.purposes import Purpose

FOLDER = Path(__file__).parent / "cases"
KINDS = [step.model_fields["kind"].default for step in get_args(get_args(definitions.Step)[0])]

WORDS = frozenset(
    {
        "name",
        "steps",
        "purpose",
        "zone",
        "hours",
        "identities",
        "countries",
        "journey",
        "message",
        "now",
        "expect",
        "facts",
        "budget",
        "offer",
    }
)


def _cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text()):
            found.append(pytest.param(case, id=f"{path.stem}: {case['name']}"))
    return found


CASES = _cases()


def _instant(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _send(given: dict[str, Any]) -> SendStep:
    legs = {name: Leg(channel=given[name], template="t") if name in given else None for name in ("main", "otherwise")}
    periods = {name: Period.parse(given[name]) for name in ("wait", "expires") if name in given}
    until = {"until": frozenset(given["until"])} if "until" in given else {}
    return SendStep(id=given["id"], **legs, **periods, **until, flow=given.get("flow"))


_ANY_STEP: TypeAdapter[Any] = TypeAdapter(definitions.Step)


def _step(given: dict[str, Any]) -> Any:
    """A send in the cases' short form; every other kind as it is stored, and a send too that says ``kind``."""
    return _ANY_STEP.validate_python(given) if "kind" in given else _send(given)


def _definition(case: dict[str, Any]) -> CampaignDefinition:
    return CampaignDefinition(
        name="case",
        audience="all",
        steps=tuple(_step(step) for step in case["steps"]),
        purpose=Purpose(case.get("purpose", "marketing")),
        **{name: case[name] for name in ("budget", "offer") if name in case},
    )


def _facts(case: dict[str, Any]) -> Facts:
    identities = case.get("identities", [{"channel": channel} for channel in CHANNELS])
    given = case.get("message")
    message = None
    if given:
        instants = {name: _instant(given.get(name)) for name in ("planned_at", "send_at", "not_after", "sent_at")}
        instants["planned_at"] = instants["planned_at"] or instants["send_at"]
        instants["not_after"] = instants["not_after"] or instants["send_at"]
        message = MessageFacts(id="m", state=MessageState(given["state"]), reason=given.get("reason", ""), **instants)
    return Facts(
        zone=ZoneInfo(case.get("zone", "Europe/London")),
        sending_hours=SendingHours(**case.get("hours", {})),
        identities=tuple(
            IdentityFacts(**{"id": f"{n}", "consented": True, **identity}) for n, identity in enumerate(identities)
        ),
        message=message,
        countries={channel: frozenset(names) for channel, names in case.get("countries", {}).items()},
        **_around(case.get("facts", {})),
    )


def _around(given: dict[str, Any]) -> dict[str, Any]:
    """The rest of the facts, from their short forms."""
    known: dict[str, Callable[[Any], Any]] = {
        "conditions": dict,
        "live_chat": bool,
        "listed": bool,
        "quiet_until": _instant,
        "tomorrow": _instant,
        "money_left": int,
        "codes_left": dict,
        "quota_left": dict,
        "attributes": dict,
        "country": str,
        "no_send": NoSendDays.model_validate,
        "caps": lambda caps: tuple(Cap.model_validate(cap) for cap in caps),
        "sent": lambda sent: tuple(
            Sent(one.get("id", str(n)), one["channel"], _instant(one["at"])) for n, one in enumerate(sent)
        ),
        "beside": lambda beside: tuple(
            MessageFacts(
                str(n), MessageState(one["state"]), *[_instant(one["at"])] * 3, channel=one["leg"], leg=one["leg"]
            )
            for n, one in enumerate(beside)
        ),
        "pauses": lambda pauses: tuple(
            Standstill(_instant(one["from"]), _instant(one["to"]), one.get("drops", False)) for one in pauses
        ),
        "grants": lambda grants: tuple(GrantFacts(one["offer"], one["product"], one.get("by")) for one in grants),
        "offers": lambda offers: {name: Offer(name=name, **offer) for name, offer in offers.items()},
        "history": lambda history: {channel: ChannelHistory(*numbers) for channel, numbers in history.items()},
    }
    prices = given.get("prices")
    made = {name: known[name](value) for name, value in given.items() if name != "prices"}
    if prices is not None:
        made["price_of"] = lambda channel, _identity, _template: Price(prices.get(channel, 0))
    return made


def _shown(effect: Effect, expected: dict[str, Any]) -> dict[str, Any]:
    """An effect in the words of the cases; the identity only where the case names it."""
    match effect:
        case SendMessage():
            assert effect.send_at == effect.not_before
            shown = {"step": effect.step, "leg": effect.leg, "channel": effect.channel}
            shown |= {"at": effect.send_at, "until": effect.not_after}
            told = expected.get("send", {})
            optional = {"identity": effect.identity_id, "price": effect.price_micros, "template": effect.template}
            return {"send": shown | {name: value for name, value in optional.items() if name in told}}
        case Reschedule():
            assert effect.send_at == effect.not_before
            return {"reschedule": {"at": effect.send_at, "until": effect.not_after}}
        case SkipMessage():
            return {"skip": effect.reason}
        case Note():
            fields = {"event": effect.event, "step": effect.step, "leg": effect.leg, "detail": effect.detail}
            return {"note": {name: value for name, value in fields.items() if value}}
        case GrantOffer():
            return {"grant": effect.offer}
        case ChangeCustomer():
            fields = {"fields": dict(effect.fields), "tag": list(effect.tag), "untag": list(effect.untag)}
            return {"change": {name: value for name, value in (fields | {"stage": effect.stage}).items() if value}}
        case RecordEvent():
            return {"record": {"event": effect.name, **effect.properties}}
        case CreateTask():
            return {"task": {"kind": effect.kind, "due": effect.due_at}}
        case Command():
            return {"command": {"kind": effect.kind, **effect.payload}}
        case TakeQuota():
            return {"quota": effect.step}
        case Follow():
            return {"follow": effect.message_id}


def _aware(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _aware(inner) for name, inner in value.items()}
    return _instant(value) if isinstance(value, datetime) else value


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    assert not case.keys() - WORDS, "a word that the cases do not have"
    given = case.get("journey", {})
    state = EnrolmentState(given.get("state", "waiting"))
    now = _instant(case["now"])
    journey = Journey(
        state, given.get("step", ""), given.get("leg", ""), _instant(given.get("due", now)),
        _instant(given.get("since")), variant=given.get("variant", ""), ghost=given.get("ghost", False), id="me",
    )  # fmt: skip
    decision = decide(_definition(case), journey, _facts(case), now)
    expected = case["expect"]
    wanted = {"state": "waiting", "leg": "", "due": None, **_aware(expected["journey"])}
    got = decision.journey
    shown_journey = {"state": got.state.value, "step": got.step, "leg": got.leg, "due": got.due_at}
    optional = {"reason": got.reason, "since": got.step_at}
    assert shown_journey | {name: value for name, value in optional.items() if name in wanted} == wanted
    expectations = expected["effects"]
    padded = [*expectations, *({} for _ in decision.effects)]
    shown = [_shown(effect, padded[n]) for n, effect in enumerate(decision.effects)]
    assert shown == [_aware(each) for each in expectations]


def test_every_kind_of_step_has_cases() -> None:
    used = {step.get("kind", "send") for case in CASES for step in case.values[0]["steps"]}
    assert used == set(KINDS)
