"""A gateway as its file describes it: plain frozen values that the other modules of this room work by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import PermanentKind
from core.machines.message import MessageState

Encoding = Literal["form", "json", "query"]
OutcomeName = Literal["accepted", "transient", "permanent", "unknown", "fault"]


@dataclass(frozen=True, slots=True)
class Name:
    """A place in a template that a message fills."""

    name: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A place that the environment has filled. It is shown nowhere."""

    value: str = field(repr=False)


Template = tuple[str | Name | Secret, ...]
"""Text with places; a JSON body is a tree of them."""
Tree = Template | Mapping[str, Any] | list[Any] | int | float | bool | None

NAMES: Mapping[str, str] = {
    "to": "the recipient's number, in the form that `numbers` says",
    "text": "the text",
    "sender": "OTKLIK_SMS_SENDER",
    "id": "our id of the message, 26 letters and digits",
    "number": "the same id as a whole number below 2^53, for gateways that take only such",
    "parts": "how many SMS the text makes",
    "encoding": "GSM-7 or UCS-2, as the text needs",
    "callback": "where delivery reports are awaited",
}
"""What a template may name."""


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How the gateway writes phone numbers. ``calling_code`` and ``trunk`` belong to ``national``: 98 and 0 in Iran."""

    kind: Literal["e164", "digits", "national"] = "e164"
    calling_code: str = ""
    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. ``basic`` and ``bearer`` are its authentication, if headers and fields are not."""

    url: Template
    method: Literal["GET", "POST"] = "POST"
    encoding: Encoding = "form"
    headers: Mapping[str, Template] = field(default_factory=dict)
    fields: Mapping[str, Tree] = field(default_factory=dict)
    basic: tuple[Template, Template] | None = None
    bearer: Template | None = None


@dataclass(frozen=True, slots=True)
class Finder:
    """Where a value stands in an answer: a JSON pointer (RFC 6901), or a pattern whose first group it is."""

    pointer: str = ""
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the outcome table: it fits where everything that it asks for holds.

    ``statuses`` are HTTP's; ``at`` and ``values`` a place in the answer and what stands there. ``after`` is seconds.
    """

    outcome: OutcomeName
    words: str = ""
    statuses: frozenset[int] = frozenset()
    at: Finder | None = None
    values: frozenset[str] = frozenset()
    kind: PermanentKind = PermanentKind.REJECTED
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """How answers to a send are read: the message's id, words about a refusal, and the table (first fit wins)."""

    id: Finder
    words: Finder | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A request that sends nothing, for ``otklik doctor``, and what of its answer is worth telling (a balance)."""

    call: Call
    shows: Finder
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Reports:
    """Delivery reports. ``failures`` says why, by status or by code, for those that mean failed."""

    id: str
    status: str
    states: Mapping[str, MessageState]
    code: str = ""
    failures: Mapping[str, PermanentKind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Letters:
    """Messages that customers write. Without ``id`` a repeat is known by its whole content."""

    sender: str
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """How the gateway calls us. ``proof_in`` is ``query``, ``header`` or ``basic``; ``proof_name`` names the field.

    ``items`` points to a list of several deliveries in one JSON body. ``answer`` is the body that it wants to read.
    """

    method: Literal["GET", "POST"]
    encoding: Encoding
    proof_in: Literal["query", "header", "basic"]
    proof_name: str
    proof: str = field(repr=False)
    items: str = ""
    answer: str = ""
    reports: Reports | None = None
    letters: Letters | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """All of it. ``rate`` is messages a second (0: no limit), ``timeout`` seconds."""

    name: str
    send: Call
    answers: Answers
    numbers: NumberForm = NumberForm()
    check: Check | None = None
    webhook: Webhook | None = None
    text_limit: int = 1000
    rate: float = 10.0
    sessions: int = 4
    timeout: float = 30.0
    countries: frozenset[str] = frozenset()
    unserved: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    """Names of the options that the file asked for."""
