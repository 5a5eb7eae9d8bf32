"""``Idempotency-Key``: the same request sent again gets the same answer, and does nothing again, for a day.

The answer is kept after the work. Everything that takes a key may be repeated without harm by itself (upserts, events
by their ids, one open journey a customer), so a crash in between costs a repetition, not a duplicate.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import delete, select

from campaigns.api.access import Door
from campaigns.api.keys import Caller
from campaigns.api.problems import Problem, json_response
from core.clock import machine_now
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.tables import ApiResponse

KEPT = timedelta(hours=24)
LONGEST_KEY = 255
_RESPONSES = table(ApiResponse)
Answer = tuple[int, Any]
"""Status and JSON body."""


async def once(
    door: Door, caller: Caller, request: Request, content: bytes, work: Callable[[], Awaitable[Answer]]
) -> Response:
    """Do ``work``, or give the answer that the same request got before.

    Raises:
        Problem: 422 if the key was used for another request, 400 if it is too long.
    """
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        status, body = await work()
        return json_response(body, status)
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Problem(400, f"Idempotency-Key: write up to {LONGEST_KEY} printable characters, such as a UUID")
    asked = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + content).hexdigest()
    mine = (_RESPONSES.c.key_id == caller.id) & (_RESPONSES.c.idempotency_key == key)
    now = machine_now()
    async with door.store.read() as connection:
        row = (await connection.execute(select(_RESPONSES).where(mine, _RESPONSES.c.at > now - KEPT))).first()
    if row is not None:
        if row.request != asked:
            raise Problem(422, "this Idempotency-Key was used for another request; take a new one")
        return json_response(row.body, row.status, headers={"Idempotency-Replayed": "true"})
    status, body = await work()
    kept = {"key_id": caller.id, "idempotency_key": key, "request": asked, "status": status, "body": body, "at": now}
    async with door.store.write() as connection:
        await connection.execute(delete(_RESPONSES).where(_RESPONSES.c.at <= now - KEPT))
        await insert_missing(connection, _RESPONSES, [kept])
    return json_response(body, status)
