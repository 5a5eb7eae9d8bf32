"""Random small stores with two customers who turn out to be one, and a third who is nobody of theirs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.draws import customer_draw
from core.ids import new_id
from storage.store import Store
from storage.tables import metadata
from storage.types import Instant
from tests.conftest import NOW

DAY = timedelta(days=1)
IGNORED = {"customers": {"updated_at"}, "identities": {"changed_at"}, "enrolments": {"revision"}}
LOGS = frozenset({"audit", "merges", "merge_moves", "enrolment_history", "alembic_version"})
"""Tables that only grow, and tell of the merge itself."""

_days = st.integers(0, 9)
_flag = st.booleans()

_journey = st.fixed_dictionaries({
    "campaign": st.sampled_from(["one", "two"]), "open": _flag, "days": _days,
    "sends": st.lists(st.sampled_from(["planned", "claimed", "accepted", "unknown"]), max_size=2),
})  # fmt: skip
_talk = st.fixed_dictionaries({
    "verified": _flag, "days": _days,
    "state": st.sampled_from(["bot", "queued", "assigned", "resolved"]),
    "tokens": st.lists(st.sampled_from(["t1", "t2", None]), max_size=3),
})  # fmt: skip
LIVES = st.fixed_dictionaries({
    "facts": st.fixed_dictionaries({
        "external": _flag, "locale": st.sampled_from(["", "ru"]), "city": st.sampled_from(["", "Kazan"]),
        "first_name": st.sampled_from(["", "Anna"]), "rests": st.sampled_from([None, 1, 5]), "since": _days,
        "attributes": st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3),
    }),
    "addresses": st.integers(1, 2),
    "journeys": st.lists(_journey, max_size=3),
    "grants": st.lists(st.tuples(st.sampled_from(["tea", "cup"]), _flag, _days), max_size=2),
    "talks": st.lists(_talk, max_size=2),
    "tags": st.sets(st.sampled_from(["vip", "shy"])),
    "segments": st.lists(st.tuples(st.sampled_from(["s1", "s2"]), _flag, st.integers(0, 1)), max_size=3),
    "events": st.integers(0, 2),
    "blobs": st.sets(st.sampled_from(["b1", "b2"])),
    "command": st.sampled_from([None, "open", "done"]),
    "flows": st.lists(st.tuples(_flag, _days), max_size=2),
    "stranger": _flag,
})  # fmt: skip
"""What one of them has done so far."""


def values(name: str, /, **given: Any) -> dict[str, Any]:
    """A row of a table with something in every column that must not be empty."""
    row: dict[str, Any] = {}
    for column in metadata.tables[name].columns:
        if column.name in given or column.nullable or column.server_default is not None:
            continue
        match column.type:
            case Instant():
                row[column.name] = NOW
            case Boolean():
                row[column.name] = True
            case BigInteger() | Integer():
                row[column.name] = 0
            case LargeBinary():
                row[column.name] = b""
            case _ if "JSON" in str(column.type).upper():
                row[column.name] = {}
            case _:
                row[column.name] = new_id() if column.name == "id" else ""
    return row | given


@dataclass
class Pair:
    """Fills a store with people; ``ended`` are the journeys of which a merge keeps only the older."""

    connection: AsyncConnection
    campaigns: dict[str, str] = field(default_factory=dict)

    async def add(self, name: str, /, **given: Any) -> str:
        row = values(name, **given)
        await self.connection.execute(metadata.tables[name].insert(), row)
        return str(row.get("id", ""))

    async def world(self) -> None:
        for name in ("one", "two"):
            self.campaigns[name] = await self.add("campaigns", id=new_id(), name=name, state="active",
                                                  version=f"v-{name}")  # fmt: skip
            await self.add("campaign_versions", hash=f"v-{name}", campaign_id=self.campaigns[name])
        for name in ("b1", "b2"):
            await self.add("blobs", hash=name)
        await self.add("flow_versions", hash="f")
        await self.add("budget_uses", budget="b", period_from=NOW, taken_micros=1000)

    async def live(self, life: Mapping[str, Any], mark: str, third: str = "") -> str:
        facts = life["facts"]
        id_ = new_id()
        await self.add(
            "customers", id=id_, external_id=f"ext-{mark}" if facts["external"] else None, locale=facts["locale"],
            city=facts["city"], first_name=facts["first_name"], search=facts["first_name"].lower(),
            not_now_until=None if facts["rests"] is None else NOW + facts["rests"] * DAY, birthday=None,
            created_at=NOW - facts["since"] * DAY, attributes=facts["attributes"], draw=customer_draw(id_),
        )  # fmt: skip
        who = {"customer_id": id_}
        mails = [
            await self.add("identities", **who, channel="email", address=f"{mark}{n}@example.org", key=f"{mark}{n}")
            for n in range(life["addresses"])
        ]
        for mail in mails:
            await self.add("consents", identity_id=mail, purpose="marketing", granted=True)
            await self.add("consent_records", **who, identity_id=mail, purpose="marketing", granted=True)
        await self._journeys(life["journeys"], id_, mails[0])
        for number, (product, in_force, days) in enumerate(life["grants"]):
            if in_force and any(p == product and f for p, f, _ in life["grants"][:number]):
                continue
            ended = {} if in_force else {"ended_at": NOW, "ended_by": "redeemed"}
            await self.add("grants", **who, product=product, offer=product, granted_at=NOW - days * DAY, **ended)
        await self._talks(life["talks"], id_, mails[-1])
        for number, (is_open, days) in enumerate(life["flows"]):
            asks = is_open and number == 0
            state, closed = ("asking", None) if asks else ("finished", NOW)
            run = {"state": state, "closed_at": closed, "due_at": NOW, "began_at": NOW - days * DAY}
            await self.add("flow_runs", **who, identity_id=mails[0], version="f", **run)
        for tag in life["tags"]:
            await self.add("customer_tags", **who, tag=tag)
        seen = set()
        for segment, inside, days in life["segments"]:
            if (segment, days) in seen or (inside and (segment, True) in seen):
                continue
            seen |= {(segment, days), (segment, inside)}
            left = None if inside else NOW
            await self.add("segment_memberships", **who, segment=segment, entered_at=NOW - days * DAY, left_at=left)
        for number in range(life["events"]):
            await self.add("events", **who, name="order", source="shop", external_id=f"{mark}{number}")
        for blob in life["blobs"]:
            await self.add("blob_owners", hash=blob, owner="customer", owner_id=id_)
        if life["command"]:
            done = NOW if life["command"] == "done" else None
            await self.add("commands", kind="handoff", payload={**who, "note": mark}, done_at=done)
        if life["stranger"] and third:
            one, other = sorted([id_, third])
            await self.add("distinct_pairs", one_id=one, other_id=other)
        return id_

    async def _journeys(self, journeys: list[dict[str, Any]], id_: str, mail: str) -> None:
        rounds: dict[str, int] = {}
        open_in = set()
        for journey in journeys:
            name = journey["campaign"]
            rounds[name] = rounds.get(name, 0) + 1
            is_open = journey["open"] and name not in open_in
            if is_open:
                open_in.add(name)
            entered = NOW - journey["days"] * DAY
            enrolment = await self.add(
                "enrolments", customer_id=id_, campaign_id=self.campaigns[name], round=rounds[name],
                version=f"v-{name}", state="waiting" if is_open else "exhausted", entered_at=entered,
                closed_at=None if is_open else NOW, due_at=NOW if is_open else None, variant="plain", ghost=False,
            )  # fmt: skip
            for number, state in enumerate(journey["sends"]):
                if state in ("planned", "claimed") and not is_open:
                    continue
                message = await self.add(
                    "messages", customer_id=id_, identity_id=mail, channel="email", direction="out", state=state,
                    purpose="marketing", enrolment_id=enrolment, campaign_id=self.campaigns[name], step=str(number),
                    leg="main", worker="w" if state == "claimed" else "",
                )  # fmt: skip
                await self.add("holds", message_id=message, customer_id=id_, state="held", budget="b", period_from=NOW,
                               amount_micros=5)  # fmt: skip
                await self.add("responses", customer_id=id_, key=message, kind="reply", message_id=message)

    async def _talks(self, talks: list[dict[str, Any]], id_: str, mail: str) -> None:
        unresolved = set()
        for talk in talks:
            state = "resolved" if talk["verified"] in unresolved else talk["state"]
            if state != "resolved":
                unresolved.add(talk["verified"])
            begun = NOW - talk["days"] * DAY
            conversation = await self.add("conversations", customer_id=id_, state=state, verified=talk["verified"],
                                          opened_at=begun, last_at=begun)  # fmt: skip
            await self.add("conversation_events", customer_id=id_, conversation_id=conversation, event="NoteAdded")
            for token in dict.fromkeys(talk["tokens"]):
                message = await self.add(
                    "messages", customer_id=id_, identity_id=mail, channel="email", direction="in", state="delivered",
                    purpose="conversation", conversation_id=conversation, client_token=token,
                )  # fmt: skip
                await self.add("questions", customer_id=id_, message_id=message)


async def snapshot(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that is no log, without what any change touches."""
    found = {}
    async with store.read() as connection:
        for place in metadata.sorted_tables:
            if place.name not in LOGS:
                rows = await connection.execute(select(place).order_by(*place.primary_key.columns))
                left_out = IGNORED.get(place.name, set())
                found[place.name] = [
                    {name: value for name, value in row._mapping.items() if name not in left_out} for row in rows
                ]
    return found


async def names(store: Store, id_: str) -> set[str]:
    """The tables in which an id stands anywhere."""
    async with store.read() as connection:
        found = set()
        for place in metadata.sorted_tables:
            rows = await connection.execute(select(place))
            if any(id_ in str(tuple(row)) for row in rows):
                found.add(place.name)
    return found
