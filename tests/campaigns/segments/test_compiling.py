"""Compiled segments: the same answer as plain Python on both databases, in one pass over the right index."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from sqlalchemy import insert, select, text

from campaigns.segments.compiling import compile_segment
from campaigns.segments.reading import read_stored
from campaigns.segments.syntax import SegmentDefinition
from core.errors import Refused
from core.ids import new_id
from core.reading.problems import WorkspaceInvalid
from storage import migrate
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Event
from tests.campaigns.segments.evaluator import Person, World
from tests.campaigns.segments.settling import settle
from tests.campaigns.segments.strategies import BASE, ZONE, conditions, town
from tests.conftest import NOW


def segment(name: str, where: Any) -> SegmentDefinition:
    return read_stored(name, {"where": where})


SEGMENTS = {name: read_stored(name, body) for name, body in BASE.items()}


class Town(dict[str, Person]):
    """Customers by id; short in a failure's report."""

    def __repr__(self) -> str:
        return f"<{len(self)} customers>"


@pytest.fixture
async def people(store: Store) -> Town:
    """A town of 300 in the store, by customer id."""
    found = Town({new_id(): person for person in town(300, seed=7)})
    async with store.write() as connection:
        await settle(connection, found)
    return found


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(condition=conditions)
@example(condition={"not": {"event": "order", "average": {"below": 20}}})
@example(condition={"field": "attributes.points", "is": 10})
@example(condition={"field": "age", "is_not": 30})
@example(condition={"not": {"campaign": "any", "did": "received", "count": {"at_most": 1}}})
@example(condition={"event": "visit", "sum": {"above": 20}, "of": "price", "where": {"category": "books"}})
@example(condition={"event": "order", "latest": {"amount": {"above": 20}}, "earliest": {"category": ["books", "toys"]}})
@example(condition={"event": "order", "last": {"at_most": "2026-10-25"}})
async def test_the_sql_agrees_with_plain_python(condition: dict[str, Any], store: Store, people: Town) -> None:
    asked = {**SEGMENTS, "asked": segment("asked", condition)}
    async with store.read() as connection:
        found: set[Any] = set(await connection.scalars(compile_segment("asked", asked, now=NOW, zone=ZONE)))
        some = sorted(people)[::3]
        query = compile_segment("asked", asked, now=NOW, zone=ZONE, among=given_ids)
        among: set[Any] = set(await connection.scalars(query, {IDS: some}))
    world = World(NOW, ZONE, asked)
    expected = {id_ for id_, person in people.items() if world.holds(asked["asked"].condition, person)}
    assert found == expected
    assert among == expected & {*some}


async def test_conditions_of_one_event_are_one_pass() -> None:
    where = {"all": [
        {"event": "order", "count": {"at_least": 3}, "within": "1y"},
        {"not": {"event": "order", "sum": {"above": 100}, "within": "30d"}},
        {"event": "order", "last": {"above": "90d"}},
        {"event": "visit"},
    ]}  # fmt: skip
    sql = str(compile_segment("s", {"s": segment("s", where)}, now=NOW, zone=ZONE))
    assert sql.count("FROM events") == 2  # order and visit
    assert "'visit'" not in sql  # names are bound
    assert "customers" not in sql  # who has no order is not in it: the customers need not be read


@pytest.mark.parametrize(("where", "left_out"), [
    ({"event": "order", "last": {"above": "1y"}}, True),
    ({"any": [{"event": "order"}, {"event": "order", "average": 5}]}, True),
    ([{"not": {"event": "visit"}}, {"event": "order"}], True),
    ({"event": "order", "count": {"at_most": 3}}, False),
    ({"not": {"event": "order"}}, False),
    ({"any": [{"event": "order"}, {"event": "visit"}]}, False),
    ([{"event": "order"}, {"field": "country", "is": "DE"}], False),
])  # fmt: skip
async def test_customers_are_read_only_where_they_are_asked(where: Any, left_out: bool) -> None:
    sql = str(compile_segment("s", {"s": segment("s", where)}, now=NOW, zone=ZONE))
    assert ("customers" not in sql) is left_out


async def test_a_last_event_is_looked_for_where_there_must_be_one() -> None:
    where = [{"event": "order", "sum": {"above": 100}, "within": "1y"}, {"event": "order", "last": {"above": "90d"}}]
    query = compile_segment("s", {"s": segment("s", where)}, now=NOW, zone=ZONE)
    assert str(query).count("events.at >=") == 1  # what is read at all: of that the sum and the last are asked
    assert "CASE" not in str(query)


