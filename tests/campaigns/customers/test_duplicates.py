"""Suggestions: who may be one person, why, and that nobody is suggested again who is not."""

from typing import Any

import pytest

from campaigns.customers.duplicates import SHARED_BY, keep_distinct, likely_duplicates
from campaigns.customers.spelling import spelling
from core.actors import Actor
from core.addresses import identity_key
from core.ids import new_id
from core.messages import Address
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Customer, Identity
from tests.bot.scene import Scene
from tests.conftest import NOW

VERA = Actor("operator", "vera")
SAME = [
    ("Юлия", "Yulia", "Julia", "Yuliya", "ЮЛИЯ"), ("Алексей", "Alexey", "Aleksei", "Alexej"),
    ("Щербаков", "Shcherbakov", "Scherbakov"), ("Мухаммад", "Mukhammad", "Muhammad"), ("Виктор", "Victor", "Viktor"),
    ("Дмитрий", "Dmitry", "Dmitriy", "Dmitrij"), ("Александр", "Alexander"), ("Наталья", "Natalya", "Natalia"),
    ("Екатерина", "Yekaterina", "Ekaterina"), ("علي", "علی"),
]  # fmt: skip


@pytest.mark.parametrize("names", SAME, ids=lambda names: names[-1])
def test_one_spelling(names: tuple[str, ...]) -> None:
    assert len({spelling(name) for name in names}) == 1


def test_different_names_stay_different() -> None:
    names = ["Anna", "Inna", "Ivan", "Иван Петров", "Marina", "Мария", "Олег", "Ольга", "Nina", "Жанна", "Lena", "علی"]
    assert len({spelling(name) for name in names}) == len(names)


async def customer(store: Store, /, *addresses: Address, **given: Any) -> str:
    person = Customer(created_at=NOW, updated_at=NOW, **given)
    async with store.session() as session:
        session.add(person)
        await session.flush()
        session.add_all(
            Identity(customer_id=person.id, channel=one.channel, scope=one.scope, address=one.value,
                     key=identity_key(one), created_at=NOW)
            for one in addresses
        )  # fmt: skip
    return person.id


async def suggested(store: Store) -> dict[frozenset[str], tuple[float, set[str]]]:
    async with store.read() as connection:
        found = await likely_duplicates(connection)
    return {frozenset({p.one["id"], p.other["id"]}): (p.score, {kind for kind, _ in p.reasons}) for p in found}


async def test_why_two_may_be_one(store: Store) -> None:
    phone = "+447700900123"
    by_sms = await customer(store, Address("sms", phone), external_id="A-17")
    by_whatsapp = await customer(store, Address("whatsapp", phone), attributes={"mobile": "+44 7700 900-123"})
    mail = await customer(store, Address("email", "anna@example.org"), first_name="Анна", last_name="Щукина",
                          birthday="1990-05-05", city="Казань")  # fmt: skip
    field = await customer(store, attributes={"email": "Anna@Example.org"}, first_name="Shchukina", last_name="Anna",
                           birthday="1990-05-05")  # fmt: skip
    town = await customer(store, first_name="Anna", last_name="Schukina", city="Kazan", birthday="1971-01-01")
    number = await customer(store, external_id="0a-17")
    found = await suggested(store)
    assert found == {
        frozenset({by_sms, by_whatsapp}): (0.8, {"phone"}),
        frozenset({mail, field}): (0.96, {"email", "name_birthday"}),
        frozenset({mail, town}): (0.16, {"name_city"}),
        frozenset({by_sms, number}): (0.5, {"external_id"}),
    }


async def test_what_many_share_tells_nothing(store: Store) -> None:
    for _ in range(SHARED_BY + 1):
        await customer(store, attributes={"phone": "+12025550100"})
    assert await suggested(store) == {}


async def test_two_people_are_suggested_no_more(scene: Scene) -> None:
    one, other = await scene.person(), await scene.person()
    async with scene.store.write() as connection:
        await connection.execute(
            table(Audit).insert(),
            {"id": new_id(), "at": NOW, "actor": "customer", "action": "address claimed", "subject": "identity",
             "subject_id": one.identities["email"], "detail": {"claimed_by": other.id}},
        )  # fmt: skip
    assert list((await suggested(scene.store)).values()) == [(0.7, {"claimed"})]
    async with scene.store.write() as connection:
        await keep_distinct(connection, other.id, one.id, VERA, NOW)
        await keep_distinct(connection, one.id, other.id, VERA, NOW)
    assert await suggested(scene.store) == {}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)
