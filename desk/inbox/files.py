"""Files in the thread: those that came shown and downloaded, those of an agent's answer kept before they leave.

Bytes stand in the store under their hash. Nobody reads them by the hash alone: a file is asked for by the message that
it came with, so that only what belongs to a conversation is shown in it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile

from campaigns.templates.attachments import media_type_of
from core.errors import Refused
from core.messages import SMS, WEBCHAT
from core.text import clipped
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.tables import Blob, BlobOwner, Conversation, Identity, Message

_BLOBS, _OWNERS, _MESSAGES = table(Blob), table(BlobOwner), table(Message)
_CONVERSATIONS, _IDENTITIES = table(Conversation), table(Identity)
MOST = 5
"""Files of one answer."""
MOST_BYTES = 15_000_000
"""Of an answer's files together: a mail carries 18 million."""
MOST_REQUEST = MOST_BYTES + 1_000_000
WITHOUT_FILES = frozenset({SMS, WEBCHAT})
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What a browser may show in our own name; pictures that can hold scripts (SVG) are not among them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that an agent chose."""

    name: str
    media_type: str
    content: bytes

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def noted(self) -> dict[str, Any]:
        """As a message's content names it."""
        size = len(self.content)
        return {"name": self.name, "media_type": self.media_type, "size": size, "blob": self.hash, "content_id": ""}


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a message with its bytes."""

    name: str
    media_type: str
    content: bytes

    @property
    def headers(self) -> dict[str, str]:
        """With which it is given out: only plain pictures are shown, anything else is for keeping."""
        picture = self.media_type in SHOWN
        name = quote(self.name or "file", safe="")
        return {
            "content-type": self.media_type if picture else "application/octet-stream",
            "content-disposition": f"{'inline' if picture else 'attachment'}; filename*=UTF-8''{name}",
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "private, max-age=600",
        }


async def chosen(form: Any) -> Sequence[Sent]:
    """The files of a form.

    Raises:
        Refused: there are too many, or they are too large together.
    """
    files, left = [], MOST_BYTES
    for upload in form.getlist("files"):
        if not isinstance(upload, UploadFile) or not upload.filename:
            continue
        content = await upload.read(left + 1)
        left -= len(content)
        if left < 0:
            most = MOST_BYTES // 1_000_000
            words = f"these files are larger than {most} MB together; send a link instead"
            raise Refused(words, name="large", megabytes=most)
        if content:
            name = clipped(upload.filename.replace("\\", "/").rpartition("/")[2], 150)
            files.append(Sent(name, media_type_of(name), content))
    if len(files) > MOST:
        raise Refused(f"an answer carries at most {MOST} files", name="many_files", most=MOST)
    return files


async def attach(
    connection: AsyncConnection, conversation_id: str, identity_id: str, files: Sequence[Sent], now: datetime
) -> dict[str, Any]:
    """Keep the files as the customer's; gives what the answer's content says of them.

    Raises:
        Refused: the channel carries none.
    """
    if not files:
        return {}
    there = select(_CONVERSATIONS.c.customer_id, _CONVERSATIONS.c.channel).where(_CONVERSATIONS.c.id == conversation_id)
    row = (await connection.execute(there)).first()
    if row is None:
        raise Refused("this conversation is gone", name="lost")
    channel = await connection.scalar(select(_IDENTITIES.c.channel).where(_IDENTITIES.c.id == identity_id))
    if (channel or row.channel) in WITHOUT_FILES:
        raise Refused("no files can be sent there; send a link, or choose another address", name="no_files_there")
    blobs = {one.hash: one for one in files}
    await insert_missing(
        connection, _BLOBS,
        [{"hash": hash_, "size": len(one.content), "media_type": one.media_type, "content": one.content,
          "created_at": now} for hash_, one in sorted(blobs.items())],
    )  # fmt: skip
    owner = {"owner": "customer", "owner_id": row.customer_id}
    await insert_missing(connection, _OWNERS, [{"hash": hash_, **owner} for hash_ in sorted(blobs)])
    return {"attachments": [one.noted() for one in files]}


async def file_of(connection: AsyncConnection, conversation_id: str, message_id: str, place: int) -> Kept | None:
    """The file at that place of a message to or from the conversation's customer; None where there is none."""
    content = await connection.scalar(
        select(_MESSAGES.c.content)
        .join(_CONVERSATIONS, _CONVERSATIONS.c.customer_id == _MESSAGES.c.customer_id)
        .where(_CONVERSATIONS.c.id == conversation_id, _MESSAGES.c.id == message_id)
    )
    noted = [one for one in (content or {}).get("attachments", ()) if isinstance(one, Mapping)]
    if not 0 <= place < len(noted) or not noted[place].get("blob"):
        return None
    bytes_ = await connection.scalar(select(_BLOBS.c.content).where(_BLOBS.c.hash == noted[place]["blob"]))
    if bytes_ is None:
        return None
    media_type = str(noted[place].get("media_type", "")).partition(";")[0].strip().lower()
    return Kept(str(noted[place].get("name", "")), media_type, bytes(bytes_))
