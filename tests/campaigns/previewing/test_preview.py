"""What a preview shows is what a send would do, and what would go wrong."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import update
from typer.testing import CliRunner

from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import (
    Brand,
    CampaignBody,
    CampaignDefinition,
    ChannelPolicy,
    Leg,
    Offer,
    OfferCandidate,
    OfferChoice,
    SendStep,
    Start,
    WorkspaceConfig,
)
from campaigns.live import WORKSPACE
from campaigns.previewing.advice import base_direction
from campaigns.previewing.making import make_preview
from campaigns.previewing.page import page
from campaigns.previewing.readers import Audience, Place, example_audience, load_audience
from campaigns.previewing.shown import Preview, Shown
from core import catalogue
from core.clock import VirtualClock
from core.dispatching import Claim
from core.errors import Refused
from core.ids import new_id
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.cli import app
from otklik.preview_panels import print_preview
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Enrolment, Event, Grant, Setting
from tests.bot.scene import Scene
from tests.conftest import NOW

ADDRESSES = Addresses("https://links.example.com", "a secret", bot_name="shop_bot")
CONFIG = WorkspaceConfig(
    brand=Brand(name="Paper Boat", url="https://shop.example.com"),
    currency="GBP",
    channels={"sms": ChannelPolicy(price="0.05", prices={"US": "0.02"})},
)
LETTER = """---
subject: 'Your cart, {{ customer.first_name }}'
preview: 'Still here'
---
<html><body>{% for item in event.items %}<p>{{ item.name }} {{ item.price | money }}</p>{% endfor %}
<a href="{{ brand.url }}/cart?id={{ event.number }}">Back</a> <a href="{{ links.unsubscribe }}">no</a></body></html>
"""
SMS = (
    "{{ customer.first_name }}, {{ offer.title }}: {{ offer.code }} until {{ offer.expires_on | date('day') }} "
    "{{ brand.url }}"
)


def body(**texts: str) -> CampaignBody:
    step = SendStep(
        id="ask", main=Leg(channel="email", template="t"), otherwise=Leg(channel="best", template="t", among=("sms",))
    )
    definition = CampaignDefinition(
        name="cart", audience="all", start=Start(kind="event", event="cart_left"), steps=(step,),
        offer=OfferChoice(candidates=(OfferCandidate(offer="ten"),)),
    )  # fmt: skip
    offer = Offer(name="ten", title="10 % off", product="all", codes="unique")
    return CampaignBody(
        definition=definition,
        templates={"t/email.html": LETTER, "t/sms.txt": SMS}
        | {f"t/{n.replace('_', '.')}.txt": t for n, t in texts.items()},
        offers={"ten": offer},
    )


def example(locale: str = "en", given: CampaignBody | None = None, **more: Any) -> Preview:
    what = given or body()
    audience = example_audience(locale, what, CONFIG, NOW)
    return make_preview(what, CONFIG, replace(audience, **more), ADDRESSES, NOW)


def by_channel(preview: Preview) -> dict[str, Shown]:
    return {one.speech.channel: one for one in preview.messages}


def test_every_leg_is_shown() -> None:
    shown = example().messages
    assert [(one.speech.channel, one.speech.leg, one.speech.best) for one in shown] == [
        ("email", "main", False), ("sms", "otherwise", True)
    ]  # fmt: skip
    assert [one.problems for one in shown] == [(), ()]


def test_a_letter_is_shown_with_its_links_where_they_lead() -> None:
    letter = by_channel(example())["email"]
    cart = "https://shop.example.com/cart?id=1017&utm_source=otklik&utm_medium=email&utm_campaign=cart&utm_content=ask"
    assert letter.links[0] == cart
    assert cart.replace("&", "&amp;") in letter.html
    assert letter.message is not None
    assert "https://links.example.com/c/" in letter.message.html  # what is sent is tracked
    assert "The Winter Ferry £12.50" in letter.html
    assert "o/" not in letter.html.partition("<body")[2].partition("<img")[2]  # looking is no opening


def test_an_sms_is_counted_as_sent() -> None:
    place = Place(Address("sms", "+12025550171"))
    sms = by_channel(example(places={"sms": place}))["sms"]
    assert sms.text.startswith("Emma, 10 % off: CODE-A1B2C3D4 until  https://links.example.com/c/")
    assert sms.sms is not None
    assert (sms.sms.encoding, sms.sms.parts) == ("GSM-7", 1)
    assert str(sms.price) == "0.02 GBP"
    assert sms.to == "+12025550171"


@pytest.mark.parametrize(("text", "locale", "note"), [
    ("It’s " + "x" * 100, "en", "’ makes it UCS-2: 2 SMS in place of 1 SMS"),
    ("x" * 580, "en", "4 SMS: each is paid for"),
    ("Paper Boat: سلام", "fa", "phones show it from the left"),
])  # fmt: skip
def test_notes(text: str, locale: str, note: str) -> None:
    sms = by_channel(example(locale, body(sms=text, sms_fa=text)))["sms"]
    assert any(note in one for one in sms.notes), sms.notes


def test_a_good_persian_text_has_no_note() -> None:
    sms = by_channel(example("fa", body(sms_fa="سلام از Paper Boat")))["sms"]
    assert (sms.right_to_left, sms.notes) == (True, ())
    assert [base_direction(text) for text in ("سلام a", "a سلام", "12 سلام", "12", "\u200fa")] == [
        "rtl", "ltr", "rtl", "", "rtl"
    ]  # fmt: skip


def test_what_a_provider_would_refuse_is_a_problem() -> None:
    step = SendStep(id="ask", main=Leg(channel="whatsapp", template="t"), also=(Leg(channel="telegram", template="t"),))
    definition = CampaignDefinition(name="c", audience="all", steps=(step,))
    long = "x" * 20_000
    what = CampaignBody(definition=definition, templates={"t/whatsapp.txt": "Hello", "t/telegram.txt": long})
    shown = by_channel(example(given=what))
    assert "window is closed" in shown["whatsapp"].problems[0]
    assert "the text has 20000 characters, 16384 fit" in shown["telegram"].problems[0]
    open_ = {"whatsapp": Place(Address("whatsapp", "+12025550171"), window_from=NOW - timedelta(hours=1))}
    assert by_channel(example(given=what, places=open_))["whatsapp"].problems == ()


def test_a_text_that_cannot_be_rendered_is_told() -> None:
    broken = body(sms="{{ customer.first_name * 2 }}")
    (problem,) = by_channel(example(given=broken))["sms"].problems
    assert "templates/t/sms.txt" in problem


def test_an_unknown_step() -> None:
    with pytest.raises(Refused, match="did you mean 'ask'"):
        make_preview(body(), CONFIG, example_audience("en", body(), CONFIG, NOW), ADDRESSES, NOW, step="asc")


async def test_a_preview_is_what_is_sent(store: Store) -> None:
    """The event that began the journey and the granted code are told by both, in the same words."""
    scene, what = Scene(store), body()
    person = await scene.person()
    made = await scene.campaign(what)
    enrolment = await scene.enrol(person, made)
    event = Event(
        customer_id=person.id, name="cart_left", at=NOW - timedelta(hours=1), amount_micros=5_000_000, source="shop",
        external_id="cart-9", properties={"items": [{"name": "A lamp", "price": 5}]}, recorded_at=NOW,
    )  # fmt: skip
    later = event.model_copy(update={"id": new_id(), "external_id": "cart-10", "at": NOW})
    async with store.session() as session:
        session.add_all([event, later])
        session.add(Setting(name=WORKSPACE, value=json.loads(CONFIG.model_dump_json()), updated_at=NOW))
        session.add(
            Grant(
                customer_id=person.id, product="all", offer="ten", code="OWN-1", enrolment_id=enrolment, granted_at=NOW,
                expires_at=NOW.replace(hour=0) + timedelta(days=2),
            )
        )  # fmt: skip
    async with store.write() as connection:
        await connection.execute(update(table(Customer)).values(first_name="Anna"))
        await connection.execute(update(table(Enrolment)).values(event_id=event.id))
    links = MessageLinks(ADDRESSES)
    claims = {
        channel: Claim(
            "0" * 26, 1, person.id, "", to, Purpose.MARKETING, made[0], enrolment, made[1], "ask", leg, "t"
        )
        for channel, to, leg in (
            ("email", person.email, "main"), ("sms", Address("sms", "+12025550171"), "otherwise")
        )
    }  # fmt: skip
    async with store.read() as connection:
        audience = await load_audience(connection, person.id, what, CONFIG, NOW)
    assert audience.notes == ()
    shown = by_channel(make_preview(what, CONFIG, audience, ADDRESSES, NOW))
    for channel, claim in claims.items():
        sent = (await Composer(store, VirtualClock(NOW), links).compose([claim]))[claim.message_id]
        assert isinstance(sent, OutboundMessage), sent
        previewed = shown[channel].message
        assert previewed is not None
        assert (sent.text, sent.html, sent.subject) == (previewed.text, previewed.html, previewed.subject)
    assert "A lamp £5.00" in shown["email"].html
    assert "cart?id=cart-9" in shown["email"].html  # not the later cart
    assert shown["sms"].text.startswith("Anna, 10 % off: OWN-1 until December 2 ")


async def test_who_is_on_no_journey_is_shown_their_last_event(store: Store) -> None:
    scene, what = Scene(store), body()
    person = await scene.person(consent=False)
    async with store.session() as session:
        session.add(
            Event(
                customer_id=person.id, name="cart_left", at=NOW, source="shop", external_id="cart-3", recorded_at=NOW,
            )
        )  # fmt: skip
    async with store.read() as connection:
        audience: Audience = await load_audience(connection, person.id, what, CONFIG, NOW)
    assert [note.partition(";")[0] for note in audience.notes] == [
        "not on a journey", "holds no offer of this campaign yet"
    ]  # fmt: skip
    shown = by_channel(make_preview(what, CONFIG, audience, ADDRESSES, NOW))
    assert "cart?id=cart-3" in shown["email"].html
    assert "would not be sent: no consent to marketing here" in shown["email"].notes
    assert "the customer has no address here" in shown["sms"].notes


def test_the_page_asks_nobody_and_lets_nothing_in() -> None:
    what = body(sms="<script>alert(1)</script> see https://example.com/?a=1&b=2.")
    made = page(example(given=what))
    assert "<script" not in made
    assert "&lt;script&gt;alert(1)" in made
    assert "default-src 'none'" in made
    assert made.count("<iframe") == made.count('sandbox="allow-popups') == 4
    assert "<link" not in made


@pytest.mark.parametrize(("lang", "title", "many"), [
    ("en", "Preview of a campaign", "4 SMS: each is paid for"),
    ("ru", "Предпросмотр кампании", "SMS: 4, каждая оплачивается"),
    ("fa", "پیش‌نمایش کارزار", "۴ پیامک: هر کدام هزینه دارد"),
])  # fmt: skip
def test_what_is_told_is_in_the_language_of_who_looks(lang: str, title: str, many: str) -> None:
    what = body(sms="x" * 580)
    audience = replace(example_audience("en", what, CONFIG, NOW, lang), name="<Ann>")
    made = make_preview(what, CONFIG, audience, ADDRESSES, NOW, lang=lang)
    written, told = page(made), StringIO()
    print_preview(Console(file=told, width=100), made)
    assert title in written
    assert "<bdi>&lt;Ann&gt;</bdi>" in written
    for said in (many, catalogue.text(lang, "preview.example"), catalogue.text(lang, "preview.fact.cost")):
        assert said in written
        assert said in told.getvalue()


def test_the_command_shows_the_starter(tmp_path: Path) -> None:
    starter = Path(__file__).parents[3] / "otklik" / "starter"
    env = {"OTKLIK_DATA_DIR": str(tmp_path), "OTKLIK_SECRET": "x", "COLUMNS": "80"}
    told = CliRunner().invoke(app, ["preview", "winback", str(starter), "--locale", "fa"], env=env)
    assert told.exit_code == 0, told.output
    assert "سلام نیلوفر عزیز" in told.output
    assert "107 units of UCS-2 in 2 SMS" in told.output
    target = tmp_path / "page.html"
    written = CliRunner().invoke(app, ["preview", "winback", str(starter), "--html", str(target)], env=env)
    assert written.exit_code == 0, written.output
    assert target.read_text(encoding="utf-8").count("<article") == 5  # WhatsApp in and out of its window
    wrong = CliRunner().invoke(app, ["preview", "winbak", str(starter)], env=env)
    assert wrong.exit_code == 1
    assert "did you mean 'winback'" in wrong.output
