"""One's own account and what an admin does to it, on both databases."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import select

from core.actors import SYSTEM, Actor
from core.agents import Role
from core.errors import Refused
from desk.access import account, second_factor, sessions
from desk.access.agents import (
    LENT,
    OnlyAdmin,
    TelegramTaken,
    add_agent,
    change,
    disable,
    lend_password,
    let_back,
    set_password,
)
from desk.access.locking import FIRST_LOCK, TRIES
from desk.access.signing_in import Answer, Entrance, Tried
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Agent, AgentRecoveryCode, AgentSession, Audit

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ANN, PASSWORD, SECRET = "ann@example.com", "seven warm shelves", "s" * 40
SEALER = second_factor.Sealer(SECRET)
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


async def ann(store: Store, **more: object) -> str:
    async with store.write() as connection:
        id_ = await add_agent(connection, ANN, "Ann", actor=SYSTEM, now=NOW, **more)  # type: ignore[arg-type]
        await set_password(connection, ANN, PASSWORD, actor=SYSTEM, now=NOW)
    return id_


async def tried(store: Store, code: str = "", *, password: str = PASSWORD, now: datetime = NOW) -> Tried:
    return await Entrance(store, SECRET).sign_in(ANN, password, code, browser="Firefox", now=now)


def code_at(at: datetime) -> str:
    return TOTP(base64.b32decode(KEY), 6, SHA1(), 30).generate(int(at.timestamp())).decode()  # noqa: S303


async def with_factor(store: Store, id_: str) -> list[str]:
    async with store.write() as connection:
        return await account.turn_on(connection, SEALER, id_, KEY, code_at(NOW), NOW)


async def audited(store: Store) -> list[str]:
    async with store.read() as connection:
        return list(await connection.scalars(select(table(Audit).c.action).order_by(table(Audit).c.id)))


async def test_a_key_counts_from_its_first_code_on(store: Store) -> None:
    id_ = await ann(store)
    with pytest.raises(account.WrongCode):
        async with store.write() as connection:
            await account.turn_on(connection, SEALER, id_, KEY, "000000", NOW)
    assert (await tried(store)).answer is Answer.IN
    codes = await with_factor(store, id_)
    assert (await tried(store)).answer is Answer.CODE
    assert (await tried(store, code_at(NOW))).answer is Answer.WRONG, "the code that confirmed it was used"
    later = NOW + timedelta(seconds=60)
    assert (await tried(store, code_at(later), now=later)).answer is Answer.IN
    with pytest.raises(Refused, match="already"):
        await with_factor(store, id_)
    async with store.read() as connection:
        kept = list(await connection.scalars(select(table(AgentRecoveryCode).c.hash)))
        sealed = await connection.scalar(select(table(Agent).c.totp))
    assert len(kept) == second_factor.RECOVERY_CODES
    assert not {code.replace("-", "") for code in codes} & set(kept)
    assert KEY not in (sealed or "")


async def test_a_recovery_code_is_good_once(store: Store) -> None:
    id_ = await ann(store)
    first, second, *_ = await with_factor(store, id_)
    both = await asyncio.gather(tried(store, first), tried(store, first.upper().replace("-", " ")))
    assert sorted(one.answer for one in both) == [Answer.IN, Answer.WRONG]
    async with store.read() as connection:
        assert await account.codes_left(connection, id_) == second_factor.RECOVERY_CODES - 1
    async with store.write() as connection:
        fresh = await account.renew_codes(connection, SEALER, id_, NOW)
    assert (await tried(store, second)).answer is Answer.WRONG
    assert (await tried(store, fresh[0])).answer is Answer.IN
    assert (await Entrance(store, "another" * 9).sign_in(ANN, PASSWORD, fresh[1], browser="", now=NOW)).answer is (
        Answer.WRONG
    ), "codes are hashed under the workspace's secret"


async def test_off_is_off(store: Store) -> None:
    id_ = await ann(store)
    first, *_ = await with_factor(store, id_)
    async with store.write() as connection:
        await account.turn_off(connection, id_, actor=Actor("agent", id_), now=NOW)
        assert await account.codes_left(connection, id_) == 0
    assert (await tried(store)).answer is Answer.IN
    with pytest.raises(Refused):
        async with store.write() as connection:
            await account.renew_codes(connection, SEALER, id_, NOW)
    assert await audited(store) == ["add", "set password", "second factor on", "second factor off", "sign in"]
    assert first


async def test_one_signs_out_only_ones_own_browsers(store: Store) -> None:
    id_ = await ann(store)
    async with store.write() as connection:
        bob = await add_agent(connection, "bob@example.com", "Bob", actor=SYSTEM, now=NOW)
        mine = await sessions.open_session(connection, id_, "Firefox", NOW)
        await sessions.open_session(connection, bob, "Chrome", NOW)
        theirs = (await sessions.browsers(connection, bob, NOW))[0].hash
        own = (await sessions.browsers(connection, id_, NOW))[0].hash
        assert not await account.sign_out_browser(connection, id_, theirs, NOW)
        assert await account.sign_out_browser(connection, id_, own, NOW)
        assert await sessions.who(connection, mine, NOW) is None
        assert list(await connection.scalars(select(table(AgentSession).c.agent_id))) == [bob]
    with pytest.raises(account.WrongPassword):
        await account.prove(store, id_, "guess", NOW)
    await account.prove(store, id_, PASSWORD, NOW)


async def test_wrong_passwords_on_ones_own_page_lock_the_account_too(store: Store) -> None:
    id_ = await ann(store)
    for _ in range(TRIES - 2):
        with pytest.raises(account.WrongPassword):
            await account.prove(store, id_, "guess", NOW)
    await account.prove(store, id_, PASSWORD, NOW)
    for _ in range(TRIES - 2):
        with pytest.raises(account.WrongPassword):
            await account.prove(store, id_, "guess", NOW)
    assert (await tried(store, password="guess")).answer is Answer.WRONG, "they are counted together"
    with pytest.raises(account.Locked):
        await account.prove(store, id_, "guess", NOW)
    with pytest.raises(account.Locked):
        await account.prove(store, id_, PASSWORD, NOW)
    assert (await tried(store)).answer is Answer.WRONG, "the door is locked as well"
    assert (await audited(store))[-1] == "locked out"
    await account.prove(store, id_, PASSWORD, NOW + FIRST_LOCK)


async def test_a_lent_password_runs_out(store: Store) -> None:
    await ann(store)
    async with store.write() as connection:
        lent = await lend_password(connection, ANN, actor=SYSTEM, now=NOW)
    assert (await tried(store)).answer is Answer.WRONG, "the one before is gone"
    assert (await tried(store, password=lent, now=NOW + LENT)).answer is Answer.OVER
    got = await tried(store, password=lent)
    assert (got.answer, got.lent) == (Answer.IN, True)
    async with store.write() as connection:
        me = await sessions.who(connection, got.token, NOW)
        assert me is not None
        assert me.lent
        await set_password(connection, ANN, PASSWORD, actor=SYSTEM, now=NOW, but_session=me.session)
        again = await sessions.who(connection, got.token, NOW)
    assert again is not None
    assert not again.lent
    assert (await tried(store, now=NOW + LENT)).answer is Answer.IN, "one's own does not run out"


async def test_somebody_stays_who_may_let_people_in(store: Store) -> None:
    await ann(store, role=Role.ADMIN)
    with pytest.raises(OnlyAdmin):
        async with store.write() as connection:
            await disable(connection, ANN, actor=SYSTEM, now=NOW)
    with pytest.raises(OnlyAdmin):
        async with store.write() as connection:
            await change(connection, ANN, {"role": Role.AGENT}, actor=SYSTEM, now=NOW)
    async with store.write() as connection:
        await add_agent(connection, "bob@example.com", "Bob", actor=SYSTEM, now=NOW, role=Role.ADMIN, telegram="900100")
    with pytest.raises(TelegramTaken, match="Bob"):
        async with store.write() as connection:
            await change(connection, ANN, {"telegram": "900100"}, actor=SYSTEM, now=NOW)
    async with store.write() as connection:
        await disable(connection, ANN, actor=SYSTEM, now=NOW)
        await let_back(connection, ANN, actor=SYSTEM, now=NOW)
    assert (await tried(store)).answer is Answer.WRONG, "only by a new password"
