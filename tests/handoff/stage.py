"""A whole service against the sandbox's providers, a customer on one channel, an agent signed in at the web desk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, CookieJar

from bot.conversations import plan_message
from campaigns.applying.answers import write_answers
from campaigns.definition import Brand, WorkspaceConfig
from core.actors import SYSTEM
from core.addresses import identity_key
from core.clock import VirtualClock
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP, Address
from core.purposes import Purpose
from desk.access.agents import add_agent, set_password
from otklik.demo.processes import kept_port
from otklik.service import running_service
from otklik.settings import Configuration, Settings
from otklik.web import make_app, serving
from sandbox.telegram.bot import DEFAULT_TOKEN
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Conversation, Customer, Identity, Message, Setting
from tests.bot.answers.stage import answers
from tests.channels.webchat.stage import SECRET, SHOP, START, Stage, Window
from tests.faults.polling import until
from tests.sandbox.scene import Running, running
from tests.serving import ended

SECONDS = 60.0
SID, AUTH = "AC0123456789abcdef0123456789abcdef", "sandbox-token-of-twilio"
ANN, PASSWORD = "ann@example.com", "seven warm shelves"
PERSIAN = "## سفارش من کجاست؟ {#track}\nبه پیوند پیام ما نگاه کنید.\n"
RUSSIAN = "## Где мой заказ? {#track}\nПосмотрите по ссылке в нашем письме.\n"


@dataclass
class Phone:
    """A customer's phone or mail program in the sandbox: what reached it is what the provider's ledger took."""

    sandbox: Running
    channel: str

    async def says(self, text: str) -> None:
        await self.sandbox.do("vera", do="reply" if self.channel == EMAIL else "write", channel=self.channel, text=text)

    async def heard(self) -> list[str]:
        taken = [
            entry for entry in await self.sandbox.ledger() if entry["accepted"] and entry["channel"] == self.channel
        ]
        return [entry["text"] for entry in taken]

    async def hears(self, text: str) -> None:
        async def look() -> bool:
            return any(text in one for one in await self.heard())

        await until(look, f"{text!r} on {self.channel}", SECONDS)

    async def mail(self, text: str) -> dict[str, str]:
        """The headers of the mail that says ``text``, in lower case."""
        kept = self.sandbox.world.people.get("vera").thread(EMAIL)
        number = next(one.number for one in kept if text in one.text)
        found = await self.sandbox.get(f"/api/people/vera/mail/{number}")
        return {name.lower(): value for name, value in dict(found["headers"]).items()}


@dataclass
class Browser:
    """A window of the web chat, by its frames."""

    window: Window
    lines: list[str] = field(default_factory=list)
    said: int = 0

    async def says(self, text: str) -> None:
        self.said += 1
        await self.window.say(text, f"key-{self.said:04}")

    async def heard(self) -> list[str]:
        return self.lines

    async def hears(self, text: str) -> None:
        async with asyncio.timeout(SECONDS):
            while not any(text in one for one in self.lines):
                line = (await self.window.hear("line"))["line"]
                if line["from"] == "shop":
                    self.lines.append(line["text"])


@dataclass
class Agent:
    """A signed-in browser at the desk; ``press`` sends the forms of its page."""

    http: ClientSession
    url: str

    async def enter(self) -> None:
        form = {"email": ANN, "password": PASSWORD, "code": ""}
        async with self.http.post(
            f"{self.url}/desk/sign-in", data=form, headers=self._own, allow_redirects=False
        ) as got:
            assert got.status == 303, await got.text()

    async def token(self, id_: str) -> str:
        """What the page shows of whose the conversation is."""
        async with self.http.get(f"{self.url}/desk/inbox/{id_}/news", headers=self._own) as got:
            assert got.status == 200, await got.text()
            return str((await got.json())["token"])

    async def press(self, id_: str, what: str, **form: str) -> int:
        token = form.pop("token", None) or await self.token(id_)
        async with self.http.post(
            f"{self.url}/desk/inbox/{id_}/{what}", data={"token": token, **form}, headers=self._own
        ) as got:
            return got.status

    @property
    def _own(self) -> dict[str, str]:
        return {"origin": self.url, "x-desk": "part"}


@dataclass
class Handoff:
    """The service with its store and clock, the customer and the agent."""

    served: Stage
    customer: Phone | Browser
    agent: Agent

    async def conversation(self, *states: str) -> Any:
        """The customer's conversation, once it is in one of the states."""
        so = table(Conversation).c.state.in_(states)
        return await self._until(lambda: self.served.rows(Conversation, so), f"a conversation {states}")

    async def stands(self, text: str) -> Any:
        """The customer's message in its thread, once it is there."""
        messages = table(Message)
        there = messages.c.direction == "in", messages.c.body.contains(text)
        return await self._until(lambda: self.served.rows(Message, *there), f"{text!r} in the thread")

    async def _until(self, look: Callable[[], Awaitable[list[Any]]], what: str) -> Any:
        found: list[Any] = await until(look, what, SECONDS)
        return found[-1]


