"""Who may be one customer, by indexes only: never more than the whole list says, and as much where it can."""

from campaigns.customers.duplicates import SHARED_BY, keep_distinct
from campaigns.customers.resembling import resembling
from core.actors import Actor
from core.ids import new_id
from core.messages import Address
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit
from tests.bot.scene import Scene
from tests.campaigns.customers.test_duplicates import customer, suggested
from tests.conftest import NOW

PHONE = "+447700900123"


async def alike(store: Store, who: str) -> dict[frozenset[str], tuple[float, set[str]]]:
    async with store.read() as connection:
        found = await resembling(connection, who)
    assert all(pair.one["id"] == who for pair in found)
    return {frozenset({p.one["id"], p.other["id"]}): (p.score, {kind for kind, _ in p.reasons}) for p in found}


async def test_it_finds_what_the_whole_list_finds(store: Store) -> None:
    people = [
        await customer(store, Address("sms", PHONE), external_id="A-17"),
        await customer(store, Address("whatsapp", PHONE)),
        await customer(store, Address("email", "anna@example.org"), first_name="Anna", last_name="Lind",
                       search="anna lind", birthday="1990-05-05", city="Riga"),
        await customer(store, first_name="Lind", last_name="Anna", search="lind anna", birthday="1990-05-05",
                       city="Рига"),
        await customer(store, external_id="0a-17"),
        await customer(store, Address("telegram", "77")),
    ]  # fmt: skip
    whole = await suggested(store)
    assert len(whole) == 3
    for who in people:
        assert await alike(store, who) == {pair: said for pair, said in whole.items() if who in pair}


async def test_columns_of_the_shops_lead_to_addresses(store: Store) -> None:
    by_sms = await customer(store, Address("sms", PHONE))
    written = await customer(store, attributes={"mobile": "+44 7700 900-123", "email": 7})
    assert await alike(store, written) == {frozenset({by_sms, written}): (0.8, {"phone"})}


async def test_claims_count_both_ways(store: Store) -> None:
    scene = Scene(store)
    anna, guest = await scene.person(), await customer(store)
    claim = {
        "id": new_id(), "at": NOW, "actor": f"customer:{guest}", "action": "address claimed", "subject": "identity",
        "subject_id": anna.identities["email"], "detail": {"claimed_by": guest},
    }  # fmt: skip
    async with store.write() as connection:
        await connection.execute(table(Audit).insert(), claim)
    expected = {frozenset({anna.id, guest}): (0.7, {"claimed"})}
    assert await alike(store, anna.id) == await alike(store, guest) == expected
    async with store.write() as connection:
        await keep_distinct(connection, anna.id, guest, Actor("agent", "a"), NOW)
    assert await alike(store, anna.id) == await alike(store, guest) == {}


async def test_what_many_share_tells_nothing(store: Store) -> None:
    name = {"first_name": "Anna", "last_name": "Lind", "search": "anna lind", "city": "Riga"}
    people = [await customer(store, **name) for _ in range(SHARED_BY)]
    assert len(await alike(store, people[0])) == SHARED_BY - 1
    await customer(store, **name)
    assert await alike(store, people[0]) == {}
