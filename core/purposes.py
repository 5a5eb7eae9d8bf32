"""Purposes: what a message is for, hence which consent it needs."""

from enum import StrEnum


class Purpose(StrEnum):
    """Why we write."""

    MARKETING = "marketing"  # needs consent
    TRANSACTIONAL = "transactional"  # an event of the customer's own
    CONVERSATION = "conversation"  # answers someone who wrote; survives a marketing opt-out
    SERVICE = "service"  # one confirmation of a stop, a proof code
    STAFF = "staff"  # to our own people


NEEDS_CONSENT = frozenset({Purpose.MARKETING})
