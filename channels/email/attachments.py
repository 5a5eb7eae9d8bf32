"""The files in a mail: told apart from what it shows, named so that no name does harm, bounded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.email.structure import Mail, Part, decoded, read_fields
from core.messages import Attachment
from core.text import clipped

_UNSAFE = re.compile('[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff/\\\\:*?"<>|]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_CONTENT_ID = re.compile(r"<?([^<>\s]{1,200})>?")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}$")
_LONGEST_NAME = 120
_NAMES = {"text/calendar": "invitation.ics", "text/vcard": "contact.vcf", "text/html": "attachment.html"}
_TEXTS = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many files of a mail are named, and how many bytes of them are kept (of all, of each)."""

    files: int = 50
    bytes: int = 25_000_000
    largest: int = 25_000_000


LIMITS = Limits()


def attachments_of(mail: Mail, *, shown: Sequence[Part | None], limits: Limits = LIMITS) -> list[Attachment]:
    """The parts of ``mail`` that are files; ``shown`` are those that its reader sees as the text.

    What is beyond the limits is named with its size and without its bytes, which the raw mail still has. An image that
    the HTML shows in its place has a ``content_id``; a forwarded mail is one file, named by its subject.
    """
    found: list[Attachment] = []
    room = limits.bytes
    for part in mail.leaves:
        if any(part is one for one in shown) or part.content_type.startswith("multipart/"):
            continue
        if not part.is_attachment and part.content_type in _TEXTS:
            continue
        if len(found) >= limits.files:
            break
        content = part.content()
        size = len(content)
        if size > min(room, limits.largest):
            content = b""
        room -= len(content)
        found.append(Attachment(_name(part), part.content_type, size, content=content, content_id=_content_id(part)))
    return found


def safe_name(name: str) -> str:
    """``name`` without a path, controls, invisible or direction-changing characters; never a dot-file or a device."""
    base = _UNSAFE.sub("", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
    if _DEVICES.match(base):
        base = "_" + base
    extension = _EXTENSION.search(base)
    if len(base) > _LONGEST_NAME and extension:
        return clipped(base, _LONGEST_NAME - len(extension[0])) + extension[0]
    return clipped(base, _LONGEST_NAME)


def _name(part: Part) -> str:
    given = safe_name(part.file_name)
    if given:
        return given
    if part.content_type == "message/rfc822":
        subject = safe_name(decoded(str(read_fields(part.content().lstrip(b"\r\n"))[0].get("subject", ""))))
        return f"{subject or 'mail'}.eml"
    kind, _, subtype = part.content_type.partition("/")
    if kind == "image" and re.fullmatch(r"[a-z0-9]{2,5}", subtype):
        return f"image.{subtype}"
    return _NAMES.get(part.content_type, "attachment")


def _content_id(part: Part) -> str:
    """The name under which the HTML shows an image; empty for what its sender attached."""
    if part.fields.get_content_disposition() == "attachment" or not part.content_type.startswith("image/"):
        return ""
    found = _CONTENT_ID.fullmatch(str(part.fields.get("content-id", "")).strip())
    return found[1] if found else ""