@asynccontextmanager
async def set_stage(store: Store, folder: Path, channel: str, language: str) -> AsyncIterator[Handoff]:
    """Everything runs until the block ends."""
    vera = {
        "key": "vera", "name": "Vera", "lang": language, "email": "vera@example.org", "phone": "+12025550111",
        "sms": True, "whatsapp": True, "telegram": {"user_id": 5001, "started": True},
    }  # fmt: skip
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(running([vera], virtual_now=None, rate_scale=100.0))
        port = stack.enter_context(kept_port())
        await sandbox.post("/control/twilio", {"inbound_url": f"http://127.0.0.1:{port}/webhooks/{channel}"})
        await _fill(store)
        configured = _configuration(sandbox, folder, port, channel)
        service = await stack.enter_async_context(running_service(configured, store))
        await stack.enter_async_context(serving(make_app(service), "127.0.0.1", port))
        assert isinstance(service.clock, VirtualClock)
        served = Stage(service, port, store, service.clock)
        stack.push_async_callback(ended, asyncio.create_task(service.run()))
        http = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        agent = Agent(http, served.url)
        await agent.enter()
        if channel == WEBCHAT:
            window = await stack.enter_async_context(served.window())
            yield Handoff(served, Browser(window), agent)
            return
        phone = Phone(sandbox, channel)
        if channel == EMAIL:  # an answer to a mail of ours proves who wrote it
            await _write_first(store, served)
            await phone.hears("Welcome, Vera")
        yield Handoff(served, phone, agent)


async def _fill(store: Store) -> None:
    config = WorkspaceConfig(brand=Brand(name="Lantern Books"))
    async with store.write() as connection:
        value = config.model_dump(mode="json")
        await connection.execute(table(Setting).insert().values(name="workspace", value=value, updated_at=START))
        await write_answers(connection, answers(**{"delivery.ru": RUSSIAN, "delivery.fa": PERSIAN}), START)
        await add_agent(connection, ANN, "Ann Stone", actor=SYSTEM, now=START)
        await set_password(connection, ANN, PASSWORD, actor=SYSTEM, now=START)


async def _write_first(store: Store, served: Stage) -> None:
    """A customer whom we know, and a mail to her."""
    vera = Customer(first_name="Vera", created_at=START, updated_at=START)
    address = Address(EMAIL, "vera@example.org")
    place = Identity(
        customer_id=vera.id, channel=EMAIL, address=address.value, key=identity_key(address), created_at=START
    )
    chat = Conversation(customer_id=vera.id, channel=EMAIL, opened_at=START, last_at=START)
    async with store.write() as connection:
        for row in (vera, place, chat):
            await connection.execute(table(type(row)).insert(), row.model_dump())
        await plan_message(
            connection, customer_id=vera.id, identity_id=place.id, channel=EMAIL, conversation_id=chat.id,
            client_token="welcome", purpose=Purpose.CONVERSATION, now=START,
            content={"text": "Welcome, Vera", "subject": "Lantern Books"},
        )  # fmt: skip
    served.service.wakeup.notify(f"outbox:{EMAIL}")
    messages = table(Message)
    await until(
        lambda: served.rows(Message, messages.c.state.in_([MessageState.ACCEPTED, MessageState.DELIVERED])),
        "the mail to be taken", SECONDS,
    )  # fmt: skip


def _configuration(sandbox: Running, folder: Path, port: int, channel: str) -> Configuration:
    settings = Settings(
        data_dir=folder, secret="x" * 40, clock="virtual", now=START, host="127.0.0.1", port=port,
        public_url=f"http://127.0.0.1:{port}", backup_before_migration=False, composing_process=False, rate_scale=100,
        log_level="warning",
    )  # fmt: skip
    twilio = {"account_sid": SID, "auth_token": AUTH, "base_url": sandbox.url, "sender": "+12025550100"}
    channels = {
        TELEGRAM: {"token": DEFAULT_TOKEN, "base_url": sandbox.url, "poll_seconds": "2"},
        SMS: twilio,
        WHATSAPP: twilio,
        WEBCHAT: {"origins": SHOP, "identity_secret": SECRET},
        EMAIL: {
            "host": "127.0.0.1", "port": str(sandbox.world.smtp_port), "tls": "none", "sender": "ann@shop.example.com",
            "reply_address": "reply@shop.example.com", "imap_host": "127.0.0.1", "imap_tls": "none",
            "imap_port": str(sandbox.world.mailbox.port), "imap_username": "otklik", "imap_password": "sandbox",
            "imap_history": "all",
        },
    }  # fmt: skip
    return Configuration(settings, {channel: channels[channel]})
