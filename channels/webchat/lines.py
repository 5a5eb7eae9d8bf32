"""What the web chat needs of whoever keeps its lines."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from core.chat import ChatLine


class Lines(Protocol):
    """The lines of every visitor's window. Each method may raise StoreUnavailable; then it may be called again."""

    async def add(
        self, visitor: str, direction: Literal["in", "out"], key: str, text: str, content: Mapping[str, Any]
    ) -> ChatLine:
        """Keep a line durably; the one that is there already if ``key`` was kept before."""
        ...

    async def latest(self, visitor: str, limit: int, *, before: str = "", since: str = "") -> list[ChatLine]:
        """The newest lines of a window, oldest first: those older than line ``before``, not older than ``since``."""
        ...

    async def reached(self, visitor: str, up_to: str, *, seen: bool) -> list[str]:
        """Note that our lines up to ``up_to`` came to the window, or were seen in it; those for which it is news."""
        ...
