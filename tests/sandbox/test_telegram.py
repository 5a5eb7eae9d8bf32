"""The Bot API with aiogram, by plain requests, and against the API's machine-readable description."""

import asyncio
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup
from aiohttp import web

from sandbox.telegram.bot import DEFAULT_TOKEN
from tests.sandbox.browser import until
from tests.sandbox.scene import Company, Running, running, spec

ANNA, DANA = 5001, 5004
LONG_DATA = {"inline_keyboard": [[{"text": "a", "callback_data": "я" * 33}]]}


def bot_for(sandbox: Running, token: str = DEFAULT_TOKEN) -> Bot:
    return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(sandbox.url), timeout=60))


@pytest.fixture
async def bot(sandbox: Running) -> Any:
    made = bot_for(sandbox)
    yield made
    await made.session.close()


async def call(sandbox: Running, method: str, **params: Any) -> dict[str, Any]:
    url = f"{sandbox.url}/bot{DEFAULT_TOKEN}/{method}"
    async with sandbox.client.post(url, json=params) as response:
        answer = await response.json()
        assert response.status == answer.get("error_code", 200)
        return answer


def keyboard(data: str = "yes") -> InlineKeyboardMarkup:
    button = InlineKeyboardButton(text="Yes", callback_data=data)
    return InlineKeyboardMarkup(
        inline_keyboard=[[button, InlineKeyboardButton(text="Shop", url="http://127.0.0.1:9/")]]
    )


async def test_a_message_arrives_and_a_button_comes_back(sandbox: Running, bot: Bot) -> None:
    sent = await bot.send_message(ANNA, " Hello <b>Анна</b> &amp; co\n", parse_mode="HTML", reply_markup=keyboard())
    assert sent.text == "Hello Анна & co"
    assert [(entity.type, entity.offset, entity.length) for entity in sent.entities or []] == [("bold", 6, 4)]
    (entry,) = await sandbox.ledger()
    assert (entry["to"], entry["provider_id"], entry["text"]) == ("5001", str(sent.message_id), "Hello Анна & co")
    await sandbox.do("anna", do="press")
    (update,) = await bot.get_updates()
    assert update.callback_query is not None
    assert update.callback_query.data == "yes"
    assert update.callback_query.message is not None
    assert update.callback_query.message.message_id == sent.message_id
    assert await bot.answer_callback_query(update.callback_query.id, text="ok")
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_callback_query(update.callback_query.id)
    assert await bot.get_updates(offset=update.update_id + 1) == []


async def test_starting_blocking_and_their_updates(sandbox: Running, bot: Bot) -> None:
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(DANA, "hello")
    await sandbox.do("dana", do="start_bot", text="token_-1")
    await bot.send_message(DANA, "hello")
    await sandbox.do("dana", do="block_bot")
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await bot.send_message(DANA, "hello")
    await sandbox.do("dana", do="unblock_bot")
    start, block, unblock = await bot.get_updates(timeout=1)
    assert start.message is not None
    assert start.message.text == "/start token_-1"
    assert start.message.entities is not None
    assert block.my_chat_member is not None
    assert block.my_chat_member.new_chat_member.status == "kicked"
    assert unblock.my_chat_member is not None
    assert unblock.my_chat_member.new_chat_member.status == "member"
    assert start.update_id < block.update_id < unblock.update_id
    assert [entry["code"] for entry in await sandbox.ledger()] == [400, None, 403]


