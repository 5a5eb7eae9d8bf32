"""What a reply means: SMTP codes (RFC 5321) and enhanced status codes (RFC 3463, the IANA registry) as tables."""

import re

from core.errors import ChannelFault, PermanentFailure, PermanentKind, SendFailure, TransientFailure
from core.text import clipped
from core.values import value

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_POLICY = re.compile(
    r"(?=[sbdrp])"  # what none of them begins with is passed over ten times as fast
    r"(?:spam|block ?list|black ?list|blocked|dnsbl|\brbl\b|reputation|policy|spf|dkim|dmarc|denied|banned"
    r"|rejected due)",
    re.IGNORECASE,
)
_RELAY = re.compile(r"\brelay", re.IGNORECASE)

BY_ENHANCED: dict[str, PermanentKind] = {
    "5.1.0": PermanentKind.BAD_ADDRESS,  # other address status
    "5.1.1": PermanentKind.BAD_ADDRESS,  # no such mailbox
    "5.1.2": PermanentKind.BAD_ADDRESS,  # no such system
    "5.1.3": PermanentKind.BAD_ADDRESS,  # bad syntax
    "5.1.4": PermanentKind.BAD_ADDRESS,  # ambiguous
    "5.1.6": PermanentKind.BAD_ADDRESS,  # has moved, no forwarding address
    "5.1.10": PermanentKind.BAD_ADDRESS,  # null MX: the domain takes no mail
    "5.2.1": PermanentKind.BAD_ADDRESS,  # mailbox disabled
    "5.4.4": PermanentKind.BAD_ADDRESS,  # no host or domain of that name
    "5.2.3": PermanentKind.CONTENT_REFUSED,  # longer than the mailbox allows
    "5.3.4": PermanentKind.CONTENT_REFUSED,  # bigger than the system allows
    "5.6.7": PermanentKind.UNSUPPORTED,  # needs SMTPUTF8 further on
    "5.7.1": PermanentKind.CONTENT_REFUSED,  # policy
}
"""By the whole code; else by its class below."""

BY_SUBJECT: dict[str, PermanentKind] = {
    "6": PermanentKind.CONTENT_REFUSED,  # conversion and media
    "7": PermanentKind.CONTENT_REFUSED,  # security and policy
}
"""By the second number of an enhanced code."""

BY_CODE: dict[int, PermanentKind] = {
    550: PermanentKind.BAD_ADDRESS,
    551: PermanentKind.BAD_ADDRESS,
    552: PermanentKind.CONTENT_REFUSED,
    553: PermanentKind.BAD_ADDRESS,
    555: PermanentKind.UNSUPPORTED,
    556: PermanentKind.BAD_ADDRESS,
}
"""Of a recipient, by the basic code, where the server gives no enhanced one."""

CHANNEL_CODES = frozenset({530, 534, 535, 538})
"""Login or encryption is asked of us: no recipient's fault."""


@value(frozen=True, slots=True)
class Reply:
    """A server's reply: its code and its text, lines joined with a newline, codes stripped."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code, such as ``5.1.1``, empty if there is none."""
        found = _ENHANCED.match(self.text)
        return found.group() if found else ""

    def __str__(self) -> str:
        return clipped(f"{self.code} {' '.join(self.text.split())}", 400)


def permanent_kind(enhanced: str, code: int, text: str, *, content: bool = False) -> PermanentKind:
    """Why a mail was refused for good.

    ``content`` says that the refusal came after the content was seen: then a bare code blames the content. A refusal
    that speaks of policy never ends an address.
    """
    if enhanced:
        kind = BY_ENHANCED.get(enhanced) or BY_SUBJECT.get(enhanced.split(".")[1], PermanentKind.REJECTED)
    elif content:
        kind = PermanentKind.CONTENT_REFUSED
    else:
        kind = BY_CODE.get(code, PermanentKind.REJECTED)
    if kind is PermanentKind.BAD_ADDRESS and enhanced in ("", "5.1.0") and _POLICY.search(text[:1000]):
        return PermanentKind.REJECTED
    return kind


def failure(reply: Reply, stage: str) -> SendFailure | ChannelFault:
    """What a reply other than success means at ``stage``: sender, recipient, data, content.

    Only for replies of 400 and above, and proven not sent in each case, the answer to the content included: a server
    that answers it with 4yz or 5yz has not taken the mail (RFC 5321 §6.1).
    """
    code = reply.enhanced or str(reply.code)
    detail = f"{stage} refused: {reply}"
    if reply.code < 500:
        return TransientFailure(detail, code=code)
    if reply.code in CHANNEL_CODES:
        return ChannelFault(f"{detail}; check username, password and tls of the mail account", code=code)
    kind = permanent_kind(reply.enhanced, reply.code, reply.text, content=stage == "content")
    if stage == "sender":
        if reply.code == 552 or reply.enhanced == "5.3.4":
            return PermanentFailure(PermanentKind.CONTENT_REFUSED, detail, code=code)
        return ChannelFault(f"{detail}; this account may not send as that sender", code=code)
    if stage == "recipient" and _RELAY.search(reply.text[:1000]) and kind is not PermanentKind.BAD_ADDRESS:
        return ChannelFault(f"{detail}; the server wants a login before it relays", code=code)
    return PermanentFailure(kind, detail, code=code)
