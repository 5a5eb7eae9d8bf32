"""The adapter against a scripted Bot API, by both clients: polling, files, several calls, the webhook's set-up."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest
from aiohttp import web

from channels.adapter import WebhookRequest
from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from channels.telegram.updates import raw_update
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    TransientFailure,
    UnknownOutcome,
)
from core.messages import Address, Attachment, Button, OutboundMessage, Receipt, Span
from core.purposes import Purpose

TOKEN = "100001:abc_def"
Answered = tuple[int, dict[str, Any]]
Handler = Callable[[dict[str, Any]], Answered]
Client = Literal["aiogram", "ptb"]
WANTED = ["message", "edited_message", "callback_query", "my_chat_member"]


@pytest.fixture(autouse=True, params=["aiogram", "ptb"])
def client(request: pytest.FixtureRequest) -> Client:
    """Which library speaks; every test here runs with both."""
    name: Client = request.param
    return name


@asynccontextmanager
async def bot_api(
    client: Client, dialect: Literal["telegram", "bale"] = "telegram", **methods: Handler | Answered
) -> AsyncIterator[tuple[TelegramAdapter, list[tuple[str, dict[str, Any]]]]]:
    """An open adapter on a Bot API that answers by method, and the calls it got (JSON fields as they were sent)."""
    calls: list[tuple[str, dict[str, Any]]] = []

    async def handle(request: web.Request) -> web.Response:
        method = request.match_info["method"]
        assert request.match_info["token"] == TOKEN
        if request.content_type == "application/json":
            given = await request.json()
            fields = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
        else:
            form = await request.post()
            fields = {k: v.file.read() if isinstance(v, web.FileField) else v for k, v in form.items()}
        calls.append((method, fields))
        script = methods.get(method, (200, {"ok": True, "result": True}))
        status, body = script(fields) if callable(script) else script
        return web.json_response(body, status=status)

    application = web.Application()
    application.router.add_post("/bot{token}/{method}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = TelegramSettings(
        "bot", TOKEN, client=client, dialect=dialect, base_url=url, poll_seconds=1, timeout=60, webhook_secret="hook"
    )
    adapter = TelegramAdapter(settings)
    await adapter.open()
    try:
        yield adapter, calls
    finally:
        await adapter.close()
        await runner.cleanup()


def _updates(*numbers: int) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": True, "result": [{"update_id": number, "message": {}} for number in numbers]}


def _sent(fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    chat = {"id": int(fields["chat_id"]), "type": "private"}
    return 200, {"ok": True, "result": {"message_id": 5, "date": 1796126400, "chat": chat}}


async def test_a_poll_confirms_only_what_the_caller_gives_back(client: Client) -> None:
    async with bot_api(client, getUpdates=lambda f: _updates(*range(max(int(f["offset"]), 7), 9))) as (adapter, calls):
        raws, cursor = await adapter.poll({})
        assert ([raw.key for raw in raws], cursor) == (["7", "8"], {"offset": 9})
        again, _ = await adapter.poll({})
        assert again == raws, "what was not stored comes again"
        none, after = await adapter.poll(cursor)
        assert (none, after) == ([], cursor)
    assert [fields["offset"] for _, fields in calls] == ["0", "0", "9"]
    assert json.loads(calls[0][1]["allowed_updates"]) == WANTED


async def test_a_second_poller_is_a_fault_that_says_what_to_do(client: Client) -> None:
    conflict = {"ok": False, "error_code": 409, "description": "Conflict: terminated by other getUpdates request"}
    async with bot_api(client, getUpdates=(409, conflict)) as (adapter, calls):
        with pytest.raises(ChannelFault, match="another program uses this bot"):
            await adapter.poll({})
    assert [method for method, _ in calls] == ["getUpdates"]


async def test_a_webhook_left_from_before_is_removed_without_losing_updates(client: Client) -> None:
    words = (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    )
    conflict = {"ok": False, "error_code": 409, "description": words}
    async with bot_api(client, getUpdates=(409, conflict)) as (adapter, calls):
        assert await adapter.poll({"offset": 3}) == ([], {"offset": 3})
    assert calls[1][0] == "deleteWebhook"
    assert calls[1][1].get("drop_pending_updates") in (None, "false", False)


@pytest.mark.parametrize("status", [429, 500, 502])
async def test_a_failed_poll_is_tried_again(client: Client, status: int) -> None:
    body = {"ok": False, "error_code": status, "description": "x", "parameters": {"retry_after": 3}}
    async with bot_api(client, getUpdates=(status, body)) as (adapter, _):
        with pytest.raises(TransientFailure):
            await adapter.poll({})


async def test_a_cancelled_poll_ends_at_once(client: Client) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def handle(_: web.Request) -> web.Response:
        entered.set()
        await release.wait()
        return web.json_response({"ok": True, "result": []})

    application = web.Application()
    application.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    adapter = TelegramAdapter(TelegramSettings("bot", TOKEN, client=client, base_url=url))
    await adapter.open()
    task = asyncio.create_task(adapter.poll({}))
    await asyncio.wait_for(entered.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 60)
    release.set()
    await adapter.close()
    await runner.cleanup()


async def test_text_buttons_and_a_file_go_over_the_wire(client: Client) -> None:
    message = OutboundMessage(
        "m1",
        Address("telegram", "42", "100001"),
        Purpose.MARKETING,
        "Да?",
        html="<b>Да?</b>",
        buttons=(Button("Да", "yes"),),
        attachments=(Attachment("счёт.pdf", "application/pdf", 4, content=b"%PDF"),),
    )
    async with bot_api(client, sendDocument=_sent) as (adapter, calls):
        assert (await adapter.send(message)).provider_id == "42:5"
    ((_, fields),) = calls
    assert (fields["chat_id"], fields["caption"], fields["parse_mode"]) == ("42", "<b>Да?</b>", "HTML")
    assert json.loads(fields["reply_markup"]) == {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    assert b"%PDF" in fields.values()


async def test_a_press_is_answered_and_a_late_answer_hurts_nobody(client: Client) -> None:
    late = {"ok": False, "error_code": 400, "description": "Bad Request: query is too old and response timeout expired"}
    raw = raw_update("bot", b'{"update_id":1,"callback_query":{"id":"77","data":"yes"}}')
    async with bot_api(client, answerCallbackQuery=(400, late)) as (adapter, calls):
        await adapter.answer_callback(raw, "Спасибо")
        await adapter.answer_callback(raw_update("bot", b'{"update_id":2}'))
        await adapter.answer_callback(raw, "ж" * 300)
    assert calls == [
        ("answerCallbackQuery", {"callback_query_id": "77", "text": "Спасибо"}),
        ("answerCallbackQuery", {"callback_query_id": "77", "text": "ж" * 200}),
    ]


async def test_the_webhook_is_registered_with_its_secret(client: Client) -> None:
    refused = {"ok": False, "error_code": 400, "description": "Bad Request: bad webhook: HTTPS url must be provided"}
    async with bot_api(
        client, setWebhook=lambda f: (200, {"ok": True, "result": True}) if "https" in f["url"] else (400, refused)
    ) as (
        adapter,
        calls,
    ):
        await adapter.register_webhook("https://shop.example/webhooks/bot")
        with pytest.raises(ConfigurationError, match="HTTPS url must be provided"):
            await adapter.register_webhook("http://shop.example/webhooks/bot")
    assert json.loads(calls[0][1]["allowed_updates"]) == WANTED


async def test_check_names_the_bot(client: Client) -> None:
    me = {"ok": True, "result": {"id": 100001, "is_bot": True, "first_name": "Shop", "username": "example_shop_bot"}}
    async with bot_api(client, getMe=(200, me)) as (adapter, _):
        assert await adapter.check() == "Telegram bot @example_shop_bot answers (polling)"


MESSAGE = OutboundMessage("m1", Address("telegram", "42", "100001"), Purpose.MARKETING, "Да?")
LONG = replace(
    MESSAGE, text="\n\n".join(f"{word} " * 500 for word in ("альфа", "бета", "гамма")), buttons=(Button("Да", "yes"),)
)


class Script:
    """Answers the calls of one method one after the other, then by a message with the next number."""

    def __init__(self, *answers: Answered | None) -> None:
        self._answers = list(answers)
        self._number = 4

    def __call__(self, fields: dict[str, Any]) -> Answered:
        given = self._answers.pop(0) if self._answers else None
        if given is not None:
            return given
        self._number += 1
        chat = {"id": int(fields["chat_id"]), "type": "private"}
        return 200, {"ok": True, "result": {"message_id": self._number, "date": 1796126400, "chat": chat}}


def refusal(status: int, words: str, **parameters: int) -> Answered:
    return status, {"ok": False, "error_code": status, "description": words, "parameters": parameters}


async def test_entities_and_buttons_go_as_json(client: Client) -> None:
    spans = (Span(0, 2, "bold"),)
    async with bot_api(client, sendMessage=Script()) as (adapter, calls):
        assert await adapter.send(replace(MESSAGE, spans=spans)) == Receipt("42:5")
    ((_, fields),) = calls
    assert json.loads(fields["entities"]) == [{"type": "bold", "offset": 0, "length": 2}]
    assert "parse_mode" not in fields


async def test_an_album_is_one_call_and_names_every_message(client: Client) -> None:
    def album(fields: dict[str, Any]) -> Answered:
        chat = {"id": int(fields["chat_id"]), "type": "private"}
        return 200, {"ok": True, "result": [{"message_id": n, "date": 1796126400, "chat": chat} for n in (5, 6)]}

    pictures = tuple(Attachment(f"{n}.png", "image/png", 3, content=b"abc") for n in "ab")
    message = replace(MESSAGE, attachments=pictures, spans=(Span(0, 2, "bold"),))
    async with bot_api(client, sendMediaGroup=album) as (adapter, calls):
        assert await adapter.send(message) == Receipt("42:6", "messages 42:5, 42:6")
    ((_, fields),) = calls
    first, second = json.loads(fields["media"])
    assert (first["caption"], first["caption_entities"]) == ("Да?", [{"type": "bold", "offset": 0, "length": 2}])
    assert [fields[item["media"].removeprefix("attach://")] for item in (first, second)] == [b"abc", b"abc"]


async def test_parts_go_in_order_and_the_receipt_names_them_all(client: Client) -> None:
    async with bot_api(client, sendMessage=Script()) as (adapter, calls):
        assert await adapter.send(LONG) == Receipt("42:7", "messages 42:5, 42:6, 42:7")
    assert ["reply_markup" in fields for _, fields in calls] == [False, False, True]


async def test_a_later_part_waits_as_told_and_no_part_goes_twice(client: Client) -> None:
    flood = refusal(429, "Too Many Requests: retry after 0", retry_after=0)
    async with bot_api(client, sendMessage=Script(None, flood)) as (adapter, calls):
        assert (await adapter.send(LONG)).provider_id == "42:7"
    texts = [fields["text"] for _, fields in calls]
    assert len(texts) == 4
    assert (texts[1], len(set(texts))) == (texts[2], 3)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(429, "Too Many Requests: retry after 60", retry_after=60),
        refusal(403, "Forbidden: bot was blocked by the user"),
        refusal(500, "Internal Server Error"),
        refusal(401, "Unauthorized"),
    ],
    ids=["a long wait", "blocked", "a server's fault", "a lost token"],
)
async def test_a_message_of_which_a_part_is_out_is_unknown_and_says_what_is_out(
    client: Client, answer: Answered
) -> None:
    async with bot_api(client, sendMessage=Script(None, answer)) as (adapter, calls):
        with pytest.raises(UnknownOutcome, match=r"1 of its messages are out \(42:5\), the rest is not"):
            await adapter.send(LONG)
    assert len(calls) == 2


async def test_nothing_out_means_what_it_means_anywhere(client: Client) -> None:
    blocked = refusal(403, "Forbidden: bot was blocked by the user")
    async with bot_api(client, sendMessage=Script(blocked)) as (adapter, calls):
        with pytest.raises(PermanentFailure) as caught:
            await adapter.send(LONG)
    assert (caught.value.kind, len(calls)) == (PermanentKind.BLOCKED, 1)


async def test_an_edit_that_changes_nothing_has_succeeded(client: Client) -> None:
    same = refusal(400, "Bad Request: message is not modified: specified new message content and reply markup are ...")
    edit = replace(MESSAGE, replaces="42:5")
    async with bot_api(client, editMessageText=Script(None, same)) as (adapter, calls):
        assert [(await adapter.send(edit)).provider_id for _ in range(2)] == ["", ""]
    assert [(method, fields["message_id"]) for method, fields in calls] == [("editMessageText", "5")] * 2


async def test_a_moved_chat_was_not_sent_to_and_says_where_it_is(client: Client) -> None:
    moved = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-100123)
    async with bot_api(client, sendMessage=moved) as (adapter, calls):
        with pytest.raises(TransientFailure) as caught:
            await adapter.send(MESSAGE)
    assert (caught.value.moved_to, caught.value.retry_after, len(calls)) == ("-100123", 0.0, 1)


async def test_a_webhook_without_a_secret_header_carries_it_in_its_address(client: Client) -> None:
    async with bot_api(client, "bale") as (adapter, calls):
        await adapter.register_webhook("https://shop.example/webhooks/bot")
        request = WebhookRequest("POST", "https://shop.example/webhooks/bot?secret=hook", {}, b'{"update_id":1}')
        assert adapter.receive(request)
        assert adapter.receive(replace(request, url="https://shop.example/webhooks/bot?secret=hoo")) is None
        assert adapter.receive(replace(request, url="https://shop.example/webhooks/bot")) is None
    assert calls == [("setWebhook", {"url": "https://shop.example/webhooks/bot?secret=hook"})]


async def test_a_missing_library_is_told_in_words(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'telegram'", name="telegram")

    monkeypatch.setattr("importlib.import_module", missing)
    adapter = TelegramAdapter(TelegramSettings("bot", TOKEN, client=client))
    with pytest.raises(ConfigurationError, match=r"bot\.client: telegram is not installed"):
        await adapter.open()
