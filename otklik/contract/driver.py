"""The part of the contract that an adapter's author writes: how this channel is driven, and what its provider does."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable
from urllib.parse import unquote_plus

from channels.adapter import Adapter, WebhookRequest
from channels.registry import make
from core.machines.message import MessageState
from core.messages import ChannelEvent, OutboundMessage, RawInbound
from otklik.contract.facts import Fact

ACCOUNT = "one"
"""The account's name in every test."""
MESSAGE_ID = "0" * 26
"""A message's id, of the shape that ours have."""


@runtime_checkable
class Reader(Protocol):
    """Reads stored deliveries, however they came."""

    def parse(self, raw: RawInbound) -> list[ChannelEvent]: ...


def _none_open() -> int:
    return 0


@dataclass
class Running:
    """A scripted provider under way.

    ``options`` lead to it. ``contents`` are the messages that it took or read whole, ``spoken`` whatever else it was
    told (header lines, commands), both growing. ``connections`` counts who is connected now. ``delivered`` are
    (recipient, message) as the provider would pass them on, for channels that pipeline.
    """

    options: dict[str, object]
    contents: list[bytes] = field(default_factory=list)
    spoken: Callable[[], Sequence[str]] = tuple
    connections: Callable[[], int] = _none_open
    delivered: Callable[[], Sequence[tuple[str, bytes]]] = tuple

    def taken(self) -> int:
        """How often something was sent to the provider."""
        return len(self.contents)


class Driver(ABC):
    """One channel's part of the contract. What has a default is for those whose channel differs there.

    Attributes:
        kind: the channel's name, as in the registry or the entry point.
        message: a message that the channel carries, to a reserved address.
        secrets: texts in the options that may be seen nowhere.
        facts: what the provider does; their names include those of ``REQUIRED``.
        lacks: required facts that this provider cannot show, with the reason.
        statuses: by sample, the status that its delivery report brings.
        proof: the header that proves a webhook genuine, in lower case.
        proof_covers_body: whether that proof is a signature over the body (else it is a bare secret).
        proof_covers_url: whether it is one over the address, too.
        patience: seconds within which a send under the options' own time-out must have ended, on the busiest machine.
    """

    kind: str
    message: OutboundMessage
    secrets: tuple[str, ...] = ()
    lacks: Mapping[str, str] = {}
    statuses: Mapping[str, MessageState] = {}
    proof: str = ""
    proof_covers_body: bool = True
    proof_covers_url: bool = False
    patience: float = 60.0

    @property
    @abstractmethod
    def facts(self) -> Sequence[Fact]: ...

    @abstractmethod
    def unreachable(self) -> dict[str, object]:
        """Options that lead to a port where nobody listens (``closed_port``), with a time-out below a second."""

    @abstractmethod
    def provider(self, script: Any) -> AbstractAsyncContextManager[Running]:
        """A provider on 127.0.0.1 that does as a fact's ``script`` says."""

    def inbound(self) -> Mapping[str, bytes]:
        """Captured payloads by name, as ``RawInbound.payload`` holds them."""
        return {}

    def webhook(self, body: bytes) -> WebhookRequest | None:
        """A genuine delivery of ``body``; None for a channel without webhooks."""
        return None

    def adapter(self, options: Mapping[str, object]) -> Adapter:
        """The adapter under test, not yet open."""
        return make(self.kind, ACCOUNT, options)

    def reader(self) -> Reader:
        """What parses this channel's deliveries."""
        adapter = self.adapter(self.unreachable())
        assert isinstance(adapter, Reader), "the adapter parses deliveries, or the driver names what does"
        return adapter

    def patient(self, options: Mapping[str, object]) -> dict[str, object]:
        """The options with time-outs that no test waits for."""
        return {name: 60 if "timeout" in name else value for name, value in options.items()}

    def readable(self, content: bytes) -> str:
        """What a person would read in something that the provider took: JSON and forms are decoded."""
        text = content.decode("utf-8", "replace")
        try:
            return json.dumps(json.loads(text), ensure_ascii=False)
        except ValueError:
            return text + "\n" + unquote_plus(text)

    def fact(self, name: str) -> Fact | None:
        """The fact of that name, None where the driver lacks it."""
        return next((fact for fact in self.facts if fact.name == name), None)

    def forgeries(self, genuine: WebhookRequest) -> list[WebhookRequest]:
        """Requests that must be refused: the proof left out, empty, not ASCII, too short, too long, altered."""
        proof = genuine.headers[self.proof]
        without = {name: value for name, value in genuine.headers.items() if name != self.proof}
        wrong = ["", "é", proof[:-2], proof + "0", proof.swapcase(), "0" * len(proof)]
        forged = [replace(genuine, headers=without)]
        forged += [replace(genuine, headers=without | {self.proof: value}) for value in wrong]
        if self.proof_covers_body:
            forged.append(replace(genuine, body=genuine.body + b"&Body=forged"))
        if self.proof_covers_url:
            forged.append(replace(genuine, url=genuine.url.replace("shop.", "other.", 1)))
        return forged
