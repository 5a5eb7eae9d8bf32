"""The bot's menus: set where they changed, by scope and language, by both clients; nobody's start depends on them."""

from pathlib import Path
from typing import Any

import pytest

from bot.keywords import keyword
from bot.topics.meaning import Unclear, meaning_of
from channels.telegram.answers import Answer, failure_of
from channels.telegram.dialects import BALE, TELEGRAM
from channels.telegram.menus import CUSTOMERS, Menu, of_group
from core.errors import ChannelFault
from otklik.accounts import Account
from otklik.menus import FOR_CUSTOMERS, FOR_STAFF, menus, put_menus
from storage import migrate
from storage.store import Store
from tests.channels.telegram.test_with_sandbox import Client, played

GROUP = "-1001234567890"


@pytest.mark.parametrize("client", ["aiogram", "ptb"])
async def test_menus_are_set_once_by_scope_and_language(client: Client) -> None:
    wanted = menus("ru", [GROUP])
    async with played(client) as scene:
        bot = scene.adapter.menus()
        assert not await bot.has_its_own()
        assert [await bot.put(menu) for menu in wanted] == [True] * 8
        assert [await bot.put(menu) for menu in wanted] == [False] * 8
        assert await bot.put(Menu(of_group(GROUP), [("take", "Mine")], "en"))
        kept = scene.sandbox.world.bot.commands
    assert [one["command"] for one in kept["all_private_chats", 0, "fa"]] == list(FOR_CUSTOMERS)
    assert kept["all_private_chats", 0, ""] == kept["all_private_chats", 0, "ru"]
    assert [one["command"] for one in kept["chat", int(GROUP), ""]] == list(FOR_STAFF)
    assert kept["chat", int(GROUP), "en"] == [{"command": "take", "description": "Mine"}]


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
def test_every_command_is_known_to_whoever_reads_it(locale: str) -> None:
    for menu in menus(locale, [GROUP]):
        assert all(1 <= len(does) <= 256 for _, does in menu.commands)
    assert all(keyword(f"/{name}") is not None for name in FOR_CUSTOMERS)
    meant = [meaning_of(f"/{name} x") for name in FOR_STAFF if name != "snooze"] + [meaning_of("/snooze 2h")]
    assert not [one for one in meant if isinstance(one, Unclear)]


async def put_by(adapter: Any, tmp_path: Path) -> None:
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        await put_menus(store, [Account("telegram", adapter, lambda _: [])])


async def test_a_menu_made_by_hand_is_left_to_customers(tmp_path: Path) -> None:
    async with played("aiogram") as scene:
        kept = scene.sandbox.world.bot.commands
        kept["default", 0, ""] = [{"command": "shop", "description": "The shop"}]
        await put_by(scene.adapter, tmp_path)
        assert set(kept) == {("default", 0, "")}
        kept.clear()
        await put_by(scene.adapter, tmp_path)
        assert set(kept) == {("all_private_chats", 0, language) for language in ("", "en", "ru", "fa")}


async def test_a_refusal_is_nobodys_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any) -> tuple[None, Any]:
        return None, failure_of(Answer(401, "Unauthorized"))

    async with played("aiogram") as scene:
        monkeypatch.setattr(scene.adapter, "_ask", refused)
        with pytest.raises(ChannelFault):
            await scene.adapter.menus().put(Menu(CUSTOMERS, [("start", "Begin")]))
        await put_by(scene.adapter, tmp_path)


def test_only_who_knows_the_methods_is_asked() -> None:
    assert TELEGRAM.menus
    assert not BALE.menus
