"""The engine's cases: files of (campaign, journey, facts, now) → (journey, effects). A step kind without any fails."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
import yaml

from campaigns import definition as definitions
from campaigns.definition import CampaignDefinition, Leg, SendingHours, SendStep
from campaigns.engine import (
    Effect,
    Facts,
    IdentityFacts,
    Journey,
    MessageFacts,
    Note,
    Reschedule,
    SendMessage,
    SkipMessage,
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
    {"name", "steps", "purpose", "zone", "hours", "identities", "countries", "journey", "message", "now", "expect"}
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
    return SendStep(id=given["id"], **legs, **periods, **until)


STEPS = {"send": _send}


def _definition(case: dict[str, Any]) -> CampaignDefinition:
    steps = tuple(STEPS[step.get("kind", "send")](step) for step in case["steps"])
    return CampaignDefinition(
        name="case", audience="all", steps=steps, purpose=Purpose(case.get("purpose", "marketing"))
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
    )


def _shown(effect: Effect, expected: dict[str, Any]) -> dict[str, Any]:
    """An effect in the words of the cases; the identity only where the case names it."""
    match effect:
        case SendMessage():
            assert effect.send_at == effect.not_before
            shown = {"step": effect.step, "leg": effect.leg, "channel": effect.channel}
            shown |= {"at": effect.send_at, "until": effect.not_after}
            if "identity" in expected.get("send", {}):
                shown["identity"] = effect.identity_id
            return {"send": shown}
        case Reschedule():
            assert effect.send_at == effect.not_before
            return {"reschedule": {"at": effect.send_at, "until": effect.not_after}}
        case SkipMessage():
            return {"skip": effect.reason}
        case Note():
            fields = {"event": effect.event, "step": effect.step, "leg": effect.leg, "detail": effect.detail}
            return {"note": {name: value for name, value in fields.items() if value}}


def _aware(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _aware(inner) for name, inner in value.items()}
    return _instant(value) if isinstance(value, datetime) else value


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    known = {
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
    }
    assert not case.keys() - known, "a word that the cases do not have"
    given = case.get("journey", {})
    state = EnrolmentState(given.get("state", "waiting"))
    now = _instant(case["now"])
    journey = Journey(state, given.get("step", ""), given.get("leg", ""), now)
    decision = decide(_definition(case), journey, _facts(case), now)
    expected = case["expect"]
    wanted = {"state": "waiting", "leg": "", "due": None, **_aware(expected["journey"])}
    got = decision.journey
    assert {"state": got.state.value, "step": got.step, "leg": got.leg, "due": got.due_at} == wanted
    expectations = expected["effects"]
    padded = [*expectations, *({} for _ in decision.effects)]
    shown = [_shown(effect, padded[n]) for n, effect in enumerate(decision.effects)]
    assert shown == [_aware(each) for each in expectations]


def test_every_kind_of_step_has_cases() -> None:
    used = {step.get("kind", "send") for case in CASES for step in case.values[0]["steps"]}
    assert used == set(KINDS) == set(STEPS)
