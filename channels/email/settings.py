"""Settings of a mail account, already read and checked by whoever reads the environment."""

from dataclasses import dataclass, field
from typing import Literal

Tls = Literal["none", "starttls", "tls"]
"""Encryption of a connection: in the clear, upgraded after the greeting, or from the first byte."""

FINAL_DOT_SECONDS = 600.0
"""How long to wait for the answer to the content: RFC 5321 §4.5.3.2.6 asks for ten minutes at least."""


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """An account at a submission server.

    ``sender`` is the address in ``From:`` and, unless ``bounce_address`` is set, the envelope's sender. Times are
    seconds. ``timeout`` bounds connecting and each command; ``final_timeout`` the answer to the content. A session that
    was idle for ``stale_after`` is asked whether it still lives before it is used.
    """

    host: str
    sender: str
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
    timeout: float = 60.0
    final_timeout: float = FINAL_DOT_SECONDS
    stale_after: float = 20.0


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """A mailbox to fetch from. ``account`` is the sending account's name, so that reports meet their messages.

    Times are seconds, sizes bytes. ``idle`` is how long one poll waits for news. ``history`` says what the first poll
    ever takes: only what comes from now on, or everything that is there.
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
    idle: float = 20.0
    batch: int = 50
    batch_bytes: int = 32_000_000
    largest: int = 26_000_000
    history: Literal["new", "all"] = "new"
