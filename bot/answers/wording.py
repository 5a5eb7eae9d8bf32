"""Answers put into words by an endpoint that speaks OpenAI's chat completions, where the settings name one.

It is asked outside of any transaction, by a command, with the texts that were found, and may say nothing else
(:mod:`bot.answers.grounding`). Where it is slow, down or says what it may not, the answer itself is said as it stands.
What comes after a person has taken the conversation over is dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.grounding import Worded, grounded, prompt, said_by
from bot.answers.keeping import Asked
from bot.answers.live import LiveAnswers
from bot.answers.looking import Finding
from bot.answers.saying import content, content_of
from bot.conversations import plan_message
from campaigns.definition.answers import Answer
from campaigns.live import workspace_config
from campaigns.running.commands import Finish, OpenCommand
from core import catalogue
from core.clock import Clock, uptime
from core.formatting import Formatted
from core.ids import new_id
from core.machines.conversation import ConversationState
from core.messages import EMAIL
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Command, Conversation, Message, Question

if TYPE_CHECKING:
    from aiohttp import ClientSession

log = structlog.get_logger(__name__)

WORD_ANSWER = "word_answer"
MOST_SOURCES = 4
LARGEST_REPLY = 64_000
RESTS = 30.0
"""Seconds for which an endpoint that failed is not asked: whoever waits gets the answer itself at once."""
_CONVERSATIONS, _MESSAGES = table(Conversation), table(Message)
_QUESTIONS, _COMMANDS = table(Question), table(Command)

HandOver = Callable[[AsyncConnection, str, str], Awaitable[None]]
"""Lets a person have the conversation of that id, for that reason, in the caller's transaction."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask. ``url`` is the base, such as ``https://api.example.com/v1``; ``seconds`` for a whole reply."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    seconds: float = 8.0


class EndpointFailed(Exception):
    """It gave no answer that can be read; the words say why, without what was asked."""


class Wording:
    """Asks the endpoint. ``close`` ends its connections."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session: ClientSession | None = None
        self._rests_until = 0.0

    async def word(self, question: str, language: str, sources: Sequence[Answer], brand: str) -> Worded | None:
        """What may be said; None where nothing may, for whatever reason. Never raises but to be cancelled."""
        if not sources or uptime() < self._rests_until:
            return None
        from aiohttp import ClientError

        try:
            async with asyncio.timeout(self._endpoint.seconds):
                reply = await self._ask(prompt(question, language, sources, brand))
        except (EndpointFailed, ClientError, TimeoutError, OSError) as error:
            self._rests_until = uptime() + RESTS
            log.warning("answers endpoint failed", error=str(error)[:200] or type(error).__name__)
            return None
        worded = grounded(said_by(reply), question, sources)
        if worded is None:
            log.info("answers endpoint said nothing that may be said")
        return worded

    async def _ask(self, messages: list[dict[str, str]]) -> Any:
        endpoint = self._endpoint
        body = {"model": endpoint.model, "messages": messages, "temperature": 0, "max_tokens": 600}
        headers = {"content-type": "application/json"}
        if endpoint.key:
            headers["authorization"] = f"Bearer {endpoint.key}"
        url = f"{endpoint.url.rstrip('/')}/chat/completions"
        async with self._http().post(url, data=orjson.dumps(body), headers=headers, allow_redirects=False) as answer:
            content_ = await answer.content.read(LARGEST_REPLY + 1)
            while len(content_) <= LARGEST_REPLY and not answer.content.at_eof():
                content_ += await answer.content.read(LARGEST_REPLY + 1 - len(content_))
            if answer.status != 200:
                raise EndpointFailed(f"it answered {answer.status}")
        if len(content_) > LARGEST_REPLY:
            raise EndpointFailed(f"it answered more than {LARGEST_REPLY} bytes")
        try:
            return orjson.loads(content_)
        except orjson.JSONDecodeError:
            raise EndpointFailed("it answered no JSON") from None

    def _http(self) -> "ClientSession":
        from aiohttp import ClientSession

        if self._session is None:
            self._session = ClientSession()
        return self._session

    async def close(self) -> None:
        """End open connections."""
        if self._session is not None:
            await self._session.close()


async def ask_endpoint(
    connection: AsyncConnection, asked: Asked, conversation_id: str, token: int, finding: Finding
) -> None:
    """Write the command that has an answer to ``asked`` worded; ``token`` is the conversation's fence."""
    payload = {
        "customer_id": asked.customer_id,
        "conversation_id": conversation_id,
        "message_id": asked.message_id,
        "token": token,
        "language": finding.language,
        "answer": finding.best.key if finding.best is not None else "",
        "sources": [one.answer.key for one in finding.found[:MOST_SOURCES]],
    }
    row = {"id": new_id(), "kind": WORD_ANSWER, "payload": payload, "created_at": asked.at, "tries": 0, "error": ""}
    await connection.execute(_COMMANDS.insert().values(**row))


