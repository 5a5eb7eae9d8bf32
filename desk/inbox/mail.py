"""A customer's HTML mail as it was written, in a frame that can do nothing: no scripts, no forms, nothing from outside.

Pictures from outside stay off until the agent asks: they tell the sender who reads, when and where from.
"""

import base64
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.outbox.columns import table
from storage.tables import Blob, Conversation, Message

_BLOBS, _MESSAGES, _CONVERSATIONS = table(Blob), table(Message), table(Conversation)
MOST_RAW = 30_000_000
MOST_HTML = 2_000_000
MOST_PICTURES = 5_000_000
_CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


async def raw_mail(connection: AsyncConnection, conversation_id: str, message_id: str) -> bytes:
    """The mail as it came, of the conversation's customer; empty where there is none."""
    blob = await connection.scalar(
        select(_MESSAGES.c.raw_blob)
        .join(_CONVERSATIONS, _CONVERSATIONS.c.customer_id == _MESSAGES.c.customer_id)
        .where(_CONVERSATIONS.c.id == conversation_id, _MESSAGES.c.id == message_id, _MESSAGES.c.direction == "in")
    )
    if not blob:
        return b""
    raw = await connection.scalar(select(_BLOBS.c.content).where(_BLOBS.c.hash == blob, _BLOBS.c.size <= MOST_RAW))
    return bytes(raw or b"")


def html_of(raw: bytes) -> str:
    """The HTML of a mail with its own pictures in it; empty where it has none. Pure; takes a while for large ones."""
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    if not isinstance(mail, EmailMessage):
        return ""
    body = next((part for part in mail.walk() if part.get_content_type() == "text/html"), None)
    if body is None:
        return ""
    payload = body.get_payload(decode=True)
    html = _decoded(payload if isinstance(payload, bytes) else b"", body.get_content_charset() or "utf-8")[:MOST_HTML]
    pictures = _pictures(mail)
    shown = _CID.sub(lambda found: pictures.get(found.group(1), "about:blank"), html)
    return f'<base target="_blank">{shown}'


def policy_of(*, remote: bool) -> str:
    """What the frame may do. ``remote``: pictures from outside, which the agent asked for."""
    pictures = "img-src data: https:" if remote else "img-src data:"
    frame = "sandbox allow-popups allow-popups-to-escape-sandbox"
    return f"{frame}; default-src 'none'; style-src 'unsafe-inline'; {pictures}; frame-ancestors 'self'"


def _pictures(mail: EmailMessage) -> dict[str, str]:
    found, left = dict[str, str](), MOST_PICTURES
    for part in mail.walk():
        name, kind = str(part.get("content-id", "")).strip().strip("<>"), part.get_content_type()
        content = part.get_payload(decode=True) if name and kind in _PICTURES else None
        if isinstance(content, bytes) and len(content) <= left:
            left -= len(content)
            found[name] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return found


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, errors="replace")
    except LookupError:  # a name that nobody knows
        return content.decode("utf-8", errors="replace")
