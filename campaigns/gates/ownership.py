"""Who wrote it no longer has the conversation: what the bot worked out before a person took over is dropped."""

from sqlalchemy import ColumnElement, and_, exists, select

from campaigns.gates.gate import Gate, SendFacts, Verdict
from storage.outbox.columns import SendColumns, table
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)


def stops(facts: SendFacts) -> bool:
    return facts.still_owned is False


def predicate(columns: SendColumns) -> ColumnElement[bool]:
    message = columns.message
    still = exists(
        select(_CONVERSATIONS.c.id).where(
            _CONVERSATIONS.c.id == message.c.conversation_id, _CONVERSATIONS.c.token == message.c.owner_token
        )
    )
    return and_(message.c.owner_token.is_not(None), ~still)


GATE = Gate("ownership", Verdict.CANCEL, stops, predicate)
