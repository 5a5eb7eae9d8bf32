"""What the store holds after an import, and the audit's line about it."""

from sqlalchemy import and_, case, func, insert, select, text

from core.actors import Actor
from core.clock import from_micros
from core.ids import new_id
from core.purposes import Purpose
from storage.imports.columns import Kind
from storage.imports.options import ChannelCount, ImportSummary
from storage.store import Store
from storage.tables import Audit, Consent, Identity, Suppression

_WORTH_ANALYSING = 1000
_WRITTEN = {"customers": "customers, identities, consents, consent_records", "events": "customers, events"}


async def refresh_statistics(store: Store, kind: Kind, summary: ImportSummary) -> None:
    """Tell PostgreSQL's planner how the tables look now, if much of them is new; autovacuum may take minutes to.

    SQLite keeps no statistics here: every store has the plans that the tests look at.
    """
    written = summary.created + summary.updated + summary.customers_created
    if store.dialect == "postgresql" and written >= _WORTH_ANALYSING:
        async with store.unhurried() as connection:
            await connection.execute(text(f"ANALYZE {_WRITTEN[kind]}"))


async def channel_counts(store: Store) -> list[ChannelCount]:
    """Per channel: addresses, those reachable, those of them that consent to marketing, those never written to."""
    identities, consents = Identity.__table__, Consent.__table__  # type: ignore[attr-defined]
    consenting = and_(
        consents.c.identity_id == identities.c.id, consents.c.purpose == Purpose.MARKETING.value, consents.c.granted
    )
    statement = (
        select(
            identities.c.channel,
            func.count(),
            func.sum(case((identities.c.reachable, 1), else_=0)),
            func.sum(case((and_(identities.c.reachable, consents.c.identity_id.is_not(None)), 1), else_=0)),
            func.sum(case((identities.c.key.in_(select(Suppression.__table__.c.key)), 1), else_=0)),  # type: ignore[attr-defined]
        )
        .select_from(identities.outerjoin(consents, consenting))
        .group_by(identities.c.channel)
        .order_by(identities.c.channel)
    )
    async with store.read() as connection:
        return [ChannelCount(*row) for row in await connection.execute(statement)]


async def record_import(store: Store, kind: Kind, name: str, summary: ImportSummary, now: int) -> None:
    """Say in the audit that a file was imported and what came of it."""
    detail = {
        "file": name,
        "rows": summary.rows,
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "rejected": summary.rejected,
    }
    row = {
        "id": new_id(), "at": from_micros(now), "actor": str(Actor("import", name)), "action": f"imported {kind}",
        "subject": kind, "subject_id": "", "detail": detail,
    }  # fmt: skip
    async with store.write() as connection:
        await connection.execute(insert(Audit.__table__), row)  # type: ignore[attr-defined]
