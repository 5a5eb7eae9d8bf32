"""Files that staff send from a topic to the customer: fetched, kept as the customer's, refused where none can go."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.files import FetchesFiles, fetched_file, keep_file
from campaigns.templates.adapting import CAPABILITIES, OTHERS
from campaigns.templates.carrying import WHATSAPP_TYPES
from core.errors import ChannelFault, SendFailure
from core.messages import WHATSAPP, Attachment
from core.text import clipped
from storage.outbox.columns import table
from storage.tables import Conversation

SECONDS = 60.0
"""For the files of one message; a command is one worker's for two minutes."""
_CONVERSATIONS = table(Conversation)

Files = Sequence[tuple[Mapping[str, Any], bytes]]
"""What a message's content says of each, and its bytes; ``missing`` says why there are none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file cannot go: the name of a text for staff, and what stands in it."""

    text: str
    file: str
    why: str = ""


def noted(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """Files as a command names them until they are fetched."""
    return [
        {"name": clipped(one.name, 150), "media_type": one.media_type, "size": one.size, "remote": one.remote}
        for one in attachments
    ]


async def fetched_files(adapter: object, wanted: Sequence[Mapping[str, Any]], *, again: bool) -> Files:
    """The files with their bytes. ``again``: what fails for the moment is raised, to be tried once more.

    Raises:
        SendFailure, ChannelFault: the provider does not give them now.
    """
    if not isinstance(adapter, FetchesFiles):
        return [({**one, "missing": "the account is off"}, b"") for one in wanted]
    found = []
    for one in wanted:
        try:
            async with asyncio.timeout(SECONDS):
                found.append(await fetched_file(adapter, one))
        except (SendFailure, ChannelFault, TimeoutError) as error:
            if again:
                raise
            found.append(({**one, "missing": clipped(str(error), 200)}, b""))
    return found


async def keep_files(connection: AsyncConnection, conversation_id: str, files: Files, now: datetime) -> Problem | None:
    """Keep the files as the customer's; gives why one cannot go where the customer writes from."""
    if not files:
        return None
    there = select(_CONVERSATIONS.c.customer_id, _CONVERSATIONS.c.channel).where(_CONVERSATIONS.c.id == conversation_id)
    row = (await connection.execute(there)).one()
    can = CAPABILITIES.get(row.channel, OTHERS)
    for one, data in files:
        if not one.get("blob"):
            return Problem("file_gone", str(one["name"]), str(one.get("missing", "")))
        if can.files and len(data) > can.file_bytes:
            return Problem("file_large", str(one["name"]), f"{can.file_bytes // 1_000_000} MB")
        if row.channel == WHATSAPP and not WHATSAPP_TYPES.fullmatch(str(one["media_type"])):
            return Problem("file_kind", str(one["name"]), "WhatsApp")
    for one, data in files:
        await keep_file(connection, one, data, row.customer_id, now)
    return None