class AnswerWording:
    """Carries out ``word_answer`` commands. ``hand_over`` is called where there is nothing to say."""

    def __init__(
        self, store: Store, clock: Clock, live: LiveAnswers, wording: Wording, hand_over: HandOver | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._live = live
        self._wording = wording
        self._hand_over = hand_over

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        told = command.payload
        index = await self._live.refresh(self._store)
        async with self._store.read() as connection:
            row = await _where(connection, str(told["message_id"]))
            brand = (await workspace_config(connection)).brand.name
        if row is not None and _is_ours(row, told["token"]):
            sources = [found for key in told["sources"] if (found := index.get(key)) is not None]
            worded = await self._wording.word(row.body, str(told["language"]), sources, brand)
            answer = index.get(str(told["answer"])) if told["answer"] else None
        async with self._store.write() as connection:
            if row is not None and _is_ours(row, told["token"]):
                await lock_customers(connection, [row.customer_id], shared=False)
                row = await _where(connection, str(told["message_id"]))
                if row is not None and _is_ours(row, told["token"]):
                    await self._conclude(connection, row, worded, answer)
            await finish(connection)

    async def _conclude(
        self, connection: AsyncConnection, row: Any, worded: Worded | None, answer: Answer | None
    ) -> None:
        """Say what was worded, else the answer itself, else let a person have it."""
        if worded is not None:
            answer = worded.cited[0]
            said = content(Formatted(worded.text), answer, row.id)
        elif answer is not None:
            said = content_of(answer, row.id)
        else:
            if self._hand_over is not None:
                await self._hand_over(connection, row.conversation_id, "no answer")
            return
        await connection.execute(update(_QUESTIONS).where(_QUESTIONS.c.message_id == row.id).values(answer=answer.key))
        if row.channel == EMAIL:
            written = str((row.content or {}).get("message_id", ""))
            said |= {
                "subject": _subject(row.subject) or catalogue.text(answer.locale, "answers.subject"),
                "in_reply_to": written,
                "references": [written] if written else [],
            }
        token = f"answer:{row.id}"
        await plan_message(
            connection,
            customer_id=row.customer_id,
            identity_id=row.identity_id,
            channel=row.channel,
            conversation_id=row.conversation_id,
            client_token=token,
            purpose=Purpose.CONVERSATION,
            content=said,
            now=self._clock.now(),
        )
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.conversation_id == row.conversation_id, _MESSAGES.c.client_token == token)
            .values(owner_token=row.token)
        )
        if answer.escalate and self._hand_over is not None:
            await self._hand_over(connection, row.conversation_id, "escalated")


def _subject(subject: str) -> str:
    return subject if not subject or subject.lower().startswith("re:") else f"Re: {subject}"


def _is_ours(row: Any, token: int) -> bool:
    """Whether the bot still has the conversation as it had it when the question came."""
    return row.state is ConversationState.BOT and row.token == token


async def _where(connection: AsyncConnection, message_id: str) -> Any:
    """The message that asked, with its conversation; None where either is gone."""
    found = await connection.execute(
        select(
            _MESSAGES.c.id, _MESSAGES.c.customer_id, _MESSAGES.c.identity_id, _MESSAGES.c.channel,
            _MESSAGES.c.conversation_id, _MESSAGES.c.subject, _MESSAGES.c.body, _MESSAGES.c.content,
            _CONVERSATIONS.c.state, _CONVERSATIONS.c.token,
        )
        .join(_CONVERSATIONS, _CONVERSATIONS.c.id == _MESSAGES.c.conversation_id)
        .where(_MESSAGES.c.id == message_id, _MESSAGES.c.identity_id.is_not(None))
    )  # fmt: skip
    return found.first()