async def test_a_deep_link_in_a_mail_starts_the_bot(sandbox: Running, bot: Bot) -> None:
    raw = b"Subject: x\r\nMessage-ID: <1@a>\r\n\r\nhttps://t.me/otklik_demo_bot?start=AbC_1 now\r\n"
    await sandbox.world.office.accept("hello@shop.example.com", ["dana@example.org"], raw, None)
    await sandbox.do("dana", do="start_bot")
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert update.message.text == "/start AbC_1"


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"chat_id": 1, "text": "x"}, 400, "Bad Request: chat not found"),
        ({"text": "x"}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": ANNA, "text": " "}, 400, "Bad Request: message text is empty"),
        ({"chat_id": ANNA, "text": "x" * 4097}, 400, "Bad Request: message is too long"),
        ({"chat_id": ANNA, "text": "<b>x", "parse_mode": "HTML"}, 400, "Can't find end tag"),
        ({"chat_id": ANNA, "text": "<p>", "parse_mode": "HTML"}, 400, 'Unsupported start tag "p" at byte offset 0'),
        ({"chat_id": ANNA, "text": "x", "reply_markup": LONG_DATA}, 400, "Bad Request: BUTTON_DATA_INVALID"),
        ({"chat_id": ANNA, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a"}]]}}, 400, "unallowed"),
    ],
)  # fmt: skip
async def test_refusals(sandbox: Running, params: dict[str, Any], code: int, words: str) -> None:
    answer = await call(sandbox, "sendMessage", **params)
    assert (answer["ok"], answer["error_code"]) == (False, code)
    assert words in answer["description"]
    assert sandbox.texts("anna", "telegram") == []


async def test_the_limits_are_of_the_text_after_parsing(sandbox: Running, bot: Bot) -> None:
    await bot.send_message(ANNA, "<b>" + "x" * 4096 + "</b>", parse_mode="HTML", reply_markup=keyboard("я" * 32))


async def test_wrong_tokens_and_methods(sandbox: Running) -> None:
    stranger = bot_for(sandbox, "100001:wrong")
    with pytest.raises(TelegramUnauthorizedError):
        await stranger.get_me()
    await stranger.session.close()
    assert (await call(sandbox, "flyToTheMoon"))["error_code"] == 404


def still(sandbox: Running) -> list[float]:
    """The time of the rates, which the test moves: a machine that is busy for a second would let more through."""
    time = [sandbox.world.bot.limits._now()]
    sandbox.world.bot.limits._now = lambda: time[0]
    return time


async def test_rates_ask_to_wait(sandbox: Running, bot: Bot) -> None:
    time = still(sandbox)
    for _ in range(3):
        await bot.send_message(ANNA, "x")
    with pytest.raises(TelegramRetryAfter) as refused:
        await bot.send_message(ANNA, "x")
    assert refused.value.retry_after >= 1
    await sandbox.post("/control/telegram", {"rate_scale": 1000})
    time[0] += 0.01
    await bot.send_message(ANNA, "x")


async def test_the_overall_rate() -> None:
    people = [{"key": f"p{n}", "telegram": {"user_id": n, "started": True}} for n in range(1, 41)]
    async with running(people) as sandbox:
        still(sandbox)
        answers = [await call(sandbox, "sendMessage", chat_id=n, text="x") for n in range(1, 41)]
    refused = [answer for answer in answers if not answer["ok"]]
    assert len(refused) == 10
    assert all(answer["parameters"]["retry_after"] == 1 for answer in refused)


async def test_editing_and_deleting(sandbox: Running, bot: Bot) -> None:
    sent = await bot.send_message(ANNA, "one")
    await bot.edit_message_text("two", chat_id=ANNA, message_id=sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_text("two", chat_id=ANNA, message_id=sent.message_id)
    assert sandbox.texts("anna", "telegram") == ["two"]
    assert await bot.delete_message(ANNA, sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(ANNA, sent.message_id)
    assert sandbox.texts("anna", "telegram") == []


async def test_files_chats_and_commands(sandbox: Running, bot: Bot) -> None:
    sent = await bot.send_document(ANNA, BufferedInputFile(b"a,b\n", "list.csv"), caption="The list")
    assert (sent.caption, sent.document and sent.document.file_name) == ("The list", "list.csv")
    assert sent.document is not None
    file = await bot.get_file(sent.document.file_id)
    content = await bot.download_file(file.file_path or "")
    assert content is not None
    assert content.read() == b"a,b\n"
    photo = await bot.send_photo(ANNA, BufferedInputFile(b"jpeg", "p.jpg"))
    again = await bot.send_photo(ANNA, photo.photo[-1].file_id if photo.photo else "")
    assert again.photo == photo.photo
    with pytest.raises(TelegramBadRequest, match="caption is too long"):
        await bot.send_photo(ANNA, "http://127.0.0.1:9/p.jpg", caption="x" * 1025)
    assert (await bot.get_chat(ANNA)).first_name == "Anna"
    await bot.set_my_commands([BotCommand(command="help", description="Help")])
    assert [command.command for command in await bot.get_my_commands()] == ["help"]
    assert await bot.send_chat_action(ANNA, "typing")
    assert (await bot.get_me()).username == "otklik_demo_bot"


async def test_a_later_poller_ends_the_earlier(sandbox: Running, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=20))
    await until(lambda: sandbox.world.updates.polled)
    second = asyncio.create_task(call(sandbox, "getUpdates", timeout=20))
    with pytest.raises(TelegramAPIError, match="terminated by other getUpdates request"):
        await first
    await sandbox.do("anna", do="write", channel="telegram", text="hi")
    assert [update["message"]["text"] for update in (await second)["result"]] == ["hi"]


async def test_updates_are_confirmed_by_offset_and_chosen_by_kind(sandbox: Running) -> None:
    for text in ("one", "two", "three"):
        await sandbox.do("anna", do="write", channel="telegram", text=text)
    found = (await call(sandbox, "getUpdates", limit=2))["result"]
    assert [update["message"]["text"] for update in found] == ["one", "two"]
    second = (await call(sandbox, "getUpdates", offset=found[1]["update_id"]))["result"]
    assert [update["message"]["text"] for update in second] == ["two", "three"]
    last = (await call(sandbox, "getUpdates", offset=-1))["result"]
    assert [update["message"]["text"] for update in last] == ["three"]
    await call(sandbox, "getUpdates", offset=last[0]["update_id"] + 1, allowed_updates=["message"])
    await sandbox.do("anna", do="block_bot")
    assert (await call(sandbox, "getUpdates"))["result"] == []
    await sandbox.do("anna", do="write", channel="telegram", text="four")
    await sandbox.later(25 * 3600)
    assert (await call(sandbox, "getUpdates"))["result"] == []


async def test_a_webhook_is_posted_to_until_it_takes(sandbox: Running, bot: Bot, company: Company) -> None:
    url = f"{company.url}/telegram"
    assert await bot.set_webhook(url, secret_token="s-3_cret")
    with pytest.raises(TelegramAPIError, match="can't use getUpdates method while webhook is active"):
        await bot.get_updates()
    company.answer = lambda _: web.Response(status=500)
    await sandbox.do("anna", do="write", channel="telegram", text="hi")
    assert len(company.requests) == 1
    await sandbox.later(1)
    await sandbox.later(2)
    assert len(company.requests) == 3
    info = await bot.get_webhook_info()
    assert (info.pending_update_count, info.last_error_message) == (1, "Wrong response from the webhook: 500")
    company.answer = lambda _: web.Response()
    await sandbox.later(4)
    assert len(company.requests) == 4
    assert len({request.body for request in company.requests}) == 1
    assert company.requests[0].headers["X-Telegram-Bot-Api-Secret-Token"] == "s-3_cret"
    assert (await sandbox.get("/control/state"))["undelivered_updates"] == 0
    with pytest.raises(TelegramBadRequest, match="not on this machine"):
        await bot.set_webhook("https://example.org/hook")
    assert await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_a_webhook_may_answer_with_a_method(sandbox: Running, bot: Bot, company: Company) -> None:
    await bot.set_webhook(company.url)
    body = {"method": "sendMessage", "chat_id": ANNA, "text": "at once"}
    company.answer = lambda _: web.json_response(body)
    await sandbox.do("anna", do="write", channel="telegram", text="hi")
    assert sandbox.texts("anna", "telegram") == ["hi", "at once"]


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        ({"kind": "accept_then_drop"}, True),
        ({"kind": "drop_before"}, False),
        ({"kind": "status", "code": 429, "retry_after": 7}, False),
        ({"kind": "status", "code": 502, "accepted": True}, True),
        ({"kind": "hang"}, True),
    ],
)
async def test_the_ledger_tells_what_was_accepted(sandbox: Running, fault: dict[str, Any], accepted: bool) -> None:
    await sandbox.post("/control/faults", [{"provider": "telegram", "count": 1, **fault}])
    bot = bot_for(sandbox)
    sending = asyncio.create_task(bot.send_message(ANNA, "x"))
    if fault["kind"] == "hang":
        await until(lambda: len(sandbox.world.ledger))
        await asyncio.wait((sending,), timeout=0.3)
        assert not sending.done()
        sending.cancel()  # the client gives up
    with pytest.raises((TelegramAPIError, asyncio.CancelledError)) as failed:
        await sending
    await bot.session.close()
    if fault.get("code") == 429:
        assert isinstance(failed.value, TelegramRetryAfter)
        assert failed.value.retry_after == 7
    (entry,) = await sandbox.ledger()
    assert entry["accepted"] is accepted
    assert len(sandbox.texts("anna", "telegram")) == int(accepted)


