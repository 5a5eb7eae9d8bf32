"""The demo's two agents: taken on for this run, with a password that was made for it."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.handoff import ownership
from bot.handoff.answering import Draft, answer
from core.actors import Actor
from core.agents import Role
from core.clock import machine_now
from core.machines.conversation import ConversationState
from desk.access.agents import add_agent, find, set_password
from otklik.demo.behaviour import REPLIES
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None is taken for another: the password is read off a terminal."""
NAMES = {
    "en": ("Vera Lind", "Martin Holt"),
    "ru": ("Вера Линд", "Мартин Хольт"),
    "fa": ("ورا لیند", "مارتین هولت"),
}
ANSWERS = {
    "en": (
        "With pleasure! Have you read “The Salt Path”? I have put a copy aside for you until Friday.",
        "How good to hear! The author's new one comes in March; shall I keep the first copy for you?",
        "Of course, there is no hurry. In spring we set up the garden tables; come by for a coffee.",
    ),
    "ru": (
        "С удовольствием! Читали «Лавра»? Отложила для вас экземпляр до пятницы.",
        "Как приятно! Новая книга автора выходит в марте: оставить вам первый экземпляр?",
        "Конечно, спешить некуда. Весной у нас снова будут столики в саду: заходите на кофе.",
    ),
    "fa": (
        "با کمال میل! «سووشون» را خوانده‌اید؟ یک نسخه تا جمعه برایتان کنار گذاشتم.",
        "چه خوب! کتاب تازه همین نویسنده اسفند می‌رسد؛ اولین نسخه را برایتان نگه دارم؟",
        "البته، هیچ عجله‌ای نیست. بهار میزهای حیاط را می‌چینیم؛ برای یک قهوه تشریف بیاورید.",
    ),
}
"""What is answered to each of the customers' replies, language by language; the first to anything else."""
ON_TELEGRAM = 9_000_000_001
"""The second agent's user id in the sandbox's Telegram; customers have smaller ones."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who answers. ``telegram`` is a user id, 0 for those who answer in the browser only."""

    name: str
    email: str
    role: Role
    telegram: int = 0


@dataclass(frozen=True, slots=True)
class Staff:
    """Who may sign in at the desk of this run, and by which password."""

    agents: tuple[Agent, ...]
    password: str


def cast_staff(lang: str) -> Staff:
    """Two agents with names in the demo's language; the password is drawn anew each time."""
    first, second = NAMES[lang]
    agents = (
        Agent(first, "vera@shop.example.com", Role.ADMIN),
        Agent(second, "martin@shop.example.com", Role.AGENT, ON_TELEGRAM),
    )
    return Staff(agents, "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3)))


async def take_on(store: Store, staff: Staff, lang: str) -> None:
    """Let them in: both speak every language of the demo, and nobody has a shift."""
    actor, now = Actor("operator", "demo"), machine_now()
    async with store.write() as connection:
        for agent in staff.agents:
            user = str(agent.telegram) if agent.telegram else None
            more = {"locale": lang, "languages": ["en", "ru", "fa"], "telegram": user}
            await add_agent(connection, agent.email, agent.name, actor=actor, now=now, role=agent.role, **more)
            await set_password(connection, agent.email, staff.password, actor=actor, now=now)


async def answer_everybody(store: Store, staff: Staff, lang: str, now: datetime) -> int:
    """The second agent takes whoever waits, answers and resolves; gives how many got an answer.

    Raises:
        OtklikError: a conversation is gone, or its customer cannot be reached.
    """
    queued = select(_CONVERSATIONS.c.id).where(_CONVERSATIONS.c.state == ConversationState.QUEUED)
    async with store.read() as connection:
        ids = list(await connection.scalars(queued.order_by(_CONVERSATIONS.c.id)))
    for id_ in ids:
        async with store.write() as connection:
            agent = str((await find(connection, staff.agents[-1].email)).id)
            row = await ownership.held(connection, id_)
            actor = Actor("agent", agent)
            token = await ownership.take(connection, id_, agent, actor=actor, now=now)
            words = _fitting(row.last_text, row.language or lang)
            await answer(connection, id_, agent, token, Draft(f"demo:{token}", words), now)
            await ownership.resolve(connection, id_, actor=actor, now=now)
    return len(ids)


def _fitting(said: str, language: str) -> str:
    """Words for what a customer said."""
    replies = REPLIES.get(language, REPLIES["en"])
    place = next((number for number, reply in enumerate(replies) if said.startswith(reply)), 0)
    return ANSWERS.get(language, ANSWERS["en"])[place]


async def waiting(store: Store) -> int:
    """How many customers wait for a person or have one."""
    async with store.read() as connection:
        found = select(func.count()).where(
            _CONVERSATIONS.c.state.in_([ConversationState.QUEUED, ConversationState.ASSIGNED])
        )
        return int(await connection.scalar(found) or 0)
