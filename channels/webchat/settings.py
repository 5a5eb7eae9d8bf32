"""Settings of the web chat."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.errors import ConfigurationError

ANYWHERE = "*"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class WebchatSettings:
    """Where the window may stand and what it may cost us.

    ``origins`` are the sites that may embed it, such as ``https://shop.example.com``; ``*`` is any. ``identity_secret``
    is what the shop's own server signs its logged-in customers with. ``per_minute`` bounds one visitor's messages,
    ``windows`` all open windows of this process, ``windows_per_visitor`` those of one visitor; ``new_visitors`` is how
    many strangers may begin to write within an hour, ``new_visitors_per_network`` how many of one network.
    """

    account: str
    origins: tuple[str, ...] = field(metadata={"help": "the sites that may show the chat: https://shop.example.com"})
    identity_secret: str = field(default="", repr=False)
    colour: str = "#2457d6"
    ask_email: bool = True
    per_minute: int = 20
    windows: int = 5000
    windows_per_visitor: int = 8
    new_visitors: int = 2000
    new_visitors_per_network: int = 60

    def __post_init__(self) -> None:
        for origin in self.origins:
            parts = urlsplit(origin)
            plain = parts.scheme in ("https", "http") and parts.netloc and not (parts.path or parts.query)
            if origin != ANYWHERE and not plain:
                raise ConfigurationError(
                    f"origins: {origin!r} is no site; write https://shop.example.com, or * for any"
                )
        if not _COLOUR.fullmatch(self.colour):
            raise ConfigurationError("colour: write it as #2457d6")
        if self.identity_secret and len(self.identity_secret) < 16:
            raise ConfigurationError("identity_secret: at least 16 characters")
        for name in ("per_minute", "windows", "windows_per_visitor", "new_visitors", "new_visitors_per_network"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: must be at least 1")

    def allows(self, origin: str) -> bool:
        """Whether a window may stand on ``origin`` (RFC 6454), compared as browsers write it."""
        return ANYWHERE in self.origins or origin.lower() in {one.lower().rstrip("/") for one in self.origins}
