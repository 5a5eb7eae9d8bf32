"""One line to one person of ours: what is asked of the Bot API."""

from typing import Any

import pytest

from channels.telegram.staff import StaffChats
from core.errors import PermanentFailure, PermanentKind


async def test_a_line_goes_to_ones_own_chat() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(method: str, fields: dict[str, Any]) -> tuple[Any, None]:
        asked.append((method, fields))
        return {}, None

    await StaffChats(ask).tell("5501", "Urgent and new: 1 https://crm.example.com/desk/inbox")
    ((method, fields),) = asked
    assert (method, fields["chat_id"]) == ("sendMessage", 5501)
    assert fields["text"].startswith("Urgent")
    assert fields["link_preview_options"] == {"is_disabled": True}
    with pytest.raises(PermanentFailure):
        await StaffChats(ask).tell("@ann", "hello")
    assert len(asked) == 1


async def test_a_refusal_is_raised() -> None:
    async def ask(*_: object) -> tuple[Any, PermanentFailure]:
        return None, PermanentFailure(PermanentKind.BLOCKED, "bot was blocked by the user")

    with pytest.raises(PermanentFailure, match="blocked"):
        await StaffChats(ask).tell("5501", "hello")
