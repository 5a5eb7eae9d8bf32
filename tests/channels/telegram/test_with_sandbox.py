"""Both clients against the sandbox's Telegram: both sides' words must agree."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from core.errors import ChannelFault, PermanentFailure, PermanentKind, TransientFailure
from core.messages import (
    Address,
    AddressChanged,
    Attachment,
    Button,
    ChannelEvent,
    InboundMessage,
    OutboundMessage,
    Span,
)
from core.purposes import Purpose
from sandbox.people import Message
from sandbox.telegram.bot import DEFAULT_TOKEN
from sandbox.telegram.errors import TelegramError
from sandbox.telegram.files import PICTURE
from tests.faults.polling import until
from tests.sandbox.scene import Running, running

MESSAGE = OutboundMessage("m1", Address("telegram", "5001", "100001"), Purpose.MARKETING, "Ещё интересно?")
Client = Literal["aiogram", "ptb"]
PNG = Attachment("a.png", "image/png", len(PICTURE), content=PICTURE)


@dataclass
class Scene:
    sandbox: Running
    adapter: TelegramAdapter

    async def events(self) -> list[ChannelEvent]:
        """What came since the bot was asked first; each comes again until a later offset is given."""
        async with asyncio.timeout(60):
            while not (raws := (await self.adapter.poll({}))[0]):
                pass
        return [event for raw in raws for event in self.adapter.parse(raw)]

    async def inbound(self) -> InboundMessage:
        event = (await self.events())[-1]
        assert isinstance(event, InboundMessage)
        return event

    def phone(self) -> list[Message]:
        return list(self.sandbox.world.people.get("anna").thread("telegram"))


@asynccontextmanager
async def played(
    client: Client, dialect: Literal["telegram", "bale"] = "telegram", *, poll_seconds: int = 1
) -> AsyncIterator[Scene]:
    async with running(rate_scale=1000) as sandbox:
        await sandbox.post("/control/telegram", {"dialect": dialect})
        settings = TelegramSettings(
            "bot",
            DEFAULT_TOKEN,
            client=client,
            dialect=dialect,
            base_url=sandbox.url,
            poll_seconds=poll_seconds,
            timeout=60,
        )
        adapter = TelegramAdapter(settings)
        await adapter.open()
        try:
            yield Scene(sandbox, adapter)
        finally:
            await adapter.close()


@pytest.fixture(params=["aiogram", "ptb"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with played(request.param) as played_scene:
        yield played_scene


async def test_long_formatted_text_arrives_in_parts(scene: Scene) -> None:
    text = "😀 " + "слово " * 1000
    receipt = await scene.adapter.send(
        replace(MESSAGE, text=text, spans=(Span(2, 7, "bold"),), buttons=(Button("Да", "yes"),))
    )
    first, second = scene.phone()
    assert "".join((first.text + second.text).split()) == "".join(text.split())
    assert (first.buttons, second.buttons) == (None, [[{"text": "Да", "callback_data": "yes"}]])
    assert receipt.provider_id == f"5001:{second.provider_id}"
    await scene.sandbox.do("anna", do="press")
    pressed = await scene.inbound()
    assert (pressed.button, pressed.text, pressed.in_reply_to) == ("yes", "Да", receipt.provider_id)


async def test_a_press_is_answered_once_it_is_stored(scene: Scene) -> None:
    await scene.adapter.send(replace(MESSAGE, buttons=(Button("Да", "yes"),)))
    await scene.sandbox.do("anna", do="press")
    raws, cursor = await scene.adapter.poll({})
    assert len(scene.sandbox.world.bot.unanswered) == 1
    await scene.adapter.poll(cursor)  # the one that confirms
    await until(lambda: not scene.sandbox.world.bot.unanswered, "the answer to the press")
    assert len(raws) == 1


async def test_albums_pictures_and_files(scene: Scene) -> None:
    pdf = Attachment("счёт.pdf", "application/pdf", 4, content=b"%PDF")
    receipt = await scene.adapter.send(replace(MESSAGE, attachments=(PNG, pdf, replace(PNG, name="b.png"))))
    shown = [message.text for message in scene.phone()]
    assert shown == ["[photo: a.png]", "[photo: b.png]", "[document: счёт.pdf]", MESSAGE.text]
    ids = [f"5001:{message.provider_id}" for message in scene.phone()]
    assert (receipt.provider_id, receipt.detail) == (ids[-1], f"messages {', '.join(ids)}")


async def test_an_edit_and_the_same_edit_again(scene: Scene) -> None:
    receipt = await scene.adapter.send(replace(MESSAGE, buttons=(Button("Да", "yes"),)))
    edit = replace(MESSAGE, text="Спасибо!", replaces=receipt.provider_id)
    for _ in range(2):
        await scene.adapter.send(edit)
    (message,) = scene.phone()
    assert (message.text, message.buttons, message.edited) == ("Спасибо!", None, True)
    with pytest.raises(PermanentFailure, match="message to edit not found"):
        await scene.adapter.send(replace(edit, replaces="5001:999"))


async def test_a_reply_keyboard_and_the_own_number(scene: Scene) -> None:
    await scene.adapter.send(replace(MESSAGE, buttons=(Button("Мой номер", asks="contact"), Button("Нет"))))
    await scene.sandbox.do("anna", do="press", text="Мой номер")
    assert (await scene.inbound()).phone == "+12025550111"
    await scene.sandbox.do("anna", do="press", text="Нет")
    answer = await scene.inbound()
    assert (answer.text, answer.button, answer.phone) == ("Нет", "", "")


async def test_a_picture_is_fetched_when_somebody_asks(scene: Scene) -> None:
    await scene.sandbox.do("anna", do="send_photo", text="вот")
    event = await scene.inbound()
    (file,) = event.attachments
    assert (event.text, await scene.adapter.fetch(file)) == ("вот", PICTURE)
    with pytest.raises(PermanentFailure, match="larger than 20 MB"):
        await scene.adapter.fetch(replace(file, size=20 * 1024**2 + 1))
    with pytest.raises(PermanentFailure):
        await scene.adapter.fetch(replace(file, remote="unknown"))
    scene.sandbox.world.bot.files.keep("big", bytes(21 * 1024**2))
    big = scene.sandbox.world.bot.files.keep("big", bytes(21 * 1024**2)).file_id
    with pytest.raises(PermanentFailure, match="file is too big"):
        await scene.adapter.fetch(replace(file, remote=big))


async def test_an_edited_message_names_the_first(scene: Scene) -> None:
    await scene.sandbox.do("anna", do="write", channel="telegram", text="ДА")
    first = await scene.inbound()
    await scene.sandbox.do("anna", do="edit", text="НЕТ")
    edit = await scene.inbound()
    assert (edit.text, edit.replaces) == ("НЕТ", first.message_id)


async def test_a_chat_that_moves(scene: Scene) -> None:
    await scene.sandbox.do("anna", do="migrate", text="-1001234567890")
    (event,) = await scene.events()
    assert isinstance(event, AddressChanged)
    assert (event.old.value, event.new.value) == ("5001", "-1001234567890")
    with pytest.raises(TransientFailure) as caught:
        await scene.adapter.send(MESSAGE)
    assert caught.value.moved_to == "-1001234567890"
    receipt = await scene.adapter.send(replace(MESSAGE, to=event.new))
    assert receipt.provider_id.startswith("-1001234567890:")


async def test_flood_is_told_with_its_wait(scene: Scene) -> None:
    await scene.sandbox.post("/control/telegram", {"rate_scale": 0.01})
    await scene.adapter.send(MESSAGE)  # the chat's only one for a hundred seconds
    with pytest.raises(TransientFailure) as caught:
        await scene.adapter.send(MESSAGE)
    assert caught.value.code == "429"
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1


@pytest.mark.parametrize("client", ["aiogram", "ptb"])
async def test_two_pollers_are_told_so(client: Client) -> None:
    async with played(client, poll_seconds=60) as scene:  # the first is not to end by itself
        first = asyncio.create_task(scene.adapter.poll({}))
        await until(lambda: scene.sandbox.world.updates.polled, "a poller")
        second = asyncio.create_task(scene.adapter.poll({}))
        with pytest.raises(ChannelFault, match="another program uses this bot"):
            await first
        await scene.sandbox.do("anna", do="write", channel="telegram", text="ау")
        (raw,), _ = await second
        assert "ау" in raw.payload.decode()


async def test_a_webhook_gives_way_to_a_poller(scene: Scene) -> None:
    await scene.adapter.register_webhook("http://127.0.0.1:9/webhooks/bot")
    await scene.sandbox.do("anna", do="write", channel="telegram", text="ау")
    assert await scene.adapter.poll({}) == ([], {})
    assert (await scene.inbound()).text == "ау"


@pytest.mark.parametrize("client", ["aiogram", "ptb"])
async def test_a_server_with_fewer_methods(client: Client) -> None:
    async with played(client, "bale") as scene:
        spans = (Span(0, 3, "bold"), Span(4, 14, "link", "https://shop.example/"))
        receipt = await scene.adapter.send(replace(MESSAGE, spans=spans, buttons=(Button("Да", "yes"),)))
        await scene.adapter.send(replace(MESSAGE, attachments=(PNG, PNG)))
        assert scene.phone()[0].text == MESSAGE.text
        await scene.adapter.send(replace(MESSAGE, text="Всё", replaces=receipt.provider_id))
        assert scene.phone()[0].text == "Всё"
        with pytest.raises(PermanentFailure) as caught:
            await scene.adapter.send(replace(MESSAGE, text="", replaces=receipt.provider_id, buttons=(Button("Да"),)))
        assert caught.value.kind is PermanentKind.UNSUPPORTED
        await scene.sandbox.do("anna", do="write", channel="telegram", text="ау")
        assert (await scene.inbound()).text == "ау"
        entries = await scene.sandbox.ledger(provider="telegram")
        assert all(json.dumps(entry) and entry["accepted"] for entry in entries)


@pytest.mark.parametrize("client", ["aiogram", "ptb"])
async def test_a_voice_message_arrives_as_one_or_as_a_file(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    opus = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead"
    voice = Attachment("voice.ogg", "audio/ogg", len(opus), content=opus)
    async with played(client) as scene:
        await scene.adapter.send(replace(MESSAGE, attachments=(voice,)))
        table = scene.sandbox.world.telegram_api._methods.table

        async def forbidden(_: object) -> object:
            raise TelegramError(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN")

        monkeypatch.setitem(table, "sendvoice", forbidden)
        await scene.adapter.send(replace(MESSAGE, id="m2", attachments=(voice,)))
        said = [message.text.partition("\n")[0] for message in scene.phone()]
    assert said == ["[voice: voice.ogg]", "[document: voice.ogg]"]
