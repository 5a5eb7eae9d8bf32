"""Purposes: what a message is for, hence which consent it needs."""

from enum import StrEnum


class Purpose(StrEnum):
    """Why we write."""

    MARKETING = "marketing"  # needs consent
    TRANSACTIONAL = "transactional"  # an event of the customer's own
    CONVERSATION = "conversation"  # answers someone who wrote; survives a marketing opt-out
    SERVICE = "service"  # one confirmation of a stop, a proof code
    STAFF = "staff"  # to our own people


def topic_of(topic: str) -> str:
    """The purpose under which a customer refuses one topic (its campaigns') and no other marketing."""
    return f"{TOPIC}{topic}"


TOPIC = f"{Purpose.MARKETING.value}/"
NEEDS_CONSENT = frozenset({Purpose.MARKETING})
