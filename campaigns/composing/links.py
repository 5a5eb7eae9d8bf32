"""Links that lead back to us: signed, made for one message. Pure."""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from campaigns.composing.tagging import NO_TAGS, Tags, tagged
from channels.media.links import MediaLinks
from core.formatting import Formatted, edited, with_urls
from core.messages import Attachment
from core.tokens import Signer

LINK_ID_LENGTH = 10
CHOICE, NOT_NOW, PREFERENCES = "choice", "not_now", "preferences"
"""Purposes of tokens: a choice's payload is the message's id and two digits, that of preferences the customer's id."""
_HREF = re.compile(
    r"""(<(?:a|area|v:[a-z]+)\b[^>]*?(?<![\w-])href\s*=\s*)(["'])\s*(https?://[^<>\s]+?)\s*\2""", re.IGNORECASE
)
"""Of links, of parts of a picture, and of the shapes (``v:roundrect``) that are buttons in Outlook."""
_BARE = re.compile(r"https?://[^\s<>\"')\]]+")
_WEB = ("https://", "http://")
_TRAILING = ".,;:!?»”"
_OWN_CHATS = ("https://t.me/", "https://wa.me/", "https://telegram.me/")
"""Apps open these themselves and read what stands in them; a redirect would break that."""


@lru_cache(maxsize=4096)
def link_id(url: str) -> str:
    """The id under which a target is kept: hashed from it, so that one target is one row."""
    return base64.b32hexencode(hashlib.blake2b(url.encode(), digest_size=8).digest())[:LINK_ID_LENGTH].decode().lower()


@dataclass(frozen=True, slots=True)
class Addresses:
    """How the world reaches us, and the secret that signs what we hand out.

    ``reply_address`` is the mailbox whose plus-addresses come back to us; ``bot_name`` is the Telegram bot's username.
    ``has_preferences``: the page of preferences is served.
    """

    public_url: str
    secret: str
    reply_address: str = ""
    bot_name: str = ""
    track_clicks: bool = True
    track_opens: bool = True
    has_preferences: bool = False


class MessageLinks:
    """Makes the links of messages."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._base = addresses.public_url.rstrip("/")
        self._media = MediaLinks(addresses.secret, addresses.public_url)
        self._untracked = (f"{self._base}/", *_OWN_CHATS)
        self._signers = {
            purpose: Signer(addresses.secret, purpose)
            for purpose in ("click", "open", "unsubscribe", "reply", "start", CHOICE, NOT_NOW, PREFERENCES)
        }
        # a letter says most of its links twice, in HTML and in its plain text or a header
        self._click = lru_cache(maxsize=256)(self._signers["click"].sign)
        self._unsubscribe = lru_cache(maxsize=256)(self._signers["unsubscribe"].sign)
        self._not_now = lru_cache(maxsize=256)(self._signers[NOT_NOW].sign)

    def __reduce__(self) -> tuple[type["MessageLinks"], tuple[Addresses]]:
        """Another process makes its own, and signs alike."""
        return MessageLinks, (self._addresses,)

    def unsubscribe(self, message_id: str) -> str:
        """The page, and RFC 8058 target, that ends marketing for this message's customer."""
        return f"{self._base}/u/{self._unsubscribe(message_id)}"

    def not_now(self, message_id: str) -> str:
        """The page that keeps marketing from this message's customer for a while."""
        return f"{self._base}/n/{self._not_now(message_id)}"

    def preferences(self, customer_id: str) -> str:
        """The page on which the customer chooses what they get; empty where there is none."""
        if not (self._addresses.has_preferences and customer_id):
            return ""
        return f"{self._base}/p/{self._signers[PREFERENCES].sign(customer_id)}"

    def choice(self, message_id: str, number: int) -> str:
        """What a button carries in place of a value that is too long for it."""
        return self._signers[CHOICE].sign(f"{message_id}{number:02}")

    def telegram(self, message_id: str) -> str:
        """The deep link that ties a Telegram chat to this message's customer; empty without a bot."""
        if not self._addresses.bot_name:
            return ""
        return f"https://t.me/{self._addresses.bot_name}?start={self._signers['start'].sign(message_id)}"

    def reply_to(self, message_id: str) -> str:
        """The signed plus-address that answers come back to; empty where no mailbox is read."""
        local, at, domain = self._addresses.reply_address.partition("@")
        return f"{local}+{self._signers['reply'].sign(message_id)}@{domain}" if at else ""

    def pixel(self, message_id: str) -> str:
        """The picture that reports an open; empty where opens are not tracked."""
        if not self._addresses.track_opens:
            return ""
        source = f"{self._base}/o/{self._signers['open'].sign(message_id)}.gif"
        return f'<img src="{source}" width="1" height="1" alt="" style="display:none">'

    def file(self, attachment: Attachment, message_id: str, targets: dict[str, str]) -> str:
        """Where the reader of a message finds a file that its channel does not carry; a click on it counts as one."""
        url = self._media.readers_url(attachment)
        return self._counted(url, message_id, targets) if self._addresses.track_clicks else url

    def tracked_html(self, html: str, message_id: str, targets: dict[str, str], tags: Tags = NO_TAGS) -> str:
        """``html`` with its links tagged and leading through us; their targets are added to ``targets`` by id."""
        if not (self._addresses.track_clicks or tags):
            return html

        def through_us(match: re.Match[str]) -> str:
            written = match[3]
            url = written.replace("&amp;", "&")
            made = self._followed(url, message_id, targets, tags)
            # what nothing was done to stays as it was written
            return f"{match[1]}{match[2]}{written if made == url else made.replace('&', '&amp;')}{match[2]}"

        return _HREF.sub(through_us, html)

    def tracked_text(self, text: str, message_id: str, targets: dict[str, str], tags: Tags = NO_TAGS) -> str:
        """The same for plain text."""
        if not (self._addresses.track_clicks or tags):
            return text

        def through_us(match: re.Match[str]) -> str:
            url = match[0].rstrip(_TRAILING)
            return self._followed(url, message_id, targets, tags) + match[0][len(url) :]

        return _BARE.sub(through_us, text)

    def tracked_formatted(
        self, formatted: Formatted, message_id: str, targets: dict[str, str], tags: Tags = NO_TAGS
    ) -> Formatted:
        """The same for a text with marks: addresses in it, and those that its links lead to."""
        if not (self._addresses.track_clicks or tags):
            return formatted
        edits = []
        for match in _BARE.finditer(formatted.text):
            url = match[0].rstrip(_TRAILING)
            made = self._followed(url, message_id, targets, tags)
            if made != url:
                edits.append((match.start(), match.start() + len(url), made))
        moved = edited(formatted, edits)
        return with_urls(moved, lambda url: self.tracked_url(url, message_id, targets, tags))

    def tracked_url(self, url: str, message_id: str, targets: dict[str, str], tags: Tags = NO_TAGS) -> str:
        """One address, of a button for example."""
        return self._followed(url, message_id, targets, tags) if url.startswith(_WEB) else url

    def _followed(self, url: str, message_id: str, targets: dict[str, str], tags: Tags) -> str:
        if url.startswith(self._untracked):
            return url
        target = tagged(url, tags) if tags else url
        return self._counted(target, message_id, targets) if self._addresses.track_clicks else target

    def _counted(self, target: str, message_id: str, targets: dict[str, str]) -> str:
        id_ = link_id(target)
        targets[id_] = target
        return f"{self._base}/c/{self._click(message_id + id_)}"
