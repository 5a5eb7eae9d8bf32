"""The adapter against a scripted Bot API: polling, files, the webhook's set-up."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from channels.telegram.updates import raw_update
from core.errors import ChannelFault, ConfigurationError, TransientFailure
from core.messages import Address, Attachment, Button, OutboundMessage
from core.purposes import Purpose

TOKEN = "100001:abc_def"
Handler = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@asynccontextmanager
async def bot_api(
    **methods: Handler | tuple[int, dict[str, Any]],
) -> AsyncIterator[tuple[TelegramAdapter, list[tuple[str, dict[str, Any]]]]]:
    """An open adapter on a Bot API that answers by method, and the calls it got."""
    calls: list[tuple[str, dict[str, Any]]] = []

    async def handle(request: web.Request) -> web.Response:
        method = request.match_info["method"]
        assert request.match_info["token"] == TOKEN
        if request.content_type == "application/json":
            fields = await request.json()
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
    adapter = TelegramAdapter(TelegramSettings("bot", TOKEN, base_url=url, poll_seconds=1, timeout=5))
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


async def test_a_poll_confirms_only_what_the_caller_gives_back() -> None:
    async with bot_api(getUpdates=lambda f: _updates(*range(max(f["offset"], 7), 9))) as (adapter, calls):
        raws, cursor = await adapter.poll({})
        assert ([raw.key for raw in raws], cursor) == (["7", "8"], {"offset": 9})
        again, _ = await adapter.poll({})
        assert again == raws, "what was not stored comes again"
        none, after = await adapter.poll(cursor)
        assert (none, after) == ([], cursor)
    assert [fields["offset"] for _, fields in calls] == [0, 0, 9]
    assert calls[0][1]["allowed_updates"] == ["message", "callback_query", "my_chat_member"]


async def test_a_second_poller_is_a_fault_that_says_what_to_do() -> None:
    conflict = {"ok": False, "error_code": 409, "description": "Conflict: terminated by other getUpdates request"}
    async with bot_api(getUpdates=(409, conflict)) as (adapter, calls):
        with pytest.raises(ChannelFault, match="another program uses this bot"):
            await adapter.poll({})
    assert [method for method, _ in calls] == ["getUpdates"]


async def test_a_webhook_left_from_before_is_removed_without_losing_updates() -> None:
    words = (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    )
    conflict = {"ok": False, "error_code": 409, "description": words}
    async with bot_api(getUpdates=(409, conflict)) as (adapter, calls):
        assert await adapter.poll({"offset": 3}) == ([], {"offset": 3})
    assert calls[1][0] == "deleteWebhook"
    assert calls[1][1].get("drop_pending_updates") in (None, "false", False)


@pytest.mark.parametrize("status", [429, 500, 502])
async def test_a_failed_poll_is_tried_again(status: int) -> None:
    body = {"ok": False, "error_code": status, "description": "x", "parameters": {"retry_after": 3}}
    async with bot_api(getUpdates=(status, body)) as (adapter, _):
        with pytest.raises(TransientFailure):
            await adapter.poll({})


async def test_a_cancelled_poll_ends_at_once() -> None:
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
    adapter = TelegramAdapter(TelegramSettings("bot", TOKEN, base_url=url))
    await adapter.open()
    task = asyncio.create_task(adapter.poll({}))
    await asyncio.wait_for(entered.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    release.set()
    await adapter.close()
    await runner.cleanup()


async def test_text_buttons_and_a_file_go_over_the_wire() -> None:
    message = OutboundMessage(
        "m1",
        Address("telegram", "42", "100001"),
        Purpose.MARKETING,
        "Да?",
        html="<b>Да?</b>",
        buttons=(Button("Да", "yes"),),
        attachments=(Attachment("счёт.pdf", "application/pdf", 4, content=b"%PDF"),),
    )
    async with bot_api(sendDocument=_sent) as (adapter, calls):
        assert (await adapter.send(message)).provider_id == "42:5"
    ((_, fields),) = calls
    assert (fields["chat_id"], fields["caption"], fields["parse_mode"]) == ("42", "<b>Да?</b>", "HTML")
    assert json.loads(fields["reply_markup"]) == {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    assert b"%PDF" in fields.values()


async def test_a_press_is_answered_and_a_late_answer_hurts_nobody() -> None:
    late = {"ok": False, "error_code": 400, "description": "Bad Request: query is too old and response timeout expired"}
    raw = raw_update("bot", b'{"update_id":1,"callback_query":{"id":"77","data":"yes"}}')
    async with bot_api(answerCallbackQuery=(400, late)) as (adapter, calls):
        await adapter.answer_callback(raw, "Спасибо")
        await adapter.answer_callback(raw_update("bot", b'{"update_id":2}'))
    assert calls == [("answerCallbackQuery", {"callback_query_id": "77", "text": "Спасибо"})]


async def test_the_webhook_is_registered_with_its_secret() -> None:
    refused = {"ok": False, "error_code": 400, "description": "Bad Request: bad webhook: HTTPS url must be provided"}
    async with bot_api(
        setWebhook=lambda f: (200, {"ok": True, "result": True}) if "https" in f["url"] else (400, refused)
    ) as (
        adapter,
        calls,
    ):
        await adapter.register_webhook("https://shop.example/webhooks/bot")
        with pytest.raises(ConfigurationError, match="HTTPS url must be provided"):
            await adapter.register_webhook("http://shop.example/webhooks/bot")
    assert json.loads(calls[0][1]["allowed_updates"]) == ["message", "callback_query", "my_chat_member"]


async def test_check_names_the_bot() -> None:
    me = {"ok": True, "result": {"id": 100001, "is_bot": True, "first_name": "Shop", "username": "example_shop_bot"}}
    async with bot_api(getMe=(200, me)) as (adapter, _):
        assert await adapter.check() == "Telegram bot @example_shop_bot answers (polling)"
