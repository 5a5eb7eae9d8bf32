"""Whom a bounce is about, also where it has no machine's part: what two decades of mail servers wrote in prose.

Their shapes are flufl.bounce's, over a copy of the mail that is cut to size: its patterns are not made for bombs.
"""

import logging
from dataclasses import dataclass
from email.message import Message

from channels.email.structure import Mail, Part, read_fields

_MOST_PARTS = 10
_MOST_LINES = 600
_LONGEST_LINE = 400
_LONGEST_FIELD = 1000
_FIELDS = ("from", "to", "subject", "x-failed-recipients", "x-mailer", "content-type", "return-path")


@dataclass(frozen=True, slots=True)
class Recipients:
    """Addresses (lower-case) that a report names: not reached for good, and not reached so far."""

    permanent: frozenset[str] = frozenset()
    temporary: frozenset[str] = frozenset()


def recipients_in_prose(mail: Mail) -> Recipients:
    """Whom a mail says that it did not reach; nobody where it is no bounce. Never raises."""
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)
    try:
        temporary, permanent = all_failures(_copy(mail))
    except Exception:  # noqa: BLE001  its patterns stumble over what they do not know; then it is no bounce of theirs
        return Recipients()
    return Recipients(_addresses(permanent), _addresses(temporary))


def _addresses(found: frozenset[bytes]) -> frozenset[str]:
    return frozenset(address.decode("utf-8", "replace").strip("<> ").lower() for address in found)


def _copy(mail: Mail) -> Message:
    """The mail as the standard library would have read it, if it were short: its leaves in one level."""
    copy = Message()
    for name in _FIELDS:
        for value in mail.all(name)[:3]:
            copy[name] = value[:_LONGEST_FIELD]
    if len(mail.leaves) == 1 and mail.fields.get_content_maintype() != "multipart":
        copy.set_payload(_lines(mail.leaves[0]))
        return copy
    copy.set_payload([_part(leaf) for leaf in mail.leaves[:_MOST_PARTS]])
    return copy


def _part(leaf: Part) -> Message:
    part = Message()
    part["content-type"] = leaf.content_type
    part["content-description"] = str(leaf.fields.get("content-description", ""))[:100]
    if leaf.content_type == "message/delivery-status":
        blocks = _lines(leaf).split("\n\n")
        part.set_payload([read_fields(block.encode("utf-8", "replace"))[0] for block in blocks if block.strip()])
    elif leaf.content_type == "message/rfc822":
        part.set_payload([read_fields(leaf.content().lstrip(b"\r\n")[:50_000])[0]])
    else:
        part.set_payload(_lines(leaf))
    return part


def _lines(leaf: Part) -> str:
    text = leaf.text()[: _MOST_LINES * _LONGEST_LINE].replace("\r\n", "\n")
    return "\n".join(line[:_LONGEST_LINE] for line in text.split("\n")[:_MOST_LINES])
