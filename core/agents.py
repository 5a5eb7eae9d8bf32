"""Agents: what they may do, and whether they are there."""

from enum import StrEnum

WROTE = "agent:"
"""Begins the client token of what people of ours wrote: the agent's id follows, then the draft's own key."""


class Role(StrEnum):
    """What a person of ours may do; each may do what those before may."""

    AGENT = "agent"  # answers customers
    MARKETER = "marketer"  # writes and starts campaigns
    ADMIN = "admin"  # agents, settings, erasing

    def allows(self, needed: str) -> bool:
        """Whether this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(Role(needed))


class Presence(StrEnum):
    """Whether an agent takes chats now, by their own word or by their browser's silence."""

    ONLINE = "online"  # takes new chats
    AWAY = "away"  # keeps their chats, takes no new ones
    OFFLINE = "offline"
