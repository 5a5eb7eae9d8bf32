"""The bot's turn: a message that nobody else has taken, answered from the answers in force, or left to a person.

In the transaction that logged the message, its customer locked. What is said carries the conversation's fence: if a
person takes over before it leaves, it is dropped at dispatch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.courtesy import ends_a_talk, greets
from bot.answers.index import Index
from bot.answers.keeping import Asked, keep_question, keep_verdict, question_of
from bot.answers.looking import Finding, look_up
from bot.answers.saying import NO, YES, content_of, said_of_answer
from bot.answers.wording import ask_endpoint
from bot.context import Context
from bot.conversations import plan_answer
from bot.languages import language_of_text
from bot.senders import Sender
from campaigns.definition.answers import Answer
from core import catalogue
from core.agents import WROTE
from core.machines.conversation import ConversationState
from core.messages import EMAIL, InboundMessage
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.tables import Conversation, Customer, Message

_CONVERSATIONS, _CUSTOMERS, _MESSAGES = table(Conversation), table(Customer), table(Message)
LONGEST = 2_000
"""Characters of a question that are looked at."""
NO_ANSWER, NOT_HELPED, ESCALATED = "no answer", "not helped", "escalated"
"""Why a person is wanted."""
_GREETED = "hello:"
_OURS = ("answer:", "thanks:", "flow:", _GREETED, WROTE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the turn: whether the message is dealt with, and why a ``person`` is wanted (empty: none is).

    ``said`` is also true where there was nothing to say: to a second verdict, to thanks for what was said last.
    """

    said: bool
    person: str = ""


SILENT = Outcome(said=False)
"""Not the bot's to answer: it asks nothing, or somebody else has the conversation."""


async def take_turn(
    connection: AsyncConnection,
    inbound: InboundMessage,
    sender: Sender,
    conversation_id: str,
    message_id: str,
    context: Context,
    index: Index,
    *,
    endpoint: bool = False,
) -> Outcome:
    """Answer what ``inbound`` asks, or hear what it says of an answer. It is to call when nobody else took it.

    ``inbound.button`` is what was chosen (:func:`bot.choices.chosen`). With ``endpoint`` the words are asked of it: a
    command is written, and what it says comes later (:mod:`bot.answers.wording`).
    """
    if inbound.automatic or not sender.verified:
        return SILENT
    row = await _conversation(connection, conversation_id)
    if row is None:
        return SILENT
    turn = _Turn(connection, inbound, sender, row, message_id, context, index)
    verdict = said_of_answer(inbound.button)
    if verdict is not None:
        return await turn.hear(*verdict)
    return await turn.answer(endpoint=endpoint) if turn.is_the_bots else SILENT


async def _conversation(connection: AsyncConnection, conversation_id: str) -> Any:
    """The conversation with what its customer reads (``locale``)."""
    found = await connection.execute(
        select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state, _CONVERSATIONS.c.token, _CUSTOMERS.c.locale)
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _CONVERSATIONS.c.customer_id)
        .where(_CONVERSATIONS.c.id == conversation_id)
    )
    return found.first()


