"""What handling needs to know beside the event itself."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.index import Index
from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from core.tokens import Signer

REPLY = "reply"
START = "start"
"""Purposes of the tokens in reply addresses and in Telegram deep links; both carry the message's id."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What the bot has to say beside its fixed texts: the answers in force, for itself and for steps of flows.

    ``endpoint``: their words are asked of a language model first.
    """

    index: Index = field(default_factory=lambda: Index.build(()))
    endpoint: bool = False
    answers: Callable[[AsyncConnection, Any, str, str], Coroutine[Any, Any, bool]] | None = None


MUTE = Voice()
"""Knows no answers."""


@dataclass(frozen=True, slots=True)
class Context:
    """One delivery's circumstances: when it was received and what time it is, both business time."""

    config: WorkspaceConfig
    received_at: datetime
    now: datetime
    reply_tokens: Signer
    start_tokens: Signer
    choice_tokens: Signer
    voice: Voice = MUTE

    @property
    def since(self) -> datetime:
        """Where the attribution window begins."""
        return self.config.attribution_window.before(self.received_at, zone_named(self.config.zone))
