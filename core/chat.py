"""A line in a web chat's window, as the window's server and the store both speak of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ChatLine:
    """What was said. ``direction`` is ``in`` from the visitor, ``out`` from us; ids sort by the order of making.

    ``key`` is the window's own for the visitor's lines (it drops repeats), our message's id for ours. ``content`` may
    hold ``spans`` and ``buttons`` as plain data, and the id of the line that it ``replaces``.
    """

    id: str
    direction: Literal["in", "out"]
    key: str
    text: str
    at: datetime
    content: Mapping[str, Any] = field(default_factory=dict)
    seen: bool = False
