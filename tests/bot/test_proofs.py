"""A code by mail or SMS: the right one proves an address and makes two customers one; guessing leads nowhere."""

import re
from datetime import datetime, timedelta

import pytest

from bot.proofs import (
    A_DAY,
    AN_HOUR,
    BY_CUSTOMER,
    LIFE,
    TRIES,
    Answered,
    Asked,
    answer_proof,
    ask_for_proof,
    forget_codes,
)
from core.machines.message import MessageState
from core.purposes import Purpose
from storage.tables import AddressProof, Audit, Customer, Identity, Message
from tests.bot.scene import DAY, Person, Scene
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)


async def ask(scene: Scene, who: str, raw: str, at: datetime = NOW, channel: str = "email") -> Asked:
    async with scene.store.write() as connection:
        return await ask_for_proof(connection, who, channel, raw, scene.context(at))


async def answer(scene: Scene, who: str, text: str, at: datetime = NOW + MINUTE) -> Answered | None:
    async with scene.store.write() as connection:
        return await answer_proof(connection, who, text, scene.context(at))


async def code(scene: Scene) -> str:
    """The last code that was sent."""
    letter = (await scene.all(Message, purpose=Purpose.SERVICE))[-1]
    assert letter.state is MessageState.PLANNED
    assert letter.not_after == letter.send_at + LIFE
    return str(re.findall(r"\d{6}", letter.content["text"])[0])


def other_than(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


async def test_the_right_code_makes_two_customers_one(scene: Scene) -> None:
    shop, visitor = await scene.person(), await scene.person()
    assert (await ask(scene, visitor.id, " Person1@Example.org ")).outcome == "sent"
    right = await code(scene)
    (letter,) = await scene.all(Message)
    assert (letter.customer_id, letter.identity_id) == (shop.id, shop.identities["email"])
    done = await answer(scene, visitor.id, f"my code: {right[:3]} {right[3:]}")
    assert done is not None
    assert (done.outcome, done.merged, done.customer_id) == ("proven", True, shop.id)
    assert [row.id for row in await scene.all(Customer)] == [shop.id]
    proven = await scene.get(Identity, shop.identities["email"])
    assert proven.verified
    assert {row.action for row in await scene.all(Audit)} == {"address proven", "merge"}
    assert await answer(scene, shop.id, right) is None  # once


async def test_an_address_that_nobody_has_becomes_theirs(scene: Scene) -> None:
    visitor = await scene.person()
    await ask(scene, visitor.id, "+44 7700 900123", channel="sms")
    (phone,) = await scene.all(Identity, channel="sms")
    assert (phone.customer_id, phone.verified) == (visitor.id, False)
    done = await answer(scene, visitor.id, "".join(chr(ord("۰") + int(digit)) for digit in await code(scene)))
    assert done is not None
    assert (done.outcome, done.merged, done.customer_id) == ("proven", False, visitor.id)
    assert (await scene.get(Identity, phone.id)).verified
    assert (await ask(scene, visitor.id, "+447700900123", channel="sms")).outcome == "already"


async def test_wrong_codes_are_counted(scene: Scene) -> None:
    _, visitor = await scene.person(), await scene.person()
    await ask(scene, visitor.id, "person1@example.org")
    right = await code(scene)
    outcomes = []
    for _ in range(TRIES):
        told = await answer(scene, visitor.id, other_than(right))
        assert told is not None
        outcomes.append(told.outcome)
    assert outcomes == ["wrong"] * (TRIES - 1) + ["spent"]
    assert await answer(scene, visitor.id, right) is None
    assert len(await scene.all(Customer)) == 2


@pytest.mark.parametrize("text", ["12345", "1234567", "call me at 123456 or by my other number, it is urgent, please"])
async def test_other_texts_are_no_codes(scene: Scene, text: str) -> None:
    visitor = await scene.person()
    await ask(scene, visitor.id, "new@example.org")
    assert await answer(scene, visitor.id, text) is None


async def test_a_code_is_for_a_short_time_and_for_whoever_asked(scene: Scene) -> None:
    _, visitor, thief = [await scene.person() for _ in range(3)]
    await ask(scene, visitor.id, "person1@example.org")
    right = await code(scene)
    assert await answer(scene, thief.id, right) is None
    assert await answer(scene, visitor.id, right, NOW + LIFE) is None


async def test_a_new_code_ends_the_old_one(scene: Scene) -> None:
    _, visitor = await scene.person(), await scene.person()
    await ask(scene, visitor.id, "person1@example.org")
    old = await code(scene)
    await ask(scene, visitor.id, "person1@example.org", NOW + MINUTE)
    if old != await code(scene):
        told = await answer(scene, visitor.id, old)
        assert told is not None
        assert told.outcome == "wrong"


async def test_asking_is_bounded(scene: Scene) -> None:
    known, visitor = await scene.person(), await scene.person()
    for _ in range(AN_HOUR):
        assert (await ask(scene, visitor.id, "person1@example.org")).outcome == "sent"
    assert (await ask(scene, visitor.id, "person1@example.org")).outcome == "too_many"
    other = await scene.person()
    assert (await ask(scene, other.id, "person1@example.org")).outcome == "too_many"  # however many ask
    for number in range(BY_CUSTOMER - AN_HOUR):
        assert (await ask(scene, visitor.id, f"new{number}@example.org")).outcome == "sent"
    assert (await ask(scene, visitor.id, "new9@example.org")).outcome == "too_many"
    for hour in range(1, A_DAY - AN_HOUR + 1):
        assert (await ask(scene, other.id, "person1@example.org", NOW + hour * 2 * 60 * MINUTE)).outcome == "sent"
    assert (await ask(scene, other.id, "person1@example.org", NOW + 12 * 60 * MINUTE)).outcome == "too_many"
    assert (await ask(scene, other.id, "person1@example.org", NOW + 2 * DAY)).outcome == "sent"
    assert known.id


async def test_nobody_learns_whose_an_address_is(scene: Scene) -> None:
    _, visitor = await scene.person(), await scene.person()
    known = await ask(scene, visitor.id, "person1@example.org")
    assert known == await ask(scene, visitor.id, "nobody@example.org")
    assert (await ask(scene, visitor.id, "no address")).outcome == "bad_address"


async def test_the_code_is_kept_as_a_hash_and_leaves_the_outbox(scene: Scene) -> None:
    visitor: Person = await scene.person()
    await ask(scene, visitor.id, "new@example.org")
    right = await code(scene)
    (proof,) = await scene.all(AddressProof)
    assert re.fullmatch("[0-9a-f]{64}", proof.code)
    told = {name: value for name, value in proof._mapping.items() if name not in ("code", "key")}
    assert right not in str(told), "but hashes may have any six digits in a row"
    async with scene.store.write() as connection:
        assert await forget_codes(connection, NOW + MINUTE) == 0
    await answer(scene, visitor.id, right)
    async with scene.store.write() as connection:
        assert await forget_codes(connection, NOW + MINUTE) == 1
        assert await forget_codes(connection, NOW + MINUTE) == 0
    (letter,) = await scene.all(Message)
    assert right not in str(tuple(letter))
