"""Signing in: passwords, second factors, locks and sessions, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import Type
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import select, update

from core.actors import Actor
from core.agents import Role
from core.errors import Refused
from core.machines.conversation import ConversationState
from desk.access import passwords, second_factor, sessions, signing_in
from desk.access.agents import add_agent, change, disable, set_password
from desk.access.locking import FIRST_LOCK, TRIES
from desk.access.sessions import IDLE, LONGEST
from desk.access.signing_in import Answer, Entrance, Tried
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, AgentSession, Audit, Conversation, Customer

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
OPERATOR = Actor("operator", "vera")
HASHER = passwords._HASHER  # before the tests make it quick
ANN, PASSWORD, SECRET = "ann@example.com", "seven warm shelves", "s" * 40
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""Of RFC 6238, appendix B. 000000 is no code of it at these times; of a new key it might be one."""


async def ann(store: Store, **more: object) -> str:
    async with store.write() as connection:
        id_ = await add_agent(connection, "Ann@Example.com", "Ann", actor=OPERATOR, now=NOW, **more)  # type: ignore[arg-type]
        await set_password(connection, ANN, PASSWORD, actor=OPERATOR, now=NOW)
    return id_


async def tried(
    store: Store, password: str = PASSWORD, code: str = "", *, now: datetime = NOW, who: str = ANN
) -> Tried:
    return await Entrance(store, SECRET).sign_in(who, password, code, browser="Firefox", now=now)


async def signed_in(store: Store, token: str, now: datetime = NOW) -> sessions.SignedIn | None:
    async with store.read() as connection:
        return await sessions.who(connection, token, now)


async def test_the_right_password_leads_in(store: Store) -> None:
    id_ = await ann(store, role=Role.MARKETER, locale="ru")
    got = await tried(store, who=" ANN@example.com ")
    assert got.answer is Answer.IN
    me = await signed_in(store, got.token)
    assert me is not None
    assert (me.id, me.role, me.locale) == (id_, Role.MARKETER, "ru")
    async with store.read() as connection:
        kept = list(await connection.scalars(select(table(AgentSession).c.hash)))
        actions = list(await connection.scalars(select(table(Audit).c.action).order_by(table(Audit).c.id)))
    assert got.token not in kept, "only its hash is kept"
    assert actions == ["add", "set password", "sign in"]


@pytest.mark.parametrize("who", [ANN, "nobody@example.com"])
async def test_wrong_ones_are_answered_alike(store: Store, who: str) -> None:
    await ann(store)
    assert await tried(store, "not this one", who=who) == Tried(Answer.WRONG)


def test_passwords_are_hard_to_guess() -> None:
    """By OWASP's least: Argon2id with 19 MiB and two passes."""
    assert HASHER.type is Type.ID
    assert HASHER.memory_cost >= 19 * 1024
    assert HASHER.time_cost >= 2


async def test_many_wrong_ones_lock_for_a_while(store: Store) -> None:
    await ann(store)
    assert {(await tried(store, "guess")).answer for _ in range(TRIES)} == {Answer.WRONG}
    assert (await tried(store)).answer is Answer.WRONG, "the right one, too, and nobody is told why"
    later = NOW + FIRST_LOCK
    assert (await tried(store, "guess", now=later)).answer is Answer.WRONG
    assert (await tried(store, now=later + FIRST_LOCK)).answer is Answer.WRONG, "each lock is longer"
    assert (await tried(store, now=later + 2 * FIRST_LOCK)).answer is Answer.IN


