"""The stock of an offer's single codes: imported from a file, counted, called short."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import bindparam, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import Offer
from core.actors import SYSTEM, Actor
from core.ids import new_id
from storage.given import ROWS, as_json, given
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, OfferCode
from storage.types import Instant

log = structlog.get_logger(__name__)

LONGEST_CODE = 100
_CODES, _AUDIT = table(OfferCode), table(Audit)
_CHUNK = 2_000
_CELL_ENDS = re.compile(r"[,;\t]")
_SHOWN = 5
_HEADINGS = frozenset({"code", "codes", "promo", "promocode", "voucher", "coupon"})


@dataclass(slots=True)
class ImportedCodes:
    """What came of a file: codes ``read``, of which so many were ``new``. ``refused`` lines, the first few in words."""

    read: int = 0
    new: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Codes that stood twice in the file, or were there already."""
        return self.read - self.new


def codes_in(lines: Iterable[str], outcome: ImportedCodes) -> Iterator[str]:
    """One code a line, or the first cell of a row; what is none is counted in ``outcome`` and left out."""
    for number, line in enumerate(lines, 1):
        code = _CELL_ENDS.split(line.strip().removeprefix("\ufeff"), maxsplit=1)[0].strip().strip('"')
        if not code or (number == 1 and code.lower() in _HEADINGS):
            continue
        problem = _problem(code)
        if problem is None:
            yield code
            continue
        outcome.refused += 1
        if len(outcome.problems) < _SHOWN:
            outcome.problems.append(f"line {number}: {problem}")


def _problem(code: str) -> str | None:
    if len(code) > LONGEST_CODE:
        return f"{len(code)} characters; a code has at most {LONGEST_CODE}"
    if not code.isprintable():
        return "holds characters that nobody can type"
    return None


async def import_codes(
    store: Store,
    offer: str,
    lines: Iterable[str],
    *,
    now: datetime,
    actor: Actor,
    progress: Callable[[int], None] = lambda _: None,
) -> ImportedCodes:
    """Add the codes in ``lines`` to the offer's stock, a chunk a transaction: it may be repeated after an interruption.

    ``progress`` is told how many codes have been read.
    """
    outcome = ImportedCodes()
    codes = codes_in(lines, outcome)
    while chunk := list(islice(codes, _CHUNK)):
        rows = {ROWS: as_json([{"code": code} for code in dict.fromkeys(chunk)]), "offer": offer, "now": now}
        async with store.write() as connection:
            outcome.new += len((await connection.execute(_added(store.dialect), rows)).all())
        outcome.read += len(chunk)
        progress(outcome.read)
    async with store.write() as connection:
        counts = {"read": outcome.read, "new": outcome.new, "refused": outcome.refused}
        await _note(connection, "import codes", offer, counts, actor, now)
    return outcome


@cache
def _added(dialect: str) -> Any:
    rows = given(dialect, {"code": _CODES.c.code.type})
    values = (
        bindparam("offer", type_=_CODES.c.offer.type).label("offer"),
        rows.c.code,
        bindparam("now", type_=Instant()).label("imported_at"),
    )
    inserting = postgresql.insert(_CODES) if dialect == "postgresql" else sqlite.insert(_CODES)
    # WHERE: without it SQLite reads ON CONFLICT as a join's condition
    chosen = inserting.from_select(["offer", "code", "imported_at"], select(*values).where(true()))
    return chosen.on_conflict_do_nothing().returning(_CODES.c.code)


async def codes_left(connection: AsyncConnection, offers: Iterable[str], most: int) -> dict[str, int]:
    """Free codes by offer, counted no further than ``most``. Nobody else takes any until this transaction ends."""
    left = {}
    for offer in sorted(set(offers)):
        if connection.dialect.name == "postgresql":  # as promised above: what was counted can be taken
            await connection.execute(_LOCKED, {"stock": f"stock of {offer}"})
        left[offer] = int(await connection.scalar(_FREE, {"offer": offer, "most": most}) or 0)
    return left


_FREE = select(func.count()).select_from(
    select(_CODES.c.code)
    .where(_CODES.c.offer == bindparam("offer"), _CODES.c.taken_at.is_(None))
    .limit(bindparam("most"))
    .subquery()
)
_LOCKED = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("stock"), 0)))


async def alert_if_short(connection: AsyncConnection, offer: Offer, taken: int, now: datetime) -> None:
    """Say so, once, when ``taken`` codes have brought the stock down to the offer's ``low_stock``."""
    left = (await codes_left(connection, [offer.name], offer.low_stock + taken + 1))[offer.name]
    if left <= offer.low_stock < left + taken:
        log.warning("an offer is running short of codes", offer=offer.name, left=left)
        await _note(connection, "low stock", offer.name, {"left": left, "low_stock": offer.low_stock}, SYSTEM, now)


async def _note(
    connection: AsyncConnection, action: str, offer: str, detail: dict[str, Any], actor: Actor, now: datetime
) -> None:
    await connection.execute(
        _AUDIT.insert(),
        {
            "id": new_id(), "at": now, "actor": str(actor), "action": action, "subject": "offer", "subject_id": offer,
            "detail": detail,
        },
    )  # fmt: skip
