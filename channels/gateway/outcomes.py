"""What a gateway's answer to a send means: its own table first, then what HTTP itself says. Pure."""

from collections.abc import Mapping
from http import HTTPStatus

from channels.gateway.description import Answers, Rule
from channels.gateway.finding import data_of, found
from core.errors import (
    ChannelFault,
    PermanentFailure,
    PermanentKind,
    SendFailure,
    TransientFailure,
    UnknownOutcome,
)
from core.messages import Receipt
from core.text import clipped


def interpret(
    answers: Answers, status: int, headers: Mapping[str, str], body: str, *, gateway: str
) -> Receipt | SendFailure | ChannelFault:
    """The one outcome of an answer: the first rule that fits decides.

    Without one: 429 was not processed, 5xx proves nothing, 401, 403 and 404 are about the account, any other refusal
    about the message; and 2xx is accepted only with an id, for what has none can never be heard of again.
    """
    data = data_of(body)
    id_ = found(answers.id, body, data)
    words = found(answers.words, body, data) if answers.words is not None else ""
    rule = next((rule for rule in answers.rules if _fits(rule, status, body, data)), None)
    detail = clipped(": ".join(part for part in (rule.words if rule else "", words) if part) or _said(status), 300)
    code = (found(rule.at, body, data) if rule is not None and rule.at is not None else "") or str(status)
    outcome = rule.outcome if rule is not None else _by_http(status, has_id=bool(id_))
    match outcome:
        case "accepted" if id_:
            return Receipt(id_)
        case "accepted":
            return UnknownOutcome(f"{gateway} took the message and gave it no id", code=code)
        case "transient":
            after = rule.after if rule is not None and rule.after is not None else _retry_after(headers)
            return TransientFailure(detail, code=code, retry_after=after)
        case "permanent":
            return PermanentFailure(rule.kind if rule is not None else PermanentKind.REJECTED, detail, code=code)
        case "fault":
            return ChannelFault(f"{gateway} refuses this account ({code}): {detail}", code=code)
        case _:
            return UnknownOutcome(f"{gateway} answered {status}: {detail}", code=code)


def _fits(rule: Rule, status: int, body: str, data: object) -> bool:
    if rule.statuses and status not in rule.statuses:
        return False
    if rule.at is None:
        return True
    value = found(rule.at, body, data)
    return value in rule.values if rule.values else bool(value)


def _by_http(status: int, *, has_id: bool) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "transient"
    if status in (401, 403, 404, 405) or 300 <= status < 400:
        return "fault"
    if 400 <= status < 500:
        return "permanent"
    return "accepted" if 200 <= status < 300 and has_id else "unknown"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    stated = headers.get("Retry-After", "")
    return float(stated) if stated.isascii() and stated.isdigit() and len(stated) < 7 else None


def _said(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
