"""The bot's menus: the commands that an app shows behind its Menu button and after a slash.

Bot API: https://core.telegram.org/bots/api#setmycommands (read 2026-11). A menu belongs to a scope and a language; an
app shows the narrowest that there is. What stands already is asked for first and left as it is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.telegram.plain import mapping, text
from core.errors import ChannelFault, SendFailure

CUSTOMERS: Mapping[str, Any] = {"type": "all_private_chats"}
_EVERYBODY: Mapping[str, Any] = {"type": "default"}
Ask = Callable[[str, dict[str, Any]], Awaitable[tuple[Any, SendFailure | ChannelFault | None]]]


def of_group(chat: str) -> Mapping[str, Any]:
    """The scope of everybody in a group."""
    return {"type": "chat", "chat_id": int(chat)}


@dataclass(frozen=True, slots=True)
class Menu:
    """Commands (without their slash) with what they do, for a scope; ``language`` is empty for all other languages."""

    scope: Mapping[str, Any]
    commands: Sequence[tuple[str, str]]
    language: str = ""


class Menus:
    """One bot's; ``ask`` makes one call and gives its result or its failure."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def has_its_own(self) -> bool:
        """Whether somebody gave the bot a menu by hand (BotFather): then it is the one that customers see.

        Raises:
            SendFailure, ChannelFault: nobody answers, or not to this bot.
        """
        return bool(await self._standing(_EVERYBODY, ""))

    async def put(self, menu: Menu) -> bool:
        """Set the menu; False where it stood already.

        Raises:
            SendFailure, ChannelFault: as above, or Telegram does not take it.
        """
        wanted = [{"command": name, "description": does} for name, does in menu.commands]
        if await self._standing(menu.scope, menu.language) == wanted:
            return False
        fields = {"commands": wanted, "scope": dict(menu.scope), "language_code": menu.language}
        _, failure = await self._ask("setMyCommands", fields)
        if failure is not None:
            raise failure
        return True

    async def _standing(self, scope: Mapping[str, Any], language: str) -> list[dict[str, str]]:
        found, failure = await self._ask("getMyCommands", {"scope": dict(scope), "language_code": language})
        if failure is not None:
            raise failure
        commands = found if isinstance(found, list) else []
        return [{name: text(mapping(one).get(name)) for name in ("command", "description")} for one in commands]