async def test_any_number_of_guesses_are_ten_in_a_quarter_of_an_hour(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same moment or one after another: what is tried is counted before it is looked at."""
    id_ = await ann(store)
    looked_at: list[str] = []

    async def looked(password: str, kept: str) -> bool:
        if kept:
            looked_at.append(password)
        return False

    monkeypatch.setattr(signing_in, "matches", looked)
    for minute in range(15):
        at = NOW + timedelta(minutes=minute)
        for _ in range(2):
            guesses = (tried(store, f"guess {number}", now=at) for number in range(20))
            assert {one.answer for one in await asyncio.gather(*guesses)} == {Answer.WRONG}
    assert TRIES <= len(looked_at) <= 10
    async with store.read() as connection:
        row = (await connection.execute(select(table(Agent)).where(table(Agent).c.id == id_))).one()
    assert row.locked_until is not None
    assert row.wrong_passwords == len(looked_at)


async def test_a_missing_code_is_no_wrong_try_and_forgives_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = await ann(store)
    sealed = second_factor.Sealer(SECRET).sealed(KEY)
    async with store.write() as connection:
        await connection.execute(update(table(Agent)).where(table(Agent).c.id == id_).values(totp=sealed))

    async def right(password: str, kept: str) -> bool:
        return bool(kept) and password == PASSWORD

    monkeypatch.setattr(signing_in, "matches", right)
    for _ in range(3 * TRIES):
        assert (await tried(store)).answer is Answer.CODE
    for number in range(TRIES):
        assert (await tried(store, code="000000")).answer is Answer.WRONG
        if number < TRIES - 1:
            assert (await tried(store)).answer is Answer.CODE
    assert (await tried(store)).answer is Answer.WRONG, "who knows the password guesses no more codes than others"


async def test_a_second_factor_is_asked_for_and_good_once(store: Store) -> None:
    id_ = await ann(store)
    async with store.write() as connection:
        await change(connection, ANN, {"totp": second_factor.Sealer(SECRET).sealed(KEY)}, actor=OPERATOR, now=NOW)
    assert await tried(store) == Tried(Answer.CODE, id_)
    assert (await tried(store, code="000000")).answer is Answer.WRONG
    code = _code(NOW)
    both = await asyncio.gather(tried(store, code=code), tried(store, code=code))
    assert sorted(one.answer for one in both) == [Answer.IN, Answer.WRONG], "one of two at the same moment"
    assert (await tried(store, code=code, now=NOW + timedelta(seconds=20))).answer is Answer.WRONG
    next_one = NOW + timedelta(seconds=30)
    assert (await tried(store, code=_code(next_one), now=next_one)).answer is Answer.IN


def _code(at: datetime) -> str:
    import base64

    return TOTP(base64.b32decode(KEY), 6, SHA1(), 30).generate(int(at.timestamp())).decode()  # noqa: S303


def test_codes_of_the_rfc() -> None:
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):  # their last six digits
        assert second_factor.step_of(KEY, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30
    assert second_factor.step_of(KEY, "287082", datetime.fromtimestamp(59 + 60, UTC)) is None
    assert second_factor.Sealer("another").opened(second_factor.Sealer(SECRET).sealed(KEY)) is None


async def test_sessions_end(store: Store) -> None:
    await ann(store)
    token = (await tried(store)).token
    me = await signed_in(store, token)
    assert me is not None
    assert await signed_in(store, token, NOW + IDLE) is None
    used = NOW + IDLE - timedelta(hours=1)
    async with store.write() as connection:
        await sessions.seen(connection, me.session, used)
    assert await signed_in(store, token, NOW + IDLE) is not None, "it was used"
    async with store.write() as connection:
        await sessions.seen(connection, me.session, NOW + LONGEST - timedelta(minutes=1))
    assert await signed_in(store, token, NOW + LONGEST) is None, "but not for ever"
    assert await signed_in(store, token + "x") is None
    other = (await tried(store)).token
    async with store.write() as connection:
        await set_password(connection, ANN, "another few words", actor=OPERATOR, now=NOW, but_session=me.session)
    assert await signed_in(store, other) is None
    assert await signed_in(store, token) is not None, "where it was changed one stays"
    assert (await tried(store)).answer is Answer.WRONG


async def test_who_is_sent_away_is_out_at_once(store: Store) -> None:
    id_ = await ann(store)
    token = (await tried(store)).token
    customer = Customer(created_at=NOW, updated_at=NOW)
    chat = Conversation(
        customer_id=customer.id, state=ConversationState.ASSIGNED, agent=id_, opened_at=NOW, last_at=NOW
    )
    async with store.write() as connection:
        await connection.execute(table(Customer).insert(), customer.model_dump())
        await connection.execute(table(Conversation).insert(), chat.model_dump())
        assert await disable(connection, ANN, actor=OPERATOR, now=NOW) == 1
    assert await signed_in(store, token) is None
    assert (await tried(store)).answer is Answer.WRONG
    async with store.read() as connection:
        row = (await connection.execute(select(table(Conversation)))).one()
    assert (row.state, row.agent) == (ConversationState.QUEUED, "")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaaa", ANN])
async def test_weak_passwords_are_refused(store: Store, weak: str) -> None:
    await ann(store)
    with pytest.raises(Refused, match="password"):
        async with store.write() as connection:
            await set_password(connection, ANN, weak, actor=OPERATOR, now=NOW)
    assert (await tried(store)).answer is Answer.IN


async def test_an_address_is_one_agent(store: Store) -> None:
    await ann(store)
    for email, said in ((ANN.upper(), "is an agent already"), ("nonsense", "nonsense")):
        with pytest.raises(Refused, match=said):
            async with store.write() as connection:
                await add_agent(connection, email, "Ann", actor=OPERATOR, now=NOW)
