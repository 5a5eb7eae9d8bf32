"""What handling needs to know beside the event itself."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from core.tokens import Signer

REPLY = "reply"
START = "start"
"""Purposes of the tokens in reply addresses and in Telegram deep links; both carry the message's id."""


@dataclass(frozen=True, slots=True)
class Context:
    """One delivery's circumstances: when it was received and what time it is, both business time."""

    config: WorkspaceConfig
    received_at: datetime
    now: datetime
    reply_tokens: Signer
    start_tokens: Signer
    choice_tokens: Signer

    @property
    def since(self) -> datetime:
        """Where the attribution window begins."""
        return self.config.attribution_window.before(self.received_at, zone_named(self.config.zone))
