"""A messenger's own-contact button proves a number: it becomes an address, and tells who somebody is."""

import pytest

from core.messages import SMS, TELEGRAM, Address
from storage.tables import Audit, Consent, Customer, Identity, Message
from tests.bot.scene import Scene, written
from tests.bot.test_answers import arrive
from tests.conftest import NOW

CHAT = Address(TELEGRAM, "990001", "42")
PHONE = "+12025550111"


async def with_phone(scene: Scene, *, verified: bool = False) -> tuple[str, str]:
    """A customer whose number an import told us: (customer, identity)."""
    person = await scene.person()
    identity = Identity(
        customer_id=person.id, channel=SMS, address=PHONE, key="k", verified=verified, created_at=NOW
    )  # fmt: skip
    identity_id = identity.id
    async with scene.store.session() as session:
        session.add(identity)
    return person.id, identity_id


async def test_number_becomes_a_proven_address_without_consent(scene: Scene) -> None:
    await arrive(scene, written(CHAT, "contact", phone=PHONE, key="1"), written(CHAT, "contact", phone=PHONE, key="1"))
    (chat,) = await scene.all(Identity, address=CHAT.value)
    (phone,) = await scene.all(Identity, channel=SMS)
    assert (phone.customer_id, phone.address, phone.verified) == (chat.customer_id, PHONE, True)
    assert phone.source == "own number, telegram"
    assert await scene.all(Consent, identity_id=phone.id) == []


async def test_stranger_turns_out_to_be_the_customer_with_that_number(scene: Scene) -> None:
    owner, identity = await with_phone(scene)
    await arrive(scene, written(CHAT, "hello"), written(CHAT, "contact", phone=PHONE))
    (chat,) = await scene.all(Identity, address=CHAT.value)
    assert chat.customer_id == owner
    assert [row.id for row in await scene.all(Customer)] == [owner]
    assert {row.customer_id for row in await scene.all(Message, direction="in")} == {owner}
    assert (await scene.get(Identity, identity)).verified
    (merged, noted) = await scene.all(Audit)
    assert (merged.action, merged.subject_id) == ("merge", owner)
    assert (noted.action, noted.detail["source"]) == ("identity joined", "own number, telegram")


async def test_two_people_with_a_history_stay_two(scene: Scene) -> None:
    owner, identity = await with_phone(scene)
    other = await scene.person()
    await arrive(scene, written(other.telegram, "contact", phone=PHONE))
    (chat,) = await scene.all(Identity, address=other.telegram.value)
    assert chat.customer_id == other.id
    kept = await scene.get(Identity, identity)
    assert (kept.customer_id, kept.verified) == (owner, False)
    assert [row.action for row in await scene.all(Audit)] == ["join refused"]


@pytest.mark.parametrize("text", ["contact", ""])
async def test_number_that_is_theirs_already_is_proven(scene: Scene, text: str) -> None:
    owner, identity = await with_phone(scene)
    await arrive(scene, written(CHAT, "hello"), written(CHAT, text, phone=PHONE), written(CHAT, text, phone=PHONE))
    assert (await scene.get(Identity, identity)).verified
    assert [row.id for row in await scene.all(Customer)] == [owner]
