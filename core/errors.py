"""Errors: what can go wrong, told apart by what may be done next.

A failure to send is *transient* (proven not sent, try again), *permanent* (never try this again) or of *unknown
outcome* (may have been delivered: held and shown, never sent again by itself). A wrong configuration stands outside
that family, so that no send loop swallows it.
"""

from enum import StrEnum


class OtklikError(Exception):
    """Base of every error that is for a person: its text says what is wrong and what to do."""


class ConfigurationError(OtklikError):
    """A setting, credential or account is wrong; trying again without a person is useless."""


class Refused(OtklikError):
    """A request that the present state does not allow, such as settling a message that is not unknown.

    ``name`` and ``values`` are its words in the catalogue (``desk.refused_…``), where people of the desk may read it.
    """

    def __init__(self, words: str, *, name: str = "", **values: object) -> None:
        super().__init__(words)
        self.name = name
        self.values = values


class StoreUnavailable(OtklikError):
    """The database cannot be reached or is locked: nobody's fault, to be tried again.

    Nothing was written, unless the connection broke in the very commit: what is tried again must bear that.
    """


class TransactionLost(StoreUnavailable):
    """The database is there, but this transaction lost against another or took too long: rolled back, try again."""


class PermanentKind(StrEnum):
    """Why a send can never succeed as it stands."""

    OPTED_OUT = "opted_out"  # the provider says that the person refused us
    BAD_ADDRESS = "bad_address"  # no such mailbox, number or chat
    BLOCKED = "blocked"  # the person blocked this sender
    CONTENT_REFUSED = "content_refused"  # the provider will not carry this text
    UNSUPPORTED = "unsupported"  # the channel cannot carry this kind of message
    COUNTRY_UNSERVED = "country_unserved"  # the channel does not reach this country
    WINDOW_CLOSED = "window_closed"  # WhatsApp: free text outside the 24 hours
    REJECTED = "rejected"  # refused for another reason that will not pass


ENDS_REACHABILITY = frozenset(
    {PermanentKind.BAD_ADDRESS, PermanentKind.BLOCKED, PermanentKind.OPTED_OUT, PermanentKind.COUNTRY_UNSERVED}
)


class SendFailure(OtklikError):
    """A message was not accepted, as far as we know. ``code`` is the provider's own."""

    def __init__(self, detail: str, *, code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class TransientFailure(SendFailure):
    """Proven not sent; may be tried again after ``retry_after`` seconds (None: by our own back-off).

    ``moved_to`` is the address under which the provider says this recipient is reached from now on.
    """

    def __init__(self, detail: str, *, code: str = "", retry_after: float | None = None, moved_to: str = "") -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after
        self.moved_to = moved_to


class ProviderAway(TransientFailure):
    """Nobody takes a connection: nothing about this message, and the next one would fare no better."""


class PermanentFailure(SendFailure):
    """Refused for good."""

    def __init__(self, kind: PermanentKind, detail: str, *, code: str = "") -> None:
        super().__init__(detail, code=code)
        self.kind = kind


class UnknownOutcome(SendFailure):
    """The provider may or may not have taken it: a read time-out, a dropped connection after the data, a 5xx."""


class ChannelFault(ConfigurationError):
    """The whole channel cannot send (wrong token, sender not allowed); the message at hand was proven not sent."""

    def __init__(self, detail: str, *, code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
