"""The store behind ``inbox.py``: customers, conversations and what was said in them, written in bulk."""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

AGENTS, HELD = 200, 5
"""Desks, and live chats that each holds: those customers write by SMS, from numbers that Ofcom keeps for stories."""
LIVE = AGENTS * HELD
SAID = 10
"""Messages of a conversation: six of the customer's, two of an agent's, two of the bot's."""
AT_ONCE = 20_000
_SYLLABLES = "ка за до ста вка по мо гу ли не при вет спа си бо воз врат тел ра та чи во ду or der pa cel re fund"
FREQUENT = (
    "заказ доставка спасибо здравствуйте где мой когда пожалуйста order parcel thanks hello refund "
    "возврат деньги книга адрес курьер оплата"
)
_FIRST = "Вера Анна Алёна Семён Олег Пётр Ali Reza Fatima John Mary Ann کریم زهرا"


def vocabulary(chance: random.Random) -> list[str]:
    """Words by their frequency: those that everybody says, then 30,000 others."""
    others = {"".join(chance.choices(_SYLLABLES.split(), k=chance.randint(2, 5))) for _ in range(40_000)}
    others -= set(FREQUENT.split())
    return [*FREQUENT.split(), *sorted(others)[:30_000]]


def texts(chance: random.Random, number: int) -> list[str]:
    """So many texts of three to twenty words, each word as frequent as its place says (Zipf)."""
    words = vocabulary(chance)
    weights = list(itertools.accumulate(1 / (place + 3) for place in range(len(words))))
    return [" ".join(chance.choices(words, cum_weights=weights, k=chance.randint(3, 20))) for _ in range(number)]


def phone(number: int) -> str:
    return f"+447700900{number:03d}"


