"""What an import is told, and what it tells: options, progress, summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from storage.imports.dates import DateOrder
from storage.imports.sources import SourceOptions


@dataclass(frozen=True, slots=True)
class ConsentGrant:
    """A consent that the operator vouches for, for every row of the file; ``document`` names its text's version."""

    purpose: str
    source: str
    wording: str
    document: str = ""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What both imports share.

    ``mapping`` is field → header; ``ignore`` and ``text`` are headers (``text``: not to be read as numbers).
    ``zone`` is the IANA zone of times without an offset. ``rejected`` is where rejected rows go, by default beside the
    file. ``now`` is business time, by default the present.
    """

    source: SourceOptions = field(default_factory=SourceOptions)
    mapping: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    zone: str = "UTC"
    date_order: DateOrder = ""
    rejected: Path | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomerOptions(ImportOptions):
    """``country`` (ISO 3166 alpha-2) reads local phone numbers of rows without one; ``telegram_scope`` is the bot."""

    country: str = ""
    telegram_scope: str = ""
    consent: ConsentGrant | None = None


@dataclass(frozen=True, slots=True)
class EventOptions(ImportOptions):
    """``currency`` (ISO 4217) is for amounts without one; ``source_name`` is the first half of an event's key."""

    currency: str = ""
    event_name: str = "order"
    source_name: str = "import"
    unknown_customers: Literal["create", "refuse"] = "create"


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """How many addresses of a channel the store holds; of those reachable, how many consent to marketing.

    ``suppressed`` are never written to, such as those of people who were erased and came again.
    """

    channel: str
    identities: int
    reachable: int
    consented: int
    suppressed: int = 0


@dataclass(slots=True)
class ImportSummary:
    """What became of the rows.

    ``rejected`` counts rows that stayed out, ``addresses_refused`` addresses that stayed out of rows that went in; both
    are in ``rejected_file``. ``repeated`` counts rows with the id of a row just before: the last one counts.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    repeated: int = 0
    addresses_refused: int = 0
    customers_created: int = 0
    rejected_file: Path | None = None
    channels: list[ChannelCount] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, in bytes of the file."""

    done: int
    total: int
    summary: ImportSummary
