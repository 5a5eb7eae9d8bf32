"""Staff in their own chats with the bot: one line to one person. Who never pressed Start, or blocked it, gets none."""

from collections.abc import Awaitable, Callable
from typing import Any

from core.errors import ChannelFault, PermanentFailure, PermanentKind, SendFailure

Ask = Callable[[str, dict[str, Any]], Awaitable[tuple[Any, SendFailure | ChannelFault | None]]]


class StaffChats:
    """Chats with people of ours; ``ask`` makes one call and gives its result or its failure."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def tell(self, user: str, words: str) -> None:
        """Write to the user of that id.

        Raises:
            SendFailure, ChannelFault: as an adapter's ``send``.
        """
        if not user.isdecimal():
            raise PermanentFailure(PermanentKind.BAD_ADDRESS, f"{user!r} is no user id of Telegram")
        fields = {"chat_id": int(user), "text": words, "link_preview_options": {"is_disabled": True}}
        _, failure = await self._ask("sendMessage", fields)
        if failure is not None:
            raise failure
