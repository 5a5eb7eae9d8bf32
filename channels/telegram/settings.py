"""A bot's account, as an operator sets it."""

import re
from dataclasses import dataclass, field
from typing import Literal

from channels.telegram.dialects import DIALECTS, Dialect
from core.errors import ConfigurationError

_TOKEN = re.compile(r"(\d{1,20}):[A-Za-z0-9_-]{3,}")
_GROUP = re.compile(r"-\d{1,20}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """One bot.

    ``rate`` and ``chat_rate`` are messages a second, ``group_rate`` those of one group a minute; ``timeout`` and
    ``poll_seconds`` are seconds. ``client`` is the library that speaks to the server. ``dialect`` says what the server
    is; an empty ``base_url`` means that server's own address. ``paid_broadcast``: marketing may go faster than
    Telegram's 30 a second, up to 1000, for 0.1 Star a message; ``rate`` is then to be raised. ``desk_groups`` are the
    chat ids of the groups in which staff answer, a topic for each conversation; the bot is an administrator there.
    """

    account: str
    token: str = field(repr=False, metadata={"help": "the bot's token from @BotFather, like 123456:ABC…"})
    client: Literal["aiogram", "ptb"] = "aiogram"
    dialect: Literal["telegram", "bale"] = "telegram"
    base_url: str = ""
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: str = field(default="", repr=False)
    sessions: int = 8
    rate: float = 30.0
    chat_rate: float = 1.0
    group_rate: float = 20.0
    paid_broadcast: bool = False
    timeout: float = 60.0
    poll_seconds: float = 25.0
    proxy: str = field(default="", repr=False)
    countries: frozenset[str] = frozenset()
    unserved: frozenset[str] = frozenset()
    desk_groups: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ConfigurationError("token: is not a bot token; it looks like 123456:ABC… and comes from @BotFather")
        if self.mode == "webhook" and not _SECRET.fullmatch(self.webhook_secret):
            raise ConfigurationError("webhook_secret: write 1 to 256 characters of A-Z a-z 0-9 _ - for mode webhook")
        if self.desk_groups and not self.server.topics:
            raise ConfigurationError(f"desk_groups: {self.server.title} has no groups with topics; leave it out")
        if any(not _GROUP.fullmatch(group) for group in self.desk_groups):
            raise ConfigurationError("desk_groups: write the chat ids of groups with topics, such as -1001234567890")

    @property
    def server(self) -> Dialect:
        """What the server can do."""
        return DIALECTS[self.dialect]

    @property
    def address(self) -> str:
        """The server's base URL, without a slash at its end."""
        return (self.base_url or self.server.base_url).rstrip("/")

    @property
    def bot_id(self) -> str:
        """The number before the colon: the scope of every identity of this bot."""
        return self.token.partition(":")[0]
