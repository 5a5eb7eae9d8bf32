"""Outcomes of a send, as values: what dispatch records, and what a worker's journal keeps across a crash."""

from enum import StrEnum
from typing import Any

from core.errors import ChannelFault, PermanentFailure, SendFailure, TransientFailure
from core.values import value


class OutcomeKind(StrEnum):
    """What became of one attempt."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@value(frozen=True, slots=True)
class Outcome:
    """One attempt's end.

    ``retry_after`` (seconds) and ``moved_to`` (the recipient's new address) are for ``not_sent`` only.
    ``kind_of_failure`` is a ``PermanentKind``, for ``rejected``.
    """

    kind: OutcomeKind
    provider_id: str = ""
    code: str = ""
    detail: str = ""
    kind_of_failure: str = ""
    retry_after: float | None = None
    moved_to: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "provider_id": self.provider_id,
            "code": self.code,
            "detail": self.detail,
            "kind_of_failure": self.kind_of_failure,
            "retry_after": self.retry_after,
            "moved_to": self.moved_to,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Outcome":
        return cls(**{**data, "kind": OutcomeKind(data["kind"])})


def outcome_of(failure: Exception) -> Outcome:
    """The outcome that an adapter's exception means; anything unforeseen after the start is *unknown*."""
    match failure:
        case TransientFailure():
            return Outcome(
                OutcomeKind.NOT_SENT,
                code=failure.code,
                detail=failure.detail,
                retry_after=failure.retry_after,
                moved_to=failure.moved_to,
            )
        case PermanentFailure():
            return Outcome(
                OutcomeKind.REJECTED, code=failure.code, detail=failure.detail, kind_of_failure=failure.kind.value
            )
        case ChannelFault():
            return Outcome(OutcomeKind.NOT_SENT, code=failure.code, detail=failure.detail)
        case SendFailure():
            return Outcome(OutcomeKind.UNKNOWN, code=failure.code, detail=failure.detail)
        case _:
            return Outcome(OutcomeKind.UNKNOWN, detail=f"{type(failure).__name__}: {failure}"[:500])
