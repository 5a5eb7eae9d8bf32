"""Any two customers: merged, nothing is lost or left behind; two again, everything is as it was."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from campaigns.customers.merging import MERGED, merge_customers
from campaigns.customers.unmerging import undo_merge
from core.actors import Actor
from core.machines.message import MessageState
from storage import migrate
from storage.store import Store
from storage.tables import metadata
from tests.campaigns.customers.pairs import LIVES, LOGS, Pair, names, snapshot
from tests.conftest import NOW

VERA = Actor("operator", "vera")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Store]]:
    """One store for all examples, in a loop of its own: opening and migrating takes longer than a merge."""
    path = tmp_path_factory.mktemp("merging") / "store.sqlite3"

    async def migrated() -> Store:
        async with await Store.open(f"sqlite:///{path}") as store:
            await migrate.upgrade(store)
        return await Store.open(f"sqlite:///{path}", throw_away=True)

    with asyncio.Runner() as runner:
        store = runner.run(migrated())
        yield runner, store
        runner.run(store.close())


async def two_people(store: Store, one: Any, other: Any) -> tuple[str, str]:
    async with store.write() as connection:
        pair = Pair(connection)
        await pair.world()
        third = await pair.live(other, "third")
        return await pair.live(one, "one", third), await pair.live(other, "other", third)


async def there_and_back(store: Store, one: Any, other: Any) -> None:
    merged, survivor = await two_people(store, one, other)
    before = await snapshot(store)
    done = await merge_customers(store, merged, survivor, VERA, NOW, source="test")
    assert await names(store, merged) - LOGS - {"commands"} == {"merged_customers"}
    after = await snapshot(store)
    everything_is_there(before, after, done.journeys_ended)
    assert (await undo_merge(store, merged, VERA, NOW)).left == {}
    expected, found = put_right(before, after, {merged, survivor}), await snapshot(store)
    for name, rows in expected.items():
        assert found[name] == rows, name


def everything_is_there(before: dict[str, Any], after: dict[str, Any], journeys_ended: int) -> None:
    may_shrink = {"customers", "customer_tags", "segment_memberships", "blob_owners", "distinct_pairs"}
    for name, rows in before.items():
        if name not in may_shrink | {"merged_customers"}:
            assert len(after[name]) == len(rows), name
    ended = [row for row in after["enrolments"] if row["reason"] == MERGED]
    assert len(ended) == journeys_ended
    held = sum(row["amount_micros"] for row in after["holds"] if row["state"] == "held")
    freed = sum(row["amount_micros"] for row in after["holds"] if row["state"] == "released")
    assert after["budget_uses"][0]["taken_micros"] == 1000 - freed
    assert held + freed == sum(row["amount_micros"] for row in before["holds"])
    open_talks = [(row["customer_id"], row["verified"]) for row in after["conversations"] if row["state"] != "resolved"]
    assert len(open_talks) == len(set(open_talks))


def put_right(before: dict[str, Any], after: dict[str, Any], pair: set[str]) -> dict[str, Any]:
    """``before`` with what no undoing puts back: journeys that ended, their messages and money; returned claims."""
    ended = {row["id"]: row for row in after["enrolments"] if row["reason"] == MERGED}
    sent = {row["id"]: row for row in after["messages"]}
    holds = {row["message_id"]: row for row in after["holds"]}
    expected = {**before, "budget_uses": after["budget_uses"]}
    expected["enrolments"] = [
        row | {name: ended[row["id"]][name] for name in ("state", "reason", "closed_at", "due_at")}
        if row["id"] in ended else row
        for row in before["enrolments"]
    ]  # fmt: skip
    expected["messages"] = [
        row
        | {name: sent[row["id"]][name] for name in ("state", "reason", "worker")}
        | _unclaimed(sent[row["id"]], pair)
        for row in before["messages"]
    ]
    expected["holds"] = [row | {"state": holds[row["message_id"]]["state"]} for row in before["holds"]]
    return expected


def _unclaimed(message: dict[str, Any], pair: set[str]) -> dict[str, Any]:
    """What was claimed was composed for somebody else, and is claimed again."""
    mine = message["customer_id"] in pair and message["state"] == "claimed"
    return {"state": MessageState.PLANNED, "worker": ""} if mine else {}


@given(one=LIVES, other=LIVES)
@settings(max_examples=40, phases=[Phase.generate])  # to make an example smaller takes minutes
def test_two_again_they_are_as_they_were(kept: tuple[asyncio.Runner, Store], one: Any, other: Any) -> None:
    runner, store = kept

    async def run() -> None:
        async with store.write() as connection:
            for place in reversed(metadata.sorted_tables):
                await connection.execute(place.delete())
        await there_and_back(store, one, other)

    runner.run(run())


FULL: dict[str, Any] = {
    "facts": {"external": True, "locale": "", "city": "Kazan", "first_name": "Anna", "rests": 5, "since": 9,
              "attributes": {"a": 1, "b": 1}},
    "addresses": 2,
    "journeys": [
        {"campaign": "one", "open": False, "days": 8, "sends": ["accepted"]},
        {"campaign": "one", "open": True, "days": 2, "sends": ["accepted", "planned", "claimed"]},
        {"campaign": "two", "open": True, "days": 1, "sends": ["unknown"]},
    ],
    "grants": [("tea", True, 3), ("cup", False, 1)],
    "talks": [{"verified": True, "state": "queued", "days": 1, "tokens": ["t1", None]},
              {"verified": False, "state": "bot", "days": 2, "tokens": ["t1"]}],
    "tags": {"vip"},
    "segments": [("s1", True, 1), ("s2", False, 0)],
    "events": 2,
    "blobs": {"b1", "b2"},
    "command": "open",
    "flows": [(True, 3)],
    "stranger": True,
}  # fmt: skip


async def test_on_each_database(store: Store) -> None:
    other = FULL | {"talks": [{"verified": True, "state": "bot", "days": 5, "tokens": ["t1", "t2"]}]}
    await there_and_back(store, FULL, other)
