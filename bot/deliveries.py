"""Deliveries: what a provider brought, stored and read."""

from dataclasses import dataclass
from datetime import datetime

from core.messages import ChannelEvent, DeliveryReport, InboundMessage, RawInbound


@dataclass(frozen=True, slots=True)
class Delivery:
    """A stored delivery and the events in it."""

    id: str
    raw: RawInbound
    received_at: datetime
    events: tuple[ChannelEvent, ...]

    @property
    def is_report(self) -> bool:
        """Whether it only says what became of messages of ours."""
        return bool(self.events) and all(isinstance(event, DeliveryReport) for event in self.events)

    @property
    def channels(self) -> set[str]:
        """Where an answer would go: one webhook may bring the messages of two channels."""
        written = {event.sender.channel for event in self.events if isinstance(event, InboundMessage)}
        return written | {self.raw.channel}
