"""What can come of an attempt, by the name that a rule draws."""

from collections.abc import Callable

from core.errors import PermanentKind
from core.outcomes import Outcome, OutcomeKind


def not_sent(detail: str = "busy") -> Outcome:
    return Outcome(OutcomeKind.NOT_SENT, detail=detail, retry_after=0.0)


def _rejected(kind: PermanentKind) -> Outcome:
    return Outcome(OutcomeKind.REJECTED, code="550", detail="no", kind_of_failure=kind.value)


MADE: dict[str, Callable[[str], Outcome]] = {
    "accepted": lambda id_: Outcome(OutcomeKind.ACCEPTED, provider_id=f"p-{id_}"),
    "taken, no answer": lambda _: Outcome(OutcomeKind.UNKNOWN, detail="silence"),
    "lost, no answer": lambda _: Outcome(OutcomeKind.UNKNOWN, detail="silence"),
    "busy": lambda _: not_sent(),
    "content refused": lambda _: _rejected(PermanentKind.CONTENT_REFUSED),
    "bad address": lambda _: _rejected(PermanentKind.BAD_ADDRESS),
}
OUTCOMES = (*MADE, "stale", "death before the socket", "death after acceptance")
