"""A Bot API call as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.messages import Attachment

ATTACHED = "attach://"


@dataclass(frozen=True, slots=True)
class Call:
    """A method, its fields as plain JSON values, and its files by the multipart name that they go under.

    A file is a field of its own (``photo``), or named from within another one as ``attach://name`` (``media``).
    """

    method: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Attachment] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What a reader will see as words: the text, or the caption."""
        return str(self.fields.get("text") or self.fields.get("caption") or "")
