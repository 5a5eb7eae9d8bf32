"""The gates as the outbox needs them: it declares, ``campaigns.gates`` satisfies."""

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import ColumnElement

from storage.outbox.columns import SendColumns


class DispatchGate(Protocol):
    """A reason for which a claimed message must not leave now."""

    @property
    def name(self) -> str: ...

    @property
    def verdict(self) -> str:
        """``hold``, ``cancel``, ``skip`` or ``defer``."""
        ...

    @property
    def predicate(self) -> Callable[[SendColumns], ColumnElement[bool]]: ...
