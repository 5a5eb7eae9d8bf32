"""Health: what is read of the store, what of it needs a person, and how that is told, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.routing import Mount

from campaigns.operating.emergency import stop_everything
from core.actors import SYSTEM, Actor
from core.agents import Role
from core.clock import VirtualClock, machine_now
from core.errors import ChannelFault
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from core.messages import EMAIL, TELEGRAM
from core.outcomes import OutcomeKind
from core.purposes import Purpose
from core.standing import DESK_GROUP, SPOOL, Standing
from core.wakeup import LocalWakeup
from desk.access import sessions
from desk.access.agents import add_agent
from desk.application import desk_application
from desk.guard import COOKIE
from desk.health.judging import Finding, findings_of, level_of
from desk.health.reading import Health, read_health
from desk.health.words import HealthWords
from desk.live.feed import Feed
from desk.rendering import Reader
from storage.heartbeats import beat, signs
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Attempt, Campaign, Command, Inbound, Message, Worker
from tests.bot.scene import Scene, body
from tests.channels.webchat.stage import set_stage
from tests.conftest import NOW

HOSTILE = "<b>535 bad credentials"


async def worker(store: Store, *standings: Standing, silent: float = 0.0) -> str:
    """A worker that gave its last sign so many seconds ago."""
    id_ = new_id()
    started = {"id": id_, "host": "mill-1", "boot_id": "b", "journal": "j", "started_at": machine_now()}
    async with store.write() as connection:
        await connection.execute(table(Worker).insert(), started)
        await beat(connection, id_, standings)
        if silent:
            seen = table(Worker).c.seen_at
            of_worker = update(table(Worker)).where(table(Worker).c.id == id_)
            ago = machine_now() - timedelta(seconds=silent)
            await connection.execute(of_worker.values({seen: ago}))
    return id_


async def health_of(store: Store, now: datetime = NOW) -> Health:
    async with store.read() as connection:
        return await read_health(connection, now, machine_now())


async def names(store: Store, now: datetime = NOW) -> list[str]:
    return [one.name for one in findings_of(await health_of(store, now), now)]


async def test_nobody_works_until_somebody_does(store: Store) -> None:
    assert await names(store) == ["nobody"]
    await worker(store, Standing("email", EMAIL, rate=10.0))
    assert await names(store) == []
    [channel] = (await health_of(store)).channels
    assert (channel.account, channel.rate, channel.troubled, channel.deaf) == ("email", 10.0, None, "")


async def test_a_worker_that_fell_silent_is_told_of_and_not_believed(store: Store) -> None:
    await worker(store, Standing("email", EMAIL, "fault", "wrong token", machine_now()), silent=120)
    assert await names(store) == ["nobody", "silent"]
    await worker(store, Standing("email", EMAIL))
    assert await names(store) == ["silent"], "how its accounts stood is no news"
    await worker(store, silent=25 * 3600)
    async with store.read() as connection:
        assert len(await signs(connection)) == 2, "a day later it is forgotten"


async def test_one_worker_in_trouble_is_enough(store: Store) -> None:
    await worker(store, Standing("email", EMAIL))
    await worker(store, Standing("email", EMAIL, "away", "connection refused", NOW, deaf="cannot sign in"))
    assert await names(store) == ["away", "deaf"]
    [channel] = (await health_of(store)).channels
    assert channel.troubled == Standing("email", EMAIL, "away", "connection refused", NOW, deaf="cannot sign in")


async def test_a_group_of_staff_that_takes_nothing(store: Store) -> None:
    await worker(store, Standing("telegram", TELEGRAM), Standing("-1002", DESK_GROUP, "fault", "not a forum", NOW))
    health = await health_of(store)
    assert [one.account for one in health.channels] == ["telegram"], "a group is no channel"
    assert findings_of(health, NOW) == [Finding("group", values={"chat": "-1002", "why": "not a forum", "at": NOW})]


async def test_a_folder_of_deliveries_that_nobody_could_store(store: Store) -> None:
    await worker(store, Standing("telegram", TELEGRAM), Standing("/srv/data/spool", SPOOL, "fault", "2"))
    health = await health_of(store)
    assert [one.account for one in health.channels] == ["telegram"], "a folder is no channel"
    found = findings_of(health, NOW)
    assert found == [Finding("aside", bad=False, values={"folder": "/srv/data/spool", "number": 2})]
    assert "\u2068/srv/data/spool\u2069: ۲" in HealthWords(Reader("fa", "UTC")).finding(found[0])


def test_persian_reads_its_own_calendar_and_others_words_in_their_own_direction() -> None:
    found = Finding("group", values={"chat": "-1002", "why": "not a forum", "at": datetime(2026, 11, 22, tzinfo=UTC)})
    told = HealthWords(Reader("fa", "UTC")).finding(found)
    assert "\u2068-1002\u2069" in told
    assert "\u2068not a forum\u2069" in told
    assert "۱ آذر ۱۴۰۵" in told


async def test_what_waits_is_judged_by_how_long(store: Store) -> None:
    scene = Scene(store)
    person = await scene.person()
    await worker(store, Standing("email", EMAIL))
    answer = await scene.message(person, None, state=MessageState.PLANNED, sent_at=NOW, purpose=Purpose.CONVERSATION)
    async with store.write() as connection:
        await connection.execute(update(table(Message)).where(table(Message).c.id == answer).values(lane=0))
    assert await names(store) == [], "it has only just come"
    late = NOW + timedelta(minutes=3)
    assert await names(store, late) == ["replies_wait"]
    await scene.message(person, None, state=MessageState.PLANNED, sent_at=NOW, channel=TELEGRAM,
                        purpose=Purpose.TRANSACTIONAL, step="other")  # fmt: skip
    assert sorted(await names(store, late)) == ["replies_wait", "unserved"]
    [email, telegram] = (await health_of(store, late)).channels
    assert (email.replies.depth, email.bulk.depth, email.replies.oldest) == (1, 0, NOW)
    assert (telegram.replies.depth, telegram.bulk.depth) == (0, 1)


async def test_what_is_held_does_not_wait(store: Store) -> None:
    scene = Scene(store)
    person, campaign = await scene.person(), await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, state=MessageState.PLANNED, sent_at=NOW, campaign=campaign)
    await worker(store, Standing("email", EMAIL))
    late = NOW + timedelta(minutes=20)
    assert await names(store, late) == [], "the campaign does not run yet"
    async with store.write() as connection:
        await connection.execute(update(table(Campaign)).values(state=CampaignState.ACTIVE))
    assert await names(store, late) == ["stands"]
    async with store.write() as connection:
        await stop_everything(connection, Actor("operator", "ann"), "a wrong price", NOW)
    assert await names(store, late) == ["stopped"]


async def test_attempts_commands_and_deliveries(store: Store) -> None:
    scene = Scene(store)
    person = await scene.person()
    await worker(store, Standing("email", EMAIL))
    for place, outcome in enumerate((OutcomeKind.ACCEPTED, OutcomeKind.ACCEPTED, OutcomeKind.REJECTED)):
        message = await scene.message(person, None, step=f"s{place}")
        await _attempt(store, message, outcome)
    lost = await scene.message(person, None, step="lost", state=MessageState.UNKNOWN)
    await _attempt(store, lost, OutcomeKind.UNKNOWN, "time-out while reading")
    async with store.write() as connection:
        for state in ("quarantined", "processed"):
            row = Inbound(account="email", channel=EMAIL, key=state, payload=b"x", state=state, error="no mail",
                          received_at=NOW)  # fmt: skip
            await connection.execute(table(Inbound).insert(), row.model_dump())
        for error, done in (("HTTP 500", None), ("HTTP 500", NOW), ("", None)):
            row_ = Command(kind="webhook", created_at=NOW, tries=1, error=error, done_at=done)
            await connection.execute(table(Command).insert(), row_.model_dump())
    health = await health_of(store)
    [channel] = health.channels
    assert (channel.accepted, channel.rejected, channel.unknown, channel.not_sent) == (2, 1, 1, 0)
    assert channel.error == "time-out while reading"
    assert health.failing == [("webhook", 1, "HTTP 500")]
    assert (health.unknown.depth, health.quarantined, health.quarantined_why) == (1, 1, "no mail")
    found = findings_of(health, NOW)
    assert [(one.name, one.bad) for one in found] == [("failing", False), ("unknown", False), ("quarantined", False)]
    assert level_of(found) == "note"
    assert "commands_wait" in await names(store, NOW + timedelta(minutes=6))


async def test_a_service_tells_of_itself(tmp_path: Path, sqlite_url: str) -> None:
    async with await Store.open(sqlite_url) as store, set_stage(store, tmp_path) as stage:
        now = stage.clock.now()
        assert await names(store, now) == []
        stage.service.dispatchers[0].rest.fault(ChannelFault("the token is wrong"))
        stage.service.signs.deaf["webchat"] = "nobody answers"
        await stage.service.signs.give()
        [fault, deaf] = findings_of(await health_of(store, now), now)
        assert (fault.name, fault.values["why"], deaf.name) == ("fault", "the token is wrong", "deaf")
        stage.service.dispatchers[0].rest.worked()
        stage.service.signs.deaf.clear()
        await stage.service.signs.give()
        assert await names(store, now) == []
    async with await Store.open(sqlite_url) as store:
        assert await names(store, now) == ["nobody"], "it said goodbye"


EVERY = (
    Finding("nobody"), Finding("silent", values={"host": "mill-1", "time": timedelta(minutes=2)}),
    Finding("stopped", values={"who": "ann", "why": "a wrong price", "at": NOW}),
    *(Finding(name, values={"number": 12_345, "time": timedelta(hours=3)})
      for name in ("inbound_waits", "journeys_wait", "commands_wait")),
    Finding("failing", values={"kind": "webhook", "number": 3, "why": "HTTP 500"}),
    Finding("unknown", values={"number": 2}), Finding("quarantined", values={"number": 2, "why": "no mail"}),
    *(Finding(name, values={"channel": EMAIL, "why": "no", "at": NOW}) for name in ("fault", "away")),
    Finding("deaf", values={"channel": EMAIL, "why": "no"}),
    Finding("unserved", values={"channel": EMAIL, "number": 4}),
    *(Finding(name, values={"channel": EMAIL, "number": 4, "time": timedelta(minutes=20)})
      for name in ("replies_wait", "stands")),
)  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
def test_every_finding_has_its_words(locale: str) -> None:
    words = HealthWords(Reader(locale, "Asia/Tehran"))
    said = [words.finding(one) for one in EVERY]
    assert len(set(said)) == len(EVERY)
    assert "10,000" in said[3] if locale == "en" else "12345" not in said[3]


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
async def test_the_page_shows_it_and_believes_nobody(store: Store, locale: str) -> None:
    await worker(store, Standing("email", EMAIL, "fault", HOSTILE, NOW, rate=0.5), Standing("sms", "sms", deaf=HOSTILE))
    client = await _admin(store, locale)
    async with client:
        whole = (await client.get("/desk/health")).text
        part = await client.get("/desk/health", headers={"x-desk": "part"})
    reader = Reader(locale, "UTC")
    assert reader.say("health_all_bad") in whole
    assert "&lt;b&gt;535" in whole
    assert "<b>535" not in whole
    assert part.text.startswith("<section")
    assert part.text.strip() in whole


async def _admin(store: Store, locale: str) -> httpx.AsyncClient:
    wakeup = LocalWakeup()
    pages = desk_application(
        store, VirtualClock(NOW), wakeup, Feed(store, wakeup), secret="s" * 40, public_url="http://desk.example.com"
    )
    async with store.write() as connection:
        id_ = await add_agent(
            connection, "ann@example.com", "Ann", actor=SYSTEM, now=machine_now(), locale=locale, role=Role.ADMIN
        )
        token = await sessions.open_session(connection, id_, "a test", machine_now())
    transport: Any = httpx.ASGITransport(Starlette(routes=[Mount("/desk", pages)]))
    return httpx.AsyncClient(transport=transport, base_url="http://desk.example.com", cookies={COOKIE: token})


async def _attempt(store: Store, message: str, outcome: OutcomeKind, detail: str = "") -> None:
    row = Attempt(message_id=message, fence=1, worker="w", started_at=machine_now(), ended_at=machine_now(),
                  outcome=outcome, detail=detail)  # fmt: skip
    async with store.write() as connection:
        await connection.execute(table(Attempt).insert(), row.model_dump())
