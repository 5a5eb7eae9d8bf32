"""What a channel is: the protocol that every adapter satisfies, and its capabilities as data.

An adapter neither retries, persists, limits its rate nor logs: dispatch does. It renders, makes one call and interprets
the answer. Third parties satisfy the same protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from core.messages import ChannelEvent, OutboundMessage, RawInbound, Receipt
from core.values import value


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``messages`` in any ``seconds``."""

    messages: int
    seconds: float = 1.0

    @classmethod
    def of(cls, per_second: float) -> "Rate | None":
        """``per_second`` messages a second, to the fraction; None for 0, which is no limit."""
        if per_second <= 0:
            return None
        return cls(int(per_second)) if float(per_second).is_integer() else cls(1, 1 / per_second)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can carry and how fast.

    ``sessions`` messages are in flight at once, one a session: a pipeline's depth is 1, because what goes ahead of a
    message (:class:`Pipelines`) never delivers it. So a kill leaves at most ``sessions`` messages unknown.

    ``text_limit`` is in characters after formatting is parsed. ``window`` is the seconds after the customer's last
    message in which free text is allowed; None where it always is. ``rate`` is the whole account's;
    ``rate_per_recipient`` that of one address, or ``rate_per_group`` where it begins with ``group_prefix``.
    """

    channel: str
    text_limit: int
    html: bool = False
    subject: bool = False
    buttons: int = 0
    attachments: bool = False
    reports_delivery: bool = False
    reports_reading: bool = False
    window: float | None = None
    sessions: int = 4
    rate: Rate | None = None
    rate_per_recipient: Rate | None = None
    rate_per_group: Rate | None = None
    group_prefix: str = ""
    countries: frozenset[str] = field(default_factory=frozenset)
    unserved: frozenset[str] = field(default_factory=frozenset)


@value(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as a provider made it. ``url`` is the public one, which is signed; header names are lower."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@runtime_checkable
class Adapter(Protocol):
    """One account at one provider."""

    @property
    def account(self) -> str:
        """Name of this account, unique in the workspace; part of every provider id's key."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self) -> None:
        """Make clients and pools; touches no network that could fail for long."""
        ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand one message to the provider.

        Raises:
            TransientFailure: proven not sent.
            PermanentFailure: refused for good.
            UnknownOutcome: may have been taken.
            ChannelFault: the account cannot send at all; this message was not sent.
        """
        ...

    async def check(self) -> str:
        """One sentence about a working account, for ``otklik doctor``.

        Raises:
            ConfigurationError: what is wrong and what to do.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Pipelines(Protocol):
    """An adapter that saves a round trip when it is told what comes next.

    ``send_before`` is ``send``, and may open the way for ``following`` meanwhile; nothing leaves that could deliver
    ``following`` before its own call. That call comes next, or ``abandon`` does.
    """

    async def send_before(self, message: OutboundMessage, following: OutboundMessage | None) -> Receipt: ...

    def abandon(self, message: OutboundMessage) -> None: ...


@runtime_checkable
class Weighs(Protocol):
    """An adapter whose provider may count one message of ours as several of its own.

    ``weight`` is how many: a long text in parts, an album of pictures. Pure; 1 for what cannot be sent at all.
    """

    def weight(self, message: OutboundMessage) -> int: ...


@runtime_checkable
class Prepares(Protocol):
    """An adapter whose messages may be made ready elsewhere, before they are sent: see ``OutboundMessage.prepared``.

    ``prepare`` is pure and can be pickled, for another process; the instant is machine time. It raises what ``send``
    would, which then raises it too.
    """

    @property
    def prepare(self) -> Callable[[OutboundMessage, datetime], bytes]: ...


class NotADelivery(Exception):
    """Whoever called proved itself, and what it brought cannot be read: it is told so (422), and nothing is stored."""


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """An adapter whose provider calls us.

    ``receive`` verifies in constant time and cuts the request into raw deliveries, each with its own key, without
    interpreting them; None means forged (403), and :class:`NotADelivery` is what it may raise. ``parse`` reads one
    stored delivery; it is pure and may be repeated.
    """

    def receive(self, request: WebhookRequest) -> list[RawInbound] | None: ...

    def parse(self, raw: RawInbound) -> list[ChannelEvent]: ...


@runtime_checkable
class ReceivesLargeBodies(Protocol):
    """One whose deliveries may be megabytes: the caller proves itself by the head alone, before its bytes are read."""

    @property
    def largest_delivery(self) -> int:
        """Bytes of a body that is still read."""
        ...

    def admits(self, head: WebhookRequest) -> bool:
        """Whether ``head``, which has no body yet, comes from whom it should. Constant time."""
        ...


@runtime_checkable
class Polls(Protocol):
    """An adapter that fetches: long polling or IMAP.

    ``poll`` waits at most some seconds and gives what came after ``cursor``, with the cursor to keep once it is stored.
    """

    async def poll(self, cursor: dict[str, object]) -> tuple[list[RawInbound], dict[str, object]]: ...

    def parse(self, raw: RawInbound) -> list[ChannelEvent]: ...
