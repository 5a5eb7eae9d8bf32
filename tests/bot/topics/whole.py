"""A whole service, the sandbox in the providers' place, and a group in which staff answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core import catalogue
from core.clock import machine_now
from otklik.demo.processes import kept_port
from otklik.service import Service, running_service
from otklik.settings import Configuration, Settings
from otklik.web import make_app, serving
from sandbox.telegram.bot import DEFAULT_TOKEN
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, Conversation, DeskTopic
from tests.faults.polling import until
from tests.sandbox.groups import GROUP, StaffGroup
from tests.sandbox.scene import Running, running
from tests.serving import ended

SECONDS = 120.0
SANDBOX_SID, SANDBOX_AUTH = "AC0123456789abcdef0123456789abcdef", "sandbox-token-of-twilio"
HUMAN = "I want to talk to a person"
PROMISE = catalogue.text("en", "handoff.wait", when="\0").partition("\0")[0]


@dataclass
class Whole:
    """The service, its store, the sandbox and the group."""

    store: Store
    sandbox: Running
    group: StaffGroup
    services: list[Service] = field(default_factory=list)

    async def customer(self, text: str, key: str = "anna", channel: str = "telegram") -> None:
        await self.sandbox.do(key, do="write", channel=channel, text=text)

    async def opened(self, name: str = "Anna") -> int:
        """Anna asks for a person, and is promised one; the number of her topic."""
        await self.customer(HUMAN)
        await self.phone(PROMISE)  # it left: whatever is sent from now on comes after it
        await self.shows(name, HUMAN)
        return await self.group.thread(name)

    async def shows(self, topic: int | str, *words: str) -> str:
        """What the bot wrote in the topic, once all of ``words`` stand there."""
        shown = ""

        async def look() -> bool:
            nonlocal shown
            with suppress(ValueError):  # there is no such topic yet
                shown = await self.group.text(topic)
            return all(word in shown for word in words)

        try:
            await until(look, f"{words} in the topic", SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}; there stands:\n{shown}") from None
        return shown

    async def phone(self, text: str, key: str = "anna", channel: str = "telegram") -> list[str]:
        """What stands on the phone, once ``text`` is in it."""
        await until(
            lambda: any(text in one for one in self.sandbox.texts(key, channel)),
            f"{text!r} on the phone of {key}", SECONDS,
        )  # fmt: skip
        return self.sandbox.texts(key, channel)

    async def conversation(self) -> Any:
        return (await self.rows(Conversation))[0]

    async def topic(self) -> Any:
        return (await self.rows(DeskTopic))[0]

    async def rows(self, model: Any) -> list[Any]:
        rows = table(model)
        async with self.store.read() as connection:
            return list((await connection.execute(select(rows))).all())

    async def becomes(self, state: str, **more: Any) -> Any:
        """The conversation, once it is so."""

        async def look() -> Any:
            row = await self.conversation()
            return (
                row if row.state == state and all(getattr(row, key) == value for key, value in more.items()) else None
            )

        return await until(look, f"the conversation to be {state} {more}", SECONDS)

    async def agent(self, name: str, telegram: str) -> str:
        made = Agent(name=name, email=f"{name}@example.com", telegram=telegram, created_at=machine_now())
        async with self.store.write() as connection:
            await connection.execute(table(Agent).insert(), made.model_dump())
        return made.id


def configuration(sandbox: Running, folder: Path, port: int, **telegram: str) -> Configuration:
    settings = Settings(
        data_dir=folder, secret="x" * 40, host="127.0.0.1", port=port, public_url=f"http://127.0.0.1:{port}",
        backup_before_migration=False, composing_process=False, rate_scale=100, log_level="warning",
    )  # fmt: skip
    twilio = {"account_sid": SANDBOX_SID, "auth_token": SANDBOX_AUTH, "base_url": sandbox.url, "sender": "+12025550100"}
    bot = {"token": DEFAULT_TOKEN, "base_url": sandbox.url, "poll_seconds": "2", "desk_groups": str(GROUP), **telegram}
    return Configuration(settings, {"telegram": bot, "sms": twilio})


@asynccontextmanager
async def set_stage(store: Store, folder: Path, workers: int = 1, **telegram: str) -> AsyncIterator[Whole]:
    """Everything runs until the block ends. Only the first of several workers asks Telegram for updates."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(running(virtual_now=None, rate_scale=100.0))
        group = await StaffGroup(sandbox).set_up()
        whole = Whole(store, sandbox, group)
        await whole.agent("Olga", "7001")
        await whole.agent("Pavel", "7002")
        port = stack.enter_context(kept_port())
        await sandbox.post("/control/twilio", {"inbound_url": f"http://127.0.0.1:{port}/webhooks/sms"})
        for number in range(workers):
            configured = configuration(sandbox, folder / f"worker{number}", port, **telegram)
            service = await stack.enter_async_context(running_service(configured, store))
            if number:
                for account in service.accounts:
                    account.sources.clear()
            else:
                await stack.enter_async_context(serving(make_app(service), "127.0.0.1", port))
            whole.services.append(service)
            stack.push_async_callback(ended, asyncio.create_task(service.run()))
        yield whole