@pytest.mark.parametrize("where", [
    {"event": "order", "last": {"above": "1y"}},
    {"all": [{"event": "order", "sum": {"at_least": 10}, "within": "1y"}, {"event": "order", "count": 2}]},
])  # fmt: skip
async def test_events_are_read_in_the_index_alone(store: Store, where: dict[str, Any]) -> None:
    query = compile_segment("s", {"s": segment("s", where)}, now=NOW, zone=ZONE)
    async with store.write() as connection:
        customers = [Customer(id=new_id(), created_at=NOW, updated_at=NOW).model_dump() for _ in range(300)]
        await connection.execute(insert(table(Customer)), customers)
        rows = [
            Event(customer_id=customer["id"], name="order" if n % 5 else "visit", at=NOW, amount_micros=5, source="t",
                  external_id=new_id(), recorded_at=NOW).model_dump()
            for customer in customers for n in range(20)
        ]  # fmt: skip
        await connection.execute(insert(table(Event)), rows)
        await connection.execute(text("ANALYZE"))
        sql = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN " if store.dialect == "sqlite" else "EXPLAIN (FORMAT JSON) "
        if store.dialect == "postgresql":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = json.dumps([list(row) for row in await connection.exec_driver_sql(explain + sql)])
    # PostgreSQL may as well go by time: both indexes have every column
    assert ("COVERING INDEX ix_events_name (name=?)" if store.dialect == "sqlite" else "ix_events_") in plan, plan


async def test_of_some_customers_only_their_rows_are_read(tmp_path: Path) -> None:
    where = [
        {"event": "order", "sum": {"above": 5}, "within": "1y"}, {"event": "visit"}, {"channel": "email"},
        {"consent": "marketing", "channel": "sms"}, {"tag": "vip"}, {"campaign": "any", "did": ["entered", "clicked"]},
    ]  # fmt: skip
    query = compile_segment("s", {"s": segment("s", where)}, now=NOW, zone=ZONE, among=given_ids)
    async with await Store.open(f"sqlite:///{tmp_path}/x.sqlite3") as store:
        await migrate.upgrade(store)
        async with store.read() as connection:
            bound = query.params({IDS: ["a"]}).compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            plan = [str(row.detail) for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {bound}")]
    reads = [step for step in plan if step.startswith(("SEARCH", "SCAN")) and "json_each" not in step]
    loose = [step for step in reads if not re.search(r"(customer_id|id|enrolment_id)=\?|SCAN e\d|SEARCH e\d", step)]
    assert not loose, plan


async def test_values_never_become_sql(store: Store) -> None:
    evil = "x') OR 1=1; DROP TABLE customers; --"
    where = {"any": [
        {"field": "country", "is": evil}, {"field": "first_name", "contains": evil},
        {"field": "attributes.a", "in": [evil]},
    ]}  # fmt: skip
    async with store.read() as connection:
        assert (
            await connection.scalars(compile_segment("s", {"s": segment("s", where)}, now=NOW, zone=ZONE))
        ).all() == []
        assert await connection.scalar(select(table(Customer).c.id)) is None


@pytest.mark.parametrize("name", ["attributes.a\"') --", "attributes.$.x", "attributes.", "attributes.a'b", "nope"])
def test_an_attribute_name_cannot_carry_sql(name: str) -> None:
    with pytest.raises(WorkspaceInvalid):
        segment("s", {"field": name, "is": "x"})


def test_circles_and_missing_segments_are_refused() -> None:
    circle = {"a": segment("a", {"segment": "b"}), "b": segment("b", {"not": {"segment": "a"}})}
    with pytest.raises(Refused, match="circle"):
        compile_segment("a", circle, now=NOW, zone=ZONE)
    with pytest.raises(Refused, match="no segment"):
        compile_segment("z", circle, now=NOW, zone=ZONE)
    doubling = {"s0": segment("s0", {"field": "country", "is": "DE"})}
    for n in range(1, 30):
        doubling[f"s{n}"] = segment(f"s{n}", {"any": [{"segment": f"s{n - 1}"}, {"segment": f"s{n - 1}"}]})
    with pytest.raises(Refused, match="grows"):
        compile_segment("s29", doubling, now=NOW, zone=ZONE)