async def test_updates_may_come_twice(sandbox: Running, company: Company, bot: Bot) -> None:
    await sandbox.post("/control/faults", [{"provider": "telegram", "kind": "duplicate", "times": 3}])
    await bot.set_webhook(company.url)
    await sandbox.do("anna", do="write", channel="telegram", text="hi")
    assert len(company.requests) == 3


_UNQUOTED = str.maketrans("", "", '“”"')
KINDS = {"Integer": int, "String": str, "Boolean": bool}


async def test_answers_are_as_the_api_describes_them(sandbox: Running, bot: Bot) -> None:
    description = spec("telegram_bot_api.json")
    sandbox.world.bot.limits.scale = 1000
    await bot.send_message(ANNA, "hi", reply_markup=keyboard())
    await sandbox.do("anna", do="press")
    await sandbox.do("anna", do="reply", text="/help me")
    await sandbox.do("anna", do="block_bot")
    await sandbox.do("anna", do="unblock_bot")
    await sandbox.do("anna", do="edit", text="oh")
    await sandbox.do("anna", do="share_contact")
    await sandbox.do("anna", do="send_photo", text="look")
    for update in (await call(sandbox, "getUpdates"))["result"]:
        conform(description, update, ["Update"], "Update")
    calls = {
        "getMe": {}, "getWebhookInfo": {}, "getChat": {"chat_id": ANNA}, "sendMessage": {"chat_id": ANNA, "text": "x"},
        "sendPhoto": {"chat_id": ANNA, "photo": "http://127.0.0.1:9/x.jpg", "caption": "c"},
        "sendMediaGroup": {"chat_id": ANNA, "media": [{"type": "document", "media": f"id{n}"} for n in range(2)]},
    }  # fmt: skip
    for method, params in calls.items():
        described = description["methods"][method]
        assert set(params) <= {field["name"] for field in described["fields"]} if params else True
        conform(description, (await call(sandbox, method, **params))["result"], described["returns"], method)