@dataclass(frozen=True, slots=True)
class _Turn:
    connection: AsyncConnection
    inbound: InboundMessage
    sender: Sender
    conversation: Any
    message_id: str
    context: Context
    index: Index

    @property
    def is_the_bots(self) -> bool:
        """Whether nobody else has the conversation."""
        return self.conversation.state is ConversationState.BOT

    @property
    def _asked(self) -> Asked:
        return Asked(self.message_id, self.sender.customer_id, self.inbound.sender.channel, self.context.received_at)

    @property
    def _locale(self) -> str:
        return str(self.conversation.locale or self.inbound.locale or self.context.config.locale)

    async def answer(self, *, endpoint: bool) -> Outcome:
        """Say what is sure enough; keep what is not."""
        finding = self._look()
        if finding.best is None and ends_a_talk(self.inbound.text) and await self._talked():
            return Outcome(said=True)
        if finding.best is None and len(self.index) and greets(self.inbound.text):
            return await self._greet()
        if finding.best is None and self.inbound.button:
            return SILENT  # a choice of somebody else's that no answer has for a question
        await keep_question(self.connection, self._asked, finding)
        escalates = finding.best is not None and finding.best.escalate
        if endpoint and finding.found and not escalates:
            token = self.conversation.token
            await ask_endpoint(self.connection, self._asked, self.conversation.id, token, finding)
            return Outcome(said=True)
        if finding.best is None:
            return Outcome(said=False, person=NO_ANSWER) if finding.words else SILENT
        await self._say(finding.best, content_of(finding.best, self.message_id))
        return Outcome(said=True, person=ESCALATED if finding.best.escalate else "")

    async def _greet(self) -> Outcome:
        """Greet back, and ask what it is about; not twice in a row."""
        if not (await self._said_last()).startswith(_GREETED):
            language = catalogue.language_of(language_of_text(self.inbound.text) or self._locale)
            await self._plan(_GREETED.rstrip(":"), {"text": catalogue.text(language, "answers.hello")}, language)
        return Outcome(said=True)

    async def _talked(self) -> bool:
        """Whether the last that was said here was said by the bot or by one of our people, not by a campaign."""
        return (await self._said_last()).startswith(_OURS)

    async def _said_last(self) -> str:
        """The token of what was said here last; empty where nothing was, or it has none."""
        last = await self.connection.scalar(
            select(_MESSAGES.c.client_token)
            .where(_MESSAGES.c.conversation_id == self.conversation.id, _MESSAGES.c.direction == "out")
            .order_by(_MESSAGES.c.id.desc())
            .limit(1)
        )
        return str(last or "")

    def _look(self) -> Finding:
        """By what was written; of a mail that begins a thread also by its subject, if that is surer."""
        text = (self.inbound.text or self.inbound.button)[:LONGEST]
        found = look_up(self.index, text, self._locale)
        if self.inbound.sender.channel == EMAIL and self.inbound.subject and not self.inbound.in_reply_to:
            by_subject = look_up(self.index, self.inbound.subject[:LONGEST], self._locale)
            if _certainty(by_subject) > _certainty(found) or not found.words:
                return by_subject
        return found

    async def hear(self, said: str, asked_id: str) -> Outcome:
        """Hear whether an answer helped; if not, say the next best once, then leave it to a person."""
        question = await question_of(self.connection, asked_id, self.sender.customer_id)
        if question is None or not question.answer:
            return SILENT
        helped = said == YES
        news = await keep_verdict(
            self.connection, question, helped=helped, at=self.context.received_at, now=self.context.now
        )
        if not (news and self.is_the_bots):
            return Outcome(said=True)  # said twice, or to the person who has it now: heard
        if helped:
            language = question.answer.rpartition("@")[2]
            await self._plan("thanks", {"text": catalogue.text(language, "answers.thanks")}, language)
            return Outcome(said=True)
        if said == NO:
            finding = look_up(self.index, question.body[:LONGEST], self._locale, without={question.answer})
            if finding.best is not None:
                await keep_question(self.connection, self._asked, finding)
                await self._say(finding.best, content_of(finding.best, self.message_id, instead=True))
                return Outcome(said=True, person=ESCALATED if finding.best.escalate else "")
        return Outcome(said=False, person=NOT_HELPED)

    async def _say(self, answer: Answer, content: Mapping[str, Any]) -> None:
        await self._plan("answer", content, answer.locale)

    async def _plan(self, token: str, content: Mapping[str, Any], language: str) -> None:
        """Plan a message; it leaves while the bot has the conversation."""
        subject = self.inbound.subject
        if subject and not subject.lower().startswith("re:"):
            subject = f"Re: {subject}"
        token = f"{token}:{self.message_id}"
        more = {name: value for name, value in content.items() if name != "text"}
        await plan_answer(
            self.connection,
            self.inbound,
            self.sender,
            self.conversation.id,
            self.context,
            client_token=token,
            purpose=Purpose.CONVERSATION,
            text=content["text"],
            subject=subject[:200] or catalogue.text(language, "answers.subject"),
            more=more,
        )


def _certainty(finding: Finding) -> float:
    return finding.nearest.score if finding.nearest is not None else 0.0
