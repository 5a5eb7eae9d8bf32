"""Topics: what several campaigns are about, refused as one; the rest of marketing goes on."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from campaigns.applying import apply
from campaigns.customers.consents import Proof, forgive_topics, refuse_topic
from campaigns.running.runner import Runner
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.ids import new_id
from core.machines.enrolment import EnrolmentState
from core.wakeup import LocalWakeup
from desk.preferences.keeping import preferences_of
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Campaign, Consent, Customer, Enrolment, Identity, Message
from tests.bot.scene import Person, Scene
from tests.campaigns.workspace.small_shop import HEAD, expect, said, write_shop
from tests.conftest import NOW

PROOF = Proof("a test", "no more of this", Actor("customer", "c"), NOW)
CONFIG = "brand: {name: Shop, postal_address: 1 Lane}\nbudgets: {shared: 100 USD}\n"
TOPICS = "topics: {news: What is new, birthday: {en: Birthdays, ru: Дни рождения}}\n"


def write_topics(folder: Path) -> Path:
    """Three campaigns that begin now for everybody; two of them are news."""
    write_shop(folder)
    (folder / "otklik.yaml").write_text(CONFIG + TOPICS)
    for name, topic in (("hello", "news"), ("arrivals", "news"), ("other", "")):
        about = f"topic: {topic}\n" if topic else ""
        (folder / "campaigns" / f"{name}.yaml").write_text(
            f"campaign: {name}\n{about}start: now\naudience: everyone\n"
            "steps:\n  - {send: telegram, template: hello}\n"
        )
    for path in (folder / "templates" / "hello").iterdir():
        path.rename(path.with_name("telegram.txt"))
    return folder


async def started(store: Store, folder: Path) -> dict[str, str]:
    """Campaigns by id."""
    await apply(store, load_workspace(folder), Actor("operator", "ann"), NOW)
    await Scheduler(store, VirtualClock(NOW)).tick()
    async with store.read() as connection:
        rows = await connection.execute(select(table(Campaign).c.id, table(Campaign).c.name))
        return {row.id: row.name for row in rows}


async def refuses(store: Store, person: Person, topic: str) -> None:
    async with store.write() as connection:
        await refuse_topic(connection, person.id, topic, PROOF)


async def test_whoever_refused_a_topic_enters_none_of_its_campaigns(store: Store, tmp_path: Path) -> None:
    scene = Scene(store)
    person, other = await scene.person(), await scene.person()
    await refuses(store, person, "news")
    names = await started(store, write_topics(tmp_path))
    entered: dict[str, set[str]] = {}
    for row in await scene.all(Enrolment):
        entered.setdefault(row.customer_id, set()).add(names[row.campaign_id])
    assert entered == {person.id: {"other"}, other.id: {"hello", "arrivals", "other"}}


async def test_a_journey_ends_where_its_topic_was_refused_meanwhile(store: Store, tmp_path: Path) -> None:
    """Planning meets the gate; an address that came after the refusal is no way around it."""
    scene = Scene(store)
    person = await scene.person()
    names = await started(store, write_topics(tmp_path))
    await refuses(store, person, "news")
    async with store.write() as connection:  # they changed their chat: that address refused nothing
        rows = {"id": new_id(), "customer_id": person.id, "channel": "telegram", "address": "9001", "scope": "43"}
        await connection.execute(
            table(Identity).insert().values(**rows, key="k", created_at=NOW, verified=False, reachable=True,
                                            unreachable_reason="", source="")
        )  # fmt: skip
        agreed = {"identity_id": rows["id"], "purpose": "marketing", "granted": True, "at": NOW}
        await connection.execute(table(Consent).insert().values(**agreed, source="", wording=""))
    while await Runner(store, VirtualClock(NOW), LocalWakeup()).run_once():
        pass
    ended = {names[row.campaign_id]: (row.state, row.reason) for row in await scene.all(Enrolment)}
    assert ended["hello"] == ended["arrivals"] == (EnrolmentState.EXITED, "topic")
    assert ended["other"][0] is not EnrolmentState.EXITED
    assert [names[row.campaign_id] for row in await scene.all(Message)] == ["other"]


async def test_a_topic_is_the_campaigns_as_it_is_now(store: Store, tmp_path: Path) -> None:
    """A new version moves its campaign to another topic, also for who is in flight on an older one."""
    scene = Scene(store)
    person = await scene.person()
    write_topics(tmp_path)
    names = await started(store, tmp_path)
    path = tmp_path / "campaigns" / "other.yaml"
    path.write_text(path.read_text().replace("start: now", "topic: birthday\nstart: now"))
    await apply(store, load_workspace(tmp_path), Actor("operator", "ann"), NOW)
    await refuses(store, person, "birthday")
    while await Runner(store, VirtualClock(NOW), LocalWakeup()).run_once():
        pass
    exited = {names[row.campaign_id] for row in await scene.all(Enrolment) if row.state is EnrolmentState.EXITED}
    assert exited == {"other"}


async def test_the_page_says_it_in_words_and_gives_it_back(store: Store, tmp_path: Path) -> None:
    scene = Scene(store)
    person = await scene.person()
    await started(store, write_topics(tmp_path))
    for topic in ("birthday", "news", "other"):
        await refuses(store, person, topic)

    async def words(locale: str) -> list[str]:
        async with store.write() as connection:
            await connection.execute(update(table(Customer)).values(locale=locale))
            shown: Any = await preferences_of(connection, person.id, NOW)
        return [topic.words for topic in shown.topics]

    assert await words("ru") == ["Дни рождения", "What is new", "other"]
    assert await words("en-GB") == ["Birthdays", "What is new", "other"]
    async with store.write() as connection:
        await forgive_topics(connection, person.id, PROOF, ["news"])
    assert await words("fa") == ["Birthdays", "other"]


@pytest.mark.parametrize(("topics", "campaign", "words", "place"), [
    (TOPICS, "topic: news", "", ""),
    (TOPICS, "topic: nesw", "there is no topic 'nesw'; did you mean 'news'?", "campaigns/hello.yaml:2:"),
    ("", "topic: news", "there is no topic 'news'; say in otklik.yaml what it is called", "campaigns/hello.yaml:2:"),
    (TOPICS, "topic: Big News", "'Big News' is not a name", "campaigns/hello.yaml:2:"),
    ("topics: {Big News: x}\n", "", "'Big News' is not a name", "otklik.yaml:"),
    ("topics: {news: {english: x}}\n", "", "'english' is no language", "otklik.yaml:"),
    ("topics: [news]\n", "", "'topics' must be keys with values", "otklik.yaml:"),
])  # fmt: skip
def test_what_is_checked(tmp_path: Path, topics: str, campaign: str, words: str, place: str) -> None:
    write_shop(tmp_path)
    (tmp_path / "otklik.yaml").write_text(CONFIG + topics)
    (tmp_path / "campaigns" / "hello.yaml").write_text(HEAD.replace("audience:", f"{campaign}\naudience:", 1))
    expect(tmp_path, words, place=place)


def test_a_campaign_without_a_topic_keeps_its_version(tmp_path: Path) -> None:
    write_shop(tmp_path)
    assert said(tmp_path) == ([], [])
    assert "topic" not in load_workspace(tmp_path).campaigns["hello"].as_json()["definition"]