def conform(description: dict[str, Any], value: Any, kinds: list[str], where: str) -> None:
    """Fail unless ``value`` is of one of ``kinds``, with all fields that are required and none that are unknown."""
    kind = kinds[0]
    if kind.startswith("Array of "):
        for item in value:
            conform(description, item, [kind.removeprefix("Array of ")], f"{where}[]")
        return
    described = description["types"].get(kind)
    if described is None:
        assert any(isinstance(value, KINDS.get(name, object)) for name in kinds), (where, value)
        return
    subtypes = described.get("subtypes")
    if subtypes:
        chosen = [name for name in subtypes if _told_apart(description["types"][name], value)]
        conform(description, value, chosen[:1] or subtypes[:1], f"{where}:{kind}")
        return
    fields = {field["name"]: field for field in described.get("fields", [])}
    assert set(value) <= set(fields), (where, set(value) - set(fields))
    missing = {name for name, field in fields.items() if field["required"]} - set(value)
    assert not missing, (where, missing)
    for name, content in value.items():
        conform(description, content, fields[name]["types"], f"{where}.{name}")


def _told_apart(described: dict[str, Any], value: dict[str, Any]) -> bool:
    required = {field["name"] for field in described["fields"] if field["required"]}
    status = next((field["description"] for field in described["fields"] if field["name"] == "status"), "")
    return required <= set(value) and (not status or f"always {value.get('status')}" in status.translate(_UNQUOTED))
