"""The syntax tree of a segment: what ``segments.yaml`` means, as frozen values.

Every condition is true or false of a customer at an instant, never unknown: what is not there is not equal, not above
and not within; only ``not`` and ``is_not`` turn that into true.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from campaigns.periods import Period

Word = Literal[
    "is",
    "is_not",
    "in",
    "not_in",
    "above",
    "below",
    "at_least",
    "at_most",
    "between",
    "contains",
    "starts_with",
    "is_set",
    "within_next",
    "within_last",
    "this",
]
Aggregate = Literal["count", "sum", "average", "first", "last"]
Kind = Literal["text", "day", "moment", "attribute", "age"]
Value = str | bool | Decimal | date | Period
Deed = Literal[
    "received", "delivered", "failed", "opened", "clicked", "replied", "converted", "opted_out", "complained",
    "entered", "in_progress", "answered", "completed", "exited",
]  # fmt: skip
"""What a campaign knows of a customer: of its messages, of their responses, of the journey."""
GrantState = Literal["open", "redeemed", "expired", "withdrawn"]
"""How an offer that was given stands."""

FIELDS: Mapping[str, Kind] = {
    "id": "text", "external_id": "text", "first_name": "text", "last_name": "text", "locale": "text", "zone": "text",
    "country": "text", "city": "text", "gender": "text", "stage": "text", "birthday": "day", "created_at": "moment",
    "age": "age",
}  # fmt: skip
"""What a segment may ask of a customer, with how it compares: columns, and ``age``, which the birthday gives."""
ATTRIBUTE = "attributes."
"""Before the name of one of the shop's own columns."""
AMOUNT = "amount"
"""The property of an event that is its amount."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A word and what it compares with: one value, two for ``between``, any number for ``in`` and ``not_in``."""

    word: Word
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A customer's field against every comparison."""

    field: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which events count. ``within`` and ``not_within`` reach back from now; ``since`` is inclusive, ``before`` is not.

    Events after now never count.
    """

    within: Period | None = None
    not_within: Period | None = None
    since: date | None = None
    before: date | None = None


@dataclass(frozen=True, slots=True)
class PropertyTest:
    """A property of an event against every comparison; :data:`AMOUNT` is the event's own amount."""

    key: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class EventTest:
    """Figures of one event name within a window, each against its comparisons; ``where`` says which events count.

    ``count`` and ``sum`` of no events are 0; ``average``, ``first`` and ``last`` of none satisfy nothing. ``of`` is the
    property that ``sum`` and ``average`` are of, empty for the amount. ``latest`` and ``earliest`` ask the last and the
    first event that counts (of those at one instant the one written down later is the last).
    """

    event: str
    figures: tuple[tuple[Aggregate, tuple[Comparison, ...]], ...]
    window: Window = Window()
    where: tuple[PropertyTest, ...] = ()
    of: str = ""
    latest: tuple[PropertyTest, ...] = ()
    earliest: tuple[PropertyTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Behaved:
    """Every deed of ``did`` and none of ``did_not`` in a campaign (empty: in any), each within the window.

    ``step`` and ``channel`` narrow it to messages of that step or channel and to responses that are credited to them.
    ``count`` compares how often, for a single deed.
    """

    campaign: str
    did: tuple[Deed, ...]
    did_not: tuple[Deed, ...] = ()
    step: str = ""
    channel: str = ""
    window: Window = Window()
    count: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """Was given the offer within the window; ``state`` (None: any) is how that grant stands."""

    offer: str
    state: GrantState | None = None
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class Tagged:
    """Has the tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class Share:
    """The customers between two hundredths of a draw, ``low`` inclusive, ``high`` not; ``salt`` names the draw."""

    low: Decimal
    high: Decimal
    salt: str


@dataclass(frozen=True, slots=True)
class Reachable:
    """Has an address on the channel that still works (``reachable`` false: has none)."""

    channel: str
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Consented:
    """Agreed to the purpose at an address; on any channel where ``channel`` is empty."""

    purpose: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class InSegment:
    """In another segment."""

    name: str


@dataclass(frozen=True, slots=True)
class Every:
    """All of the conditions."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the conditions."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Not the condition."""

    condition: "Condition"


Condition = (
    FieldTest
    | EventTest
    | Behaved
    | Granted
    | Tagged
    | Share
    | Reachable
    | Consented
    | InSegment
    | Every
    | Either
    | Negation
)


@dataclass(frozen=True, slots=True)
class SegmentDefinition:
    """A named condition; ``source`` is the plain data that it was read from, as the store keeps it."""

    name: str
    condition: Condition
    source: Any
    description: str = ""


def children(condition: Condition) -> tuple[Condition, ...]:
    """The conditions right below."""
    match condition:
        case Every(conditions) | Either(conditions):
            return conditions
        case Negation(inner):
            return (inner,)
        case _:
            return ()


def walk(condition: Condition) -> Iterator[Condition]:
    """The condition and everything below it."""
    stack = [condition]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))
