"""Twilio's error codes and what each means for us.

Source: https://www.twilio.com/docs/api/errors (read 2026-11). One table serves both moments: the answer to a send, and
a status callback that says failed or undelivered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.errors import ChannelFault, PermanentFailure, PermanentKind, SendFailure, TransientFailure, UnknownOutcome
from core.text import clipped


@dataclass(frozen=True, slots=True)
class Meaning:
    """``outcome`` of a send answered with the code; ``kind`` is why, for a permanent one."""

    outcome: Literal["permanent", "transient", "fault"]
    words: str
    kind: PermanentKind = PermanentKind.REJECTED


def _never(kind: PermanentKind, words: str) -> Meaning:
    return Meaning("permanent", words, kind)


def _later(words: str) -> Meaning:
    return Meaning("transient", words)


def _fault(words: str) -> Meaning:
    return Meaning("fault", words)


_K = PermanentKind

CODES: Mapping[int, Meaning] = {
    # consent
    21610: _never(_K.OPTED_OUT, "the recipient sent STOP to this sender"),
    63033: _never(_K.OPTED_OUT, "the recipient blocked or refused this business on WhatsApp"),
    # address
    21211: _never(_K.BAD_ADDRESS, "not a valid number"),
    21604: _never(_K.BAD_ADDRESS, "no number to send to"),
    21614: _never(_K.BAD_ADDRESS, "not a mobile number"),
    21635: _never(_K.BAD_ADDRESS, "a landline"),
    30005: _never(_K.BAD_ADDRESS, "unknown handset"),
    30006: _never(_K.BAD_ADDRESS, "landline or unreachable carrier"),
    63003: _never(_K.BAD_ADDRESS, "no WhatsApp at this number"),
    63024: _never(_K.BAD_ADDRESS, "not a valid WhatsApp recipient"),
    63031: _never(_K.BAD_ADDRESS, "the recipient is the sender"),
    # content and policy
    21602: _never(_K.CONTENT_REFUSED, "the text is missing"),
    21617: _never(_K.CONTENT_REFUSED, "the text is longer than 1,600 characters"),
    21619: _never(_K.CONTENT_REFUSED, "neither text nor media"),
    21620: _never(_K.CONTENT_REFUSED, "the media's address is invalid"),
    21623: _never(_K.CONTENT_REFUSED, "the media is refused"),
    21655: _never(_K.CONTENT_REFUSED, "the content template's sid is invalid"),
    21656: _never(_K.CONTENT_REFUSED, "the content template's variables are invalid"),
    30004: _never(_K.CONTENT_REFUSED, "blocked by the destination or its carrier"),
    30007: _never(_K.CONTENT_REFUSED, "filtered by the carrier"),
    30019: _never(_K.CONTENT_REFUSED, "larger than the carrier takes"),
    63005: _never(_K.CONTENT_REFUSED, "WhatsApp did not accept the content"),
    63013: _never(_K.CONTENT_REFUSED, "violates the channel's policy"),
    63019: _never(_K.CONTENT_REFUSED, "the media could not be fetched"),
    63021: _never(_K.CONTENT_REFUSED, "the channel calls the content invalid"),
    63027: _never(_K.CONTENT_REFUSED, "no such template in this language"),
    63028: _never(_K.CONTENT_REFUSED, "the template has another number of variables"),
    # what this recipient or sender cannot carry
    21622: _never(_K.UNSUPPORTED, "no media to that country from this sender"),
    30011: _never(_K.UNSUPPORTED, "the recipient's network carries no media"),
    63030: _never(_K.UNSUPPORTED, "the channel does not know a parameter"),
    # the rest that never passes. 21408 is about one country, and never the channel's fault
    21408: _never(_K.COUNTRY_UNSERVED, "this account may not send to that country"),
    21612: _never(_K.REJECTED, "the recipient cannot be reached from this sender"),
    30010: _never(_K.REJECTED, "dearer than the highest price that was allowed"),
    30036: _never(_K.REJECTED, "not delivered while it was valid"),
    30450: _never(_K.REJECTED, "held for a swindle with SMS (pumping)"),
    63016: _never(_K.WINDOW_CLOSED, "free text outside WhatsApp's 24 hours; use a template"),
    63032: _never(_K.REJECTED, "WhatsApp limits this recipient; never retry"),
    63049: _never(_K.REJECTED, "WhatsApp chose not to deliver this marketing message; never retry"),
    # passes with time
    20429: _later("too many requests"),
    21611: _later("the sender's queue is full"),
    21730: _later("Twilio is under maintenance"),
    30001: _later("the queue overflowed"),
    30003: _later("the handset is off or out of reach"),
    30008: _later("the carrier gave no reason"),
    30017: _later("the carrier's network is congested"),
    30022: _later("US A2P 10DLC limits the rate"),
    30023: _later("US A2P 10DLC's limit of the day is reached"),
    63012: _later("WhatsApp had an error of its own"),
    63017: _later("the channel limits the rate"),
    63018: _later("the sender's rate limit is reached"),
    63038: _later("the account's limit of the day is reached"),
    # a person must act
    20003: _fault("wrong account sid or auth token"),
    20005: _fault("the account is not active"),
    20006: _fault("these credentials may not send"),
    20404: _fault("no such account"),
    21212: _fault("the sender is not a valid number"),
    21603: _fault("no sender is set"),
    21606: _fault("the sender may not send messages"),
    21608: _fault("a trial account sends to verified numbers only"),
    21609: _fault("the address for status callbacks is invalid; look at OTKLIK_PUBLIC_URL"),
    21659: _fault("the sender is no number of Twilio's"),
    21660: _fault("the sender belongs to another account"),
    21661: _fault("the sender cannot send SMS"),
    21701: _fault("no such messaging service"),
    21703: _fault("the messaging service has no sender"),
    21704: _fault("the messaging service has no numbers"),
    21705: _fault("the messaging service's sid is invalid"),
    21910: _fault("the sender is of another channel than the recipient"),
    30002: _fault("the account is suspended"),
    30032: _fault("the toll-free sender is not verified"),
    30034: _fault("the sender is not registered for US A2P 10DLC"),
    63001: _fault("the channel could not authenticate the sender"),
    63007: _fault("no such WhatsApp sender in this account"),
    63015: _fault("the WhatsApp sandbox reaches only people who joined it"),
    63020: _fault("the WhatsApp business account has a problem; see Meta's business manager"),
    63022: _fault("the WhatsApp sender's name is not certified"),
}


def failure_of(status: int, code: int | None, message: str, retry_after: float | None) -> SendFailure | ChannelFault:
    """The one failure that an HTTP answer other than 2xx to a send means.

    A 5xx is of unknown outcome whatever else it says; 429 was never processed.
    """
    shown = str(code or status)
    known = CODES.get(code or 0)
    detail = clipped(f"{known.words} ({message})" if known and message else message or f"HTTP {status}", 300)
    if status == 429 or code == 20429:
        return TransientFailure(detail, code=shown, retry_after=retry_after)
    if status >= 500:
        return UnknownOutcome(f"Twilio answered {status}: {detail}", code=shown)
    if known is not None and known.outcome == "transient":
        return TransientFailure(detail, code=shown, retry_after=retry_after)
    if known is not None and known.outcome == "permanent":
        return PermanentFailure(known.kind, detail, code=shown)
    if known is not None or status in (401, 403, 404) or status < 400:
        return ChannelFault(f"Twilio refuses this account ({shown}): {detail}", code=shown)
    return PermanentFailure(PermanentKind.REJECTED, detail, code=shown)


def kind_of(code: str) -> str:
    """The ``PermanentKind`` that a callback's code means, empty where it is unknown or would pass with time."""
    known = CODES.get(int(code)) if code.isascii() and code.isdigit() and len(code) < 10 else None
    return known.kind.value if known is not None and known.outcome != "transient" else ""
