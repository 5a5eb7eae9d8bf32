"""How accounts stand: whether they can send and be heard, as each worker tells the others in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from core.clock import from_micros, to_micros

DESK_GROUP = "desk_group"
"""In the place of the channel: what stands so is no account but a group of staff, named by its chat id."""
SPOOL = "spool"
"""In the place of the channel: a folder of deliveries on disk, of which some were set aside."""
Trouble = Literal["", "fault", "away"]
"""Nothing; the account is refused (a person must act); nobody takes a connection (it is tried again by itself)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One account at one worker. ``why`` and ``since`` (machine time) are of its trouble with sending.

    ``deaf`` is why nothing can be fetched from it, empty where that goes well or nothing is fetched. ``rate`` is the
    most messages a second that it may take, 0 where nobody set a limit.
    """

    account: str
    channel: str
    trouble: Trouble = ""
    why: str = ""
    since: datetime | None = None
    deaf: str = ""
    rate: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in the store."""
        return {
            "channel": self.channel, "trouble": self.trouble, "why": self.why, "deaf": self.deaf, "rate": self.rate,
            "since": to_micros(self.since) if self.since is not None else None,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, account: str, kept: Mapping[str, Any]) -> "Standing":
        """What :meth:`as_dict` made, of another version perhaps: what is missing or unknown is left out."""
        trouble, since = kept.get("trouble"), kept.get("since")
        return cls(
            account, str(kept.get("channel") or account), trouble if trouble in ("fault", "away") else "",
            str(kept.get("why") or ""), from_micros(since) if isinstance(since, int) else None,
            str(kept.get("deaf") or ""), float(kept.get("rate") or 0.0),
        )  # fmt: skip
