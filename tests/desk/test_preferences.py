"""The preference page: what a customer chooses there holds at once, and only what the page offered can be chosen."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from fastapi import FastAPI

from campaigns.composing.links import Addresses, MessageLinks
from campaigns.customers.consents import Proof, refuse_topic
from campaigns.definition import SendingHours
from campaigns.limits.hours import chosen_hours, parts_of_hours
from campaigns.running.runner import Runner
from core.actors import Actor
from core.clock import VirtualClock
from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from core.messages import EMAIL, SMS, TELEGRAM
from core.wakeup import LocalWakeup
from desk.preferences.choices import masked
from desk.preferences.routes import preferences_router
from storage.store import Store
from storage.tables import Audit, Campaign, Consent, ConsentRecord, Customer, Enrolment, Message
from tests.bot.scene import SECRET, Person, Scene, body
from tests.channels.asgi import Answer, call
from tests.conftest import NOW

LINKS = MessageLinks(Addresses("http://127.0.0.1", SECRET, has_preferences=True))


@dataclass
class Visit:
    """One customer before their page."""

    scene: Scene
    app: FastAPI
    person: Person

    @property
    def target(self) -> str:
        return urlsplit(LINKS.preferences(self.person.id)).path

    async def look(self) -> Answer:
        return await call(self.app, "GET", self.target)

    async def press(self, *places: str, **fields: str) -> Answer:
        """Save with these channels ticked."""
        form = [("place", self.person.identities[channel]) for channel in places]
        return await call(self.app, "POST", self.target, urlencode([*form, *fields.items()]).encode())

    async def customer(self) -> Customer:
        found: Customer = await self.scene.get(Customer, self.person.id)
        return found


@pytest.fixture
async def visit(store: Store, clock: VirtualClock) -> Visit:
    app = FastAPI()
    app.include_router(preferences_router(store, clock, LocalWakeup(), secret=SECRET))
    scene = Scene(store)
    return Visit(scene, app, await scene.person())


async def test_looking_changes_nothing_and_tells_no_address(visit: Visit) -> None:
    page = await visit.look()
    assert page.status == 200
    assert "p…@example.org" in page.text
    assert visit.person.email.value not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert await visit.scene.consents(visit.person) == {EMAIL: True, TELEGRAM: True}
    assert await visit.scene.all(Audit) == []


async def test_marketing_stays_where_it_is_ticked(visit: Visit) -> None:
    page = await visit.press(EMAIL)
    assert "Saved" in page.text
    assert await visit.scene.consents(visit.person) == {EMAIL: True, TELEGRAM: False}
    await visit.press(EMAIL, TELEGRAM)
    assert await visit.scene.consents(visit.person) == {EMAIL: True, TELEGRAM: True}
    record = (await visit.scene.all(ConsentRecord))[-1]
    assert (record.granted, record.source) == (True, "preference page")
    assert "I agree to offers and news" in record.wording


@pytest.mark.parametrize("fields", [{"action": "stop"}, {}], ids=["button", "nothing ticked"])
async def test_stop_ends_everything_that_is_marketing(visit: Visit, fields: dict[str, str]) -> None:
    journey = await visit.scene.enrol(visit.person, await visit.scene.campaign(body()))
    page = await visit.press(*([EMAIL] if fields else []), **fields)
    assert "no more offers" in page.text
    assert await visit.scene.consents(visit.person) == {EMAIL: False, TELEGRAM: False}
    assert await visit.scene.state(journey) is EnrolmentState.EXITED
    again = await visit.press()
    assert again.status == 200


async def test_rest_begins_and_is_taken_back(visit: Visit) -> None:
    await visit.press(EMAIL, TELEGRAM, rest="yes")
    until = (await visit.customer()).not_now_until
    assert until == NOW + timedelta(days=30)
    await visit.press(EMAIL, TELEGRAM, rest="yes")
    assert (await visit.customer()).not_now_until == until, "a second press does not make it longer"
    await visit.press(EMAIL, TELEGRAM)
    assert (await visit.customer()).not_now_until is None
    assert await visit.scene.consents(visit.person) == {EMAIL: True, TELEGRAM: True}


async def test_refused_campaign_is_wanted_again(visit: Visit, store: Store) -> None:
    await visit.scene.campaign(body("winback"))
    await visit.scene.campaign(body("birthday"))
    proof = Proof("a test", "no", Actor("customer", visit.person.id), NOW)
    async with store.write() as connection:
        for name in ("winback", "birthday"):
            await refuse_topic(connection, visit.person.id, name, proof)
    page = await visit.look()
    assert "winback" in page.text
    await visit.press(EMAIL, TELEGRAM, topic="winback")
    for name, granted in (("winback", True), ("birthday", False)):
        rows = await visit.scene.all(Consent, purpose=f"marketing/{name}")
        assert {row.granted for row in rows} == {granted}, name


async def test_language_and_hours_are_kept_if_they_were_offered(visit: Visit) -> None:
    page = await visit.press(EMAIL, TELEGRAM, language="fa", hours="12:00-17:00")
    assert 'dir="rtl"' in page.text
    customer = await visit.customer()
    assert (customer.locale, customer.hours) == ("fa", "12:00-17:00")
    await visit.press(EMAIL, TELEGRAM, language="xx", hours="00:00-24:00")
    customer = await visit.customer()
    assert (customer.locale, customer.hours) == ("fa", "")


async def test_campaigns_keep_the_hours_that_were_chosen(visit: Visit, store: Store, clock: VirtualClock) -> None:
    campaign = await visit.scene.campaign(body())
    await visit.press(EMAIL, TELEGRAM, hours="17:00-21:00")
    journey = await visit.scene.enrol(visit.person, campaign)
    async with store.session() as session:
        enrolment = await session.get_one(Enrolment, journey)
        enrolment.due_at = NOW
        running = await session.get_one(Campaign, campaign[0])
        running.state = CampaignState.ACTIVE
        session.add_all([enrolment, running])
    await Runner(store, clock, LocalWakeup()).run_once()
    (planned,) = await visit.scene.all(Message, enrolment_id=journey)
    assert (planned.not_before, planned.not_after) == (NOW.replace(hour=17), NOW.replace(hour=21))


async def test_what_was_not_offered_is_left_out(visit: Visit) -> None:
    other = await visit.scene.person(consent=False)
    form = urlencode([("place", other.identities[EMAIL]), ("place", visit.person.identities[EMAIL])])
    await call(visit.app, "POST", visit.target, form.encode())
    assert await visit.scene.consents(other) == {}
    assert await visit.scene.consents(visit.person) == {EMAIL: True, TELEGRAM: False}


async def test_links_that_are_not_ours_lead_nowhere(visit: Visit) -> None:
    token = visit.target.removeprefix("/p/")
    wrong = [token[:-1] + ("0" if token[-1] != "0" else "1"), "x", visit.person.id, "0" * 42]
    wrong.append(urlsplit(LINKS.unsubscribe(visit.person.id)).path.removeprefix("/u/"))
    for one in wrong:
        for method in ("GET", "POST"):
            assert (await call(visit.app, method, f"/p/{one}", b"action=stop")).status == 404
    assert await visit.scene.consents(visit.person) == {EMAIL: True, TELEGRAM: True}


async def test_flood_of_fields_is_refused(visit: Visit) -> None:
    assert (await call(visit.app, "POST", visit.target, b"place=1&" * 1000)).status == 413
    assert (await call(visit.app, "POST", visit.target, b"x=" + b"a" * 20_000)).status == 413


async def test_page_says_why_we_wrote_and_where_an_address_is_from(visit: Visit) -> None:
    campaign = await visit.scene.campaign(body())
    journey = await visit.scene.enrol(visit.person, campaign)
    await visit.scene.message(visit.person, journey, campaign=campaign)
    text = (await visit.look()).text
    assert "winback" in text
    assert "dormant" in text, "whom it was for"
    assert "You agreed on November 1, 2026" in text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
async def test_names_are_never_read_as_html(visit: Visit, store: Store, hostile: str) -> None:
    proof = Proof(hostile, hostile, Actor("customer", visit.person.id), NOW)
    async with store.write() as connection:
        await refuse_topic(connection, visit.person.id, hostile, proof)
    assert hostile not in (await visit.look()).text


def test_parts_of_the_sending_hours() -> None:
    hours = SendingHours(opens="08:00", closes="21:00")
    assert parts_of_hours(hours) == ("08:00-12:00", "12:00-17:00", "17:00-21:00")
    assert parts_of_hours(SendingHours(opens="13:00", closes="16:00")) == ("13:00-16:00",)
    assert parts_of_hours(SendingHours(opens="22:00", closes="02:00")) == ()
    assert chosen_hours(hours, "12:00-17:00") == SendingHours(opens="12:00", closes="17:00")
    assert chosen_hours(hours, "03:00-05:00") == hours, "never outside the organisation's own"


def test_address_is_masked() -> None:
    assert masked(EMAIL, "anna@example.org") == "a…@example.org"
    assert masked(SMS, "+12025550100") == "+1…00"
    assert masked(TELEGRAM, "7001") == ""
