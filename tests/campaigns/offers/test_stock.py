"""Codes and grants: each code is handed out once, each customer has one grant in force a product."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from campaigns.definition import Offer
from campaigns.offers import stock
from campaigns.offers.granting import GrantRequest, end_expired, grant_offers
from campaigns.offers.listing import offer_states
from campaigns.offers.stock import codes_left, import_codes
from campaigns.periods import Period
from core.actors import Actor
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Audit, Customer, Grant, OfferCode
from tests.conftest import NOW

ME = Actor("operator", "me")
SINGLE = Offer(name="winter", product="discount", codes="unique", low_stock=10, valid=Period(2, "d"))
UTC_ZONE = ZoneInfo("UTC")


async def _customers(store: Store, number: int) -> list[str]:
    people = [Customer(created_at=NOW, updated_at=NOW) for _ in range(number)]
    async with store.session() as session:
        session.add_all(people)
    return [person.id for person in people]


def _request(offer: Offer, customer: str) -> GrantRequest:
    return GrantRequest(offer, customer, "c" * 26, "e" * 26, UTC_ZONE)


async def test_an_import_may_be_repeated(store: Store) -> None:
    lines = ["\ufeffCode\n", "A-1\n", "\n", ' "B 2" ; 17\n', "A-1\r\n", "C\x00\n", "x" * 101, "Ж-3"]
    first = await import_codes(store, "winter", lines, now=NOW, actor=ME)
    assert (first.read, first.new, first.repeated, first.refused) == (4, 3, 1, 2)
    assert [problem.partition(":")[0] for problem in first.problems] == ["line 6", "line 7"]
    again = await import_codes(store, "winter", ["A-1", "D"], now=NOW, actor=ME)
    assert (again.read, again.new) == (2, 1)
    async with store.read() as connection:
        assert set(await connection.scalars(select(table(OfferCode).c.code))) == {"A-1", "B 2", "Ж-3", "D"}
        noted = (await connection.execute(select(table(Audit)))).all()
        assert [row.action for row in noted] == ["import codes"] * 2
        states = await offer_states(connection)
    assert (states["winter"].codes, states["winter"].free, states["winter"].offer) == (4, 4, None)


async def test_many_codes_come_in_chunks(store: Store) -> None:
    told: list[int] = []
    lines = (f"W{number}" for number in range(5_001))
    outcome = await import_codes(store, "w", lines, now=NOW, actor=ME, progress=told.append)
    assert outcome.new == 5_001
    assert told == [2_000, 4_000, 5_001]


async def test_workers_hand_out_each_code_once(store: Store) -> None:
    await import_codes(store, "winter", (f"W{number:03}" for number in range(40)), now=NOW, actor=ME)
    people = await _customers(store, 60)
    waiting = list(people)

    async def worker(seed: int) -> int:
        chance, got = random.Random(seed), 0
        while waiting:
            batch = [waiting.pop() for _ in range(min(len(waiting), chance.randint(1, 7)))]
            async with store.write() as connection:
                await lock_customers(connection, batch, shared=False)
                left = (await codes_left(connection, ["winter"], 60))["winter"]
                await asyncio.sleep(0)
                await grant_offers(connection, [_request(SINGLE, one) for one in batch[:left]], NOW)
                got += min(left, len(batch))
        return got

    assert sum(await asyncio.gather(*(worker(seed) for seed in range(4)))) == 40
    async with store.read() as connection:
        grants = (await connection.execute(select(table(Grant)))).all()
        codes = (await connection.execute(select(table(OfferCode)))).all()
        alerts = await connection.scalar(
            select(func.count()).select_from(table(Audit)).where(table(Audit).c.action == "low stock")
        )
    assert len({grant.code for grant in grants}) == len(grants) == 40
    assert {(grant.code, grant.id) for grant in grants} == {(code.code, code.grant_id) for code in codes}
    assert alerts == 1


async def test_what_is_counted_is_there_to_be_taken(store: Store) -> None:
    await import_codes(store, "winter", ["A", "B"], now=NOW, actor=ME)
    (person,) = await _customers(store, 1)
    async with store.write() as connection:
        assert await codes_left(connection, ["winter", "none"], 50) == {"winter": 2, "none": 0}
        with pytest.raises(RuntimeError, match="3 codes were wanted, 2 are free"):
            await grant_offers(connection, [_request(SINGLE, person)] * 3, NOW)


async def test_running_short_is_said_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # a log of its own: a command that another test ran has set the process's logs up for good
    said: list[tuple[str, int]] = []
    monkeypatch.setattr(
        stock, "log", SimpleNamespace(warning=lambda _event, *, offer, left: said.append((offer, left)))
    )
    await import_codes(store, "winter", (f"W{number}" for number in range(13)), now=NOW, actor=ME)
    people = await _customers(store, 5)
    for person in people:
        async with store.write() as connection:
            await grant_offers(connection, [_request(SINGLE, person)], NOW)
    assert said == [("winter", 10)]
    async with store.read() as connection:
        states = await offer_states(connection)
    assert states["winter"].granted == 5


@pytest.mark.parametrize("seed", range(3))
async def test_one_grant_in_force_a_customer_and_product(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    offers = [
        Offer(name=f"o{number}", product=f"p{number % 2}", codes="same", code="X", valid=Period(number + 1, "d"))
        for number in range(4)
    ]
    people = await _customers(store, 6)
    refused: Counter[str] = Counter()

    async def worker(day: int) -> None:
        now = NOW + timedelta(days=day)
        for _ in range(10):
            offer, person = chance.choice(offers), chance.choice(people)
            try:
                async with store.write() as connection:
                    await lock_customers(connection, [person], shared=False)
                    await end_expired(connection, [person], now)
                    await grant_offers(connection, [_request(offer, person)], now)
            except IntegrityError:
                refused[offer.product] += 1

    for day in range(5):
        await asyncio.gather(*(worker(day) for _ in range(3)))
        async with store.read() as connection:
            in_force: Any = (
                await connection.execute(
                    select(table(Grant).c.customer_id, table(Grant).c.product).where(table(Grant).c.ended_at.is_(None))
                )
            ).all()
        assert len(set(in_force)) == len(in_force)
    assert refused
