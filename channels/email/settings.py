"""Settings of a mail account, already read and checked by whoever reads the environment."""

import re
from dataclasses import dataclass, field
from typing import Literal

from channels.email.headers import is_address
from channels.email.servers import Server, Tls, read_server
from channels.email.structure import LARGEST_MAIL
from core.errors import ConfigurationError
from core.tokens import TOKEN_LENGTH

_DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")
SHORTEST_SECRET = 16
LONGEST_LOCAL_PART = 64
"""Octets before the @ (RFC 5321 §4.5.3.1.1)."""
LONGEST_REPLY_NAME = LONGEST_LOCAL_PART - len("+") - TOKEN_LENGTH
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9.:]+\]")
FINAL_DOT_SECONDS = 600.0
"""How long to wait for the answer to the content: RFC 5321 §4.5.3.2.6 asks for ten minutes at least."""


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """A mailbox to fetch from. ``account`` is the sending account's name, so that reports meet their messages.

    Times are seconds, sizes bytes. ``idle`` is how long one poll waits for news. ``batch`` and ``batch_bytes`` bound
    one poll, ``largest`` one mail. ``history`` says what the first poll ever takes: what comes from now on, or all.

    Raises:
        ConfigurationError: ``field: what is wrong``.
    """

    host: str
    username: str
    port: int = 993
    tls: Tls = "tls"
    password: str = field(default="", repr=False)
    account: str = "email"
    folder: str = "INBOX"
    ca_file: str = ""
    timeout: float = 30.0
    idle: float = 10.0
    batch: int = 50
    batch_bytes: int = 32_000_000
    largest: int = LARGEST_MAIL
    history: Literal["new", "all"] = "new"

    def __post_init__(self) -> None:
        if not self.username:
            raise ConfigurationError("imap_username: is missing")
        for name in ("username", "password", "folder"):
            if any(ord(character) < 0x20 or character == "\x7f" for character in getattr(self, name)):
                raise ConfigurationError(f"imap_{name}: has a line break or another control character in it")


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """An account at a submission server, and its mailbox if ``imap_host`` is set.

    ``sender`` is the address in ``From:`` and, unless ``bounce_address`` is set, the envelope's sender. Times are
    seconds. ``timeout`` bounds connecting and each command; ``final_timeout`` the answer to the content. A session that
    was idle for ``stale_after`` is asked whether it still lives before it is used. The mailbox's username and password
    are the submission server's unless they are set; its other settings are those of :class:`ImapSettings`.

    ``rate`` is mails a second that ``host`` takes, 0 where it sets no limit, ``weight`` its share beside the further
    ``servers``, which are URLs with commas or blanks between them (:func:`channels.email.servers.read_server`).

    ``inbound_secret`` is what a provider proves itself with that posts raw mails to us, empty where none may.

    ``dkim_key`` is the file of a private key (PEM, RSA or Ed25519); mails are then signed for ``dkim_domain``, the
    sender's unless it is set, under ``dkim_selector``.

    Raises:
        ConfigurationError: ``field: what is wrong``, if an address could not stand in a header.
    """

    host: str = field(metadata={"help": "the submission server's name"})
    sender: str = field(metadata={"help": "the address that your mail comes from"})
    port: int = 587
    tls: Tls = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    account: str = "email"
    sender_name: str = ""
    reply_address: str = ""
    bounce_address: str = ""
    list_id: str = ""
    local_hostname: str = ""
    ca_file: str = ""
    sessions: int = 4
    rate: float = 0.0
    weight: int = 1
    servers: str = field(default="", repr=False)
    pipelining: bool = True
    dkim_key: str = ""
    dkim_selector: str = ""
    dkim_domain: str = ""
    timeout: float = 60.0
    final_timeout: float = FINAL_DOT_SECONDS
    stale_after: float = 20.0
    imap_host: str = ""
    imap_port: int = 993
    imap_tls: Tls = "tls"
    imap_username: str = ""
    imap_password: str = field(default="", repr=False)
    imap_folder: str = "INBOX"
    imap_timeout: float = 30.0
    imap_idle: float = 10.0
    imap_history: Literal["new", "all"] = "new"
    inbound_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in ("sender", "reply_address", "bounce_address"):
            address = getattr(self, name)
            if (address or name == "sender") and not is_address(address):
                raise ConfigurationError(f"{name}: {address!r} is not a mail address")
        if len(self.reply_address.partition("@")[0].encode()) > LONGEST_REPLY_NAME:
            raise ConfigurationError(
                f"reply_address: {self.reply_address!r} has more than {LONGEST_REPLY_NAME} letters before the @; "
                f"replies come with a token behind a plus, and {LONGEST_LOCAL_PART} in all are allowed: take a shorter"
            )
        if self.local_hostname and not _HOST.fullmatch(self.local_hostname):
            raise ConfigurationError(f"local_hostname: {self.local_hostname!r} is not a host name")
        if bool(self.dkim_key) != bool(self.dkim_selector):
            missing, present = ("dkim_selector", "dkim_key") if self.dkim_key else ("dkim_key", "dkim_selector")
            raise ConfigurationError(f"{missing}: is missing, though {present} is there")
        for name in ("dkim_selector", "dkim_domain"):
            value = getattr(self, name)
            if value and not _DOMAIN.fullmatch(value):
                raise ConfigurationError(f"{name}: {value!r} is not a domain name")
        if self.inbound_secret and len(self.inbound_secret) < SHORTEST_SECRET:
            raise ConfigurationError(f"inbound_secret: has fewer than {SHORTEST_SECRET} characters; make a longer one")
        self.submission()

    def submission(self) -> tuple[Server, ...]:
        """The servers that mail is handed to, ``host`` first.

        Raises:
            ConfigurationError: as the settings' own.
        """
        first = Server(
            self.host, self.port, self.tls, self.username, self.password, self.weight, self.rate, self.sessions
        )
        return (first, *(read_server(url, self.sessions) for url in self.servers.replace(",", " ").split()))

    def mailbox(self) -> ImapSettings | None:
        """Where its answers are fetched from, None if nowhere."""
        if not self.imap_host:
            return None
        return ImapSettings(
            host=self.imap_host,
            username=self.imap_username or self.username,
            port=self.imap_port,
            tls=self.imap_tls,
            password=self.imap_password or self.password,
            account=self.account,
            folder=self.imap_folder,
            ca_file=self.ca_file,
            timeout=self.imap_timeout,
            idle=self.imap_idle,
            history=self.imap_history,
        )
