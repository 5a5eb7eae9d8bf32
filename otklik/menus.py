"""Wiring of the bots' menus: what customers may ask of a bot, and what staff may do in its groups, in our languages."""

from collections.abc import Iterable, Sequence

import structlog

from campaigns.live import workspace_config
from channels.telegram.adapter import TelegramAdapter
from channels.telegram.menus import CUSTOMERS, Menu, of_group
from core import catalogue
from core.errors import ChannelFault, SendFailure, StoreUnavailable
from otklik.accounts import Account
from storage.store import Store

log = structlog.get_logger(__name__)
FOR_CUSTOMERS = ("start", "help", "later", "stop")
FOR_STAFF = ("take", "return", "note", "canned", "customer", "snooze", "resolve")


def menus(locale: str, groups: Iterable[str]) -> Sequence[Menu]:
    """All of a bot's; those who speak none of our languages read the organisation's ``locale``."""
    scopes = [(CUSTOMERS, "customer", FOR_CUSTOMERS), *((of_group(one), "staff", FOR_STAFF) for one in sorted(groups))]
    return [
        Menu(scope, [(name, catalogue.text(spoken, f"menu.{whose}_{name}")) for name in names], language)
        for scope, whose, names in scopes
        for language, spoken in (("", locale), *((one, one) for one in catalogue.LANGUAGES))
    ]


async def put_menus(store: Store, accounts: Iterable[Account]) -> None:
    """Give every Telegram bot its menus, where they changed. Nothing waits for it, and nothing fails with it."""
    for account in accounts:
        adapter = account.adapter
        if not isinstance(adapter, TelegramAdapter) or not adapter.has_menus:
            continue
        try:
            async with store.read() as connection:
                locale = (await workspace_config(connection)).locale
            bot = adapter.menus()
            own = await bot.has_its_own()
            for menu in menus(locale, adapter.desk_groups):
                if menu.scope is not CUSTOMERS or not own:
                    await bot.put(menu)
        except (SendFailure, ChannelFault, StoreUnavailable) as error:
            log.info("the bot's menus stay as they were", account=account.name, error=str(error))
