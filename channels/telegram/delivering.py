"""The calls of one message, made one after the other, and what is known when one of them fails.

While nothing is out a failure means what it means anywhere. Once a part is out nothing of the message may be sent
again, so it never goes back to be planned: a part that is proven not sent (too many requests, no connection) is made
again here, after the wait that the server asks for, as long as that is short; anything else leaves a message of which
the reader has a part. That is an *unknown outcome*: held, shown to a person with the ids of what is out, never resent.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from channels.telegram.answers import NotOk, failure_of, is_unchanged
from channels.telegram.calls import Call
from channels.telegram.client import BotClient, NeverLeft, NoAnswer
from channels.telegram.rendering import as_document
from channels.telegram.updates import provider_id
from core.errors import ChannelFault, ProviderAway, SendFailure, TransientFailure, UnknownOutcome
from core.messages import Receipt

NO_VOICE = "voice_messages_forbidden"
"""Of somebody whose settings let nobody, or contacts only, send them voice messages."""
RESUME_SECONDS = 10.0
"""How long the parts of one message may be waited for in all; its lease is longer."""
PAUSE_SECONDS = 1.0
MAX_RETRY_AFTER = 3600.0


async def deliver(client: BotClient, calls: Sequence[Call]) -> Receipt:
    """Make ``calls``; the receipt's id is the last message's (the buttons are there), its detail names all.

    Raises:
        SendFailure, ChannelFault: as the adapter's ``send``.
    """
    ids: list[str] = []
    waited = 0.0
    for call in calls:
        while (failure := await _made(client, call, ids)) is not None:
            if not ids:
                raise failure
            pause = _pause(failure)
            if pause is None or waited + pause > RESUME_SECONDS:
                rest = f"{len(ids)} of its messages are out ({', '.join(ids)}), the rest is not: {failure}"
                raise UnknownOutcome(rest, code=failure.code)
            waited += pause
            await asyncio.sleep(pause)
    if not ids:
        return Receipt("", "changed a message that was there")
    return Receipt(ids[-1], f"messages {', '.join(ids)}" if len(ids) > 1 else "")


def interpret(error: Exception) -> SendFailure | ChannelFault:
    """What a client's exception means for the message at hand."""
    if isinstance(error, NotOk):
        failure = failure_of(error.answer)
        if isinstance(failure, TransientFailure) and failure.retry_after is not None:
            failure.retry_after = min(float(failure.retry_after), MAX_RETRY_AFTER)
        return failure
    if isinstance(error, NeverLeft):
        return ProviderAway(f"cannot reach Telegram: {error}")
    return UnknownOutcome(f"no answer from Telegram: {error if isinstance(error, NoAnswer) else type(error).__name__}")


async def _made(client: BotClient, call: Call, ids: list[str]) -> SendFailure | ChannelFault | None:
    """Make one call; add the ids of what it put out, or give its failure. Who takes no voice gets it as a file."""
    try:
        result = await client.call(call)
    except NotOk as refusal:
        if call.method == "sendVoice" and NO_VOICE in refusal.answer.description.lower():
            return await _made(client, as_document(call), ids)
        # an edit to what is there already has come to where it should
        return None if is_unchanged(refusal.answer) else interpret(refusal)
    except Exception as error:  # noqa: BLE001 - interpreted as a value, raised without its chain
        return interpret(error)
    if not call.method.startswith("edit"):
        ids += [_id(message, call) for message in (result if isinstance(result, list) else [result])]
    return None


def _id(message: Any, call: Call) -> str:
    message = message if isinstance(message, dict) else {}
    chat = message.get("chat")
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    return provider_id(str(chat_id or call.fields["chat_id"]), message.get("message_id"))


def _pause(failure: SendFailure | ChannelFault) -> float | None:
    """Seconds until the same part may be tried again; None where it may not."""
    if not isinstance(failure, TransientFailure) or failure.moved_to:
        return None
    return PAUSE_SECONDS if failure.retry_after is None else failure.retry_after