class Town:
    """Everybody and everything in it. Rows are made as the databases keep them, ready for ``storage.imports.bulk``."""

    def __init__(self, conversations: int, now: int) -> None:
        from core.ids import new_ids

        self.size, self.now = conversations, now
        self.chance = random.Random(7)
        self.agents = new_ids(AGENTS)
        self.customers, self.identities = new_ids(conversations), new_ids(2 * conversations)
        self.talks = new_ids(conversations)

    def state(self, number: int) -> tuple[str, str]:
        """A conversation's state and agent: 1,000 held, 1.5 % waiting, 2 % asleep, 30 % with the bot, the rest over."""
        if number < LIVE:
            return "assigned", self.agents[number % AGENTS]
        share = (number * 7919 % 1000) / 1000
        if share < 0.015:
            return "queued", ""
        if share < 0.035:
            return "snoozed", self.agents[number % AGENTS]
        return ("bot", "") if share < 0.335 else ("resolved", "")

    def rows(self) -> Iterator[tuple[str, Sequence[str], list[tuple[Any, ...]]]]:
        """(table, columns, rows), in the order in which they may be inserted."""
        yield from self._parts("customers", _CUSTOMER, self._customer)
        for which in (0, 1):
            yield from self._parts("identities", _IDENTITY, lambda number, which=which: self._identity(number, which))
        yield from self._parts("conversations", _CONVERSATION, self._conversation)
        yield from self._said()

    def _parts(self, table: str, columns: str, row: Any) -> Iterator[tuple[str, Sequence[str], list[tuple[Any, ...]]]]:
        for start in range(0, self.size, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, self.size))
            yield table, columns.split(), [row(number) for number in numbers]

    def _customer(self, number: int) -> tuple[Any, ...]:
        first, last = self.chance.choice(_FIRST.split()), f"Фамилия{number % 5000}"
        name = f"{first} {last}".casefold()
        at = self._at(number)
        return (self.customers[number], f"C{number}", first, last, name, "ru", "", "Europe/Moscow", "RU", "Riga", "",
                "loyal", '{"points": 100, "favourite": "books"}', number + 1, "0" * 64, at, at)  # fmt: skip

    def _identity(self, number: int, which: int) -> tuple[Any, ...]:
        id_, who = self.identities[2 * number + which], self.customers[number]
        if which:
            channel, scope, address = "email", "", f"person{number}@example.org"
        elif number < LIVE:
            channel, scope, address = "sms", "", phone(number)
        else:
            channel, scope, address = "telegram", "100001", str(5_000_000_000 + number)
        return id_, who, channel, scope, address, f"{channel}:{number}", True, True, "", "", self._at(number)

    def _conversation(self, number: int) -> tuple[Any, ...]:
        state, agent = self.state(number)
        live, at = state in ("queued", "assigned"), self._at(number)
        channel = "sms" if number < LIVE else ("telegram", "email", "whatsapp", "webchat")[number % 4]
        queue = ("", "orders", "money")[number % 3] if live else ""
        queued, waits, due = (at if state == "queued" else None, at if live and number % 2 else None, at + 900_000_000)
        return (self.talks[number], self.customers[number], state, True, channel, agent, 1, at, at, "где мой заказ?",
                queue, number % 4, "ru", queued, waits, due if live else None)  # fmt: skip

    def _at(self, number: int) -> int:
        """When it began: chats of people in the last hour, so that nothing is silent for too long; others before."""
        if self.state(number)[0] in ("assigned", "queued", "snoozed"):
            return self.now - number % 3600 * 1_000_000
        return self.now - (self.size - number + 60) * 60_000_000

    def _said(self) -> Iterator[tuple[str, Sequence[str], list[tuple[Any, ...]]]]:
        from core.ids import new_ids

        pool, place = texts(self.chance, min(50_000, 10 * self.size)), 0
        for start in range(0, self.size, AT_ONCE // SAID):
            numbers = range(start, min(start + AT_ONCE // SAID, self.size))
            ids = iter(new_ids(SAID * len(numbers)))
            messages, found = [], []
            for turn, number in itertools.product(range(SAID), numbers):
                who = ("in", "out", "in", "agent", "in", "in", "out", "in", "agent", "in")[turn]
                id_, text = next(ids), self.chance.choice(pool)
                token = f"agent:{self.agents[number % AGENTS]}:{id_}" if who == "agent" else f"thanks:{id_}"
                messages.append(
                    (id_, "in" if who == "in" else "out", self.customers[number], self.identities[2 * number], "sms",
                     "benchmark", "conversation", "delivered", "", "", "", "", "", self.talks[number],
                     None if who == "in" else token, 0, 0, 0, "", "", text, "", self._at(number))
                )  # fmt: skip
                if who != "out":
                    place += 1
                    found.append((place, id_, text))
            yield "messages", _MESSAGE.split(), messages
            yield "search_texts", ["number", "message_id", "text"], found


_CUSTOMER = (
    "id external_id first_name last_name search locale zone zone_guess country city gender stage attributes draw "
    "content_hash created_at updated_at"
)
_IDENTITY = "id customer_id channel scope address key verified reachable unreachable_reason source created_at"
_CONVERSATION = (
    "id customer_id state verified channel agent token opened_at last_at last_text queue priority language queued_at "
    "waiting_since answer_due"
)
_MESSAGE = (
    "id direction customer_id identity_id channel account purpose state reason version step leg template "
    "conversation_id client_token lane tries fence worker subject body raw_blob created_at"
)


async def build(url: str, conversations: int) -> list[tuple[str, str]]:
    """Fill an empty store; gives each agent's session token and one conversation that they hold."""
    from core.clock import machine_now, to_micros
    from core.ids import new_id
    from desk.access.sessions import open_session
    from storage.imports.bulk import open_bulk
    from storage.migrate import upgrade
    from storage.outbox.columns import table
    from storage.store import Store
    from storage.tables import Agent, Cursor

    now = machine_now()
    async with await Store.open(url) as store:
        await upgrade(store)
        town = Town(conversations, to_micros(now))
        for name, columns, rows in town.rows():
            async with store.unhurried() as connection:
                await (await open_bulk(connection)).insert(name, columns, rows)
        desks = []
        async with store.write() as connection:
            await connection.execute(
                table(Cursor).insert().values(account="search", value={"id": new_id()}, updated_at=now)
            )
            for number, id_ in enumerate(town.agents):
                locale = ("en", "ru", "fa")[number % 3]
                agent = Agent(
                    id=id_, name=f"Agent {number}", email=f"a{number}@example.com", locale=locale, created_at=now
                )
                await connection.execute(table(Agent).insert(), agent.model_dump())
                desks.append((await open_session(connection, id_, "a benchmark", now), town.talks[number]))
            await connection.exec_driver_sql("ANALYZE")
    return desks
