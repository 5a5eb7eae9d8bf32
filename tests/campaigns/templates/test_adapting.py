"""One message as each channel takes it, over all channels, languages and rules."""

from dataclasses import fields, replace

import pytest

from campaigns.composing.finishing import Occasion, finished
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import Brand, Leg
from campaigns.templates.adapting import CAPABILITIES, Adapted, Envelope, adapt
from campaigns.templates.content import Rendered, render_templates
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.variables import sample
from core.messages import CHANNELS, EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP
from core.sms import sms_parts

BRAND = Brand(name="Paper Boat", url="https://shop.example.com", postal_address="1 Harbour Lane")
ASK = """---
subject: 'For {{ customer.first_name }}'
preview: 'A < B'
buttons: [{label: "Yes, please", value: yes}, {label: Shop, url: "https://a.example/a_b_"}, {label: No, value: no}]
---
Hello *{{ customer.first_name }}*, _see_ [the shelf](https://shop.example.com/new?a=1)
> or not
"""
LINKS = MessageLinks(
    Addresses("https://l.example", "secret", reply_address="shop@example.org", track_clicks=True, has_preferences=True)
)


def rendered(channel: str, text: str = ASK, locale: str = "en", **customer: str) -> Rendered:
    data = sample()
    data["customer"].update(customer)
    return render_templates({"t/message.md": text}, Leg(channel=channel, template="t"), locale, data)


def made(channel: str, text: str = ASK, locale: str = "en", *, marketing: bool = True, **customer: str) -> Adapted:
    occasion = Occasion("0" * 26, channel, "1" * 26, marketing)
    return finished(rendered(channel, text, locale, **customer), occasion, BRAND, LINKS, {})


def test_telegram_has_spans_and_buttons() -> None:
    said = made(TELEGRAM)
    looks = {span.kind: said.text[span.start : span.end] for span in said.spans}
    assert looks == {"bold": "Anna", "italic": "see", "link": "the shelf", "quote": "or not"}
    assert next(span.url for span in said.spans if span.kind == "link").startswith("https://l.example/c/")
    assert [(one.label, one.value or one.url[:20]) for one in said.buttons] == [
        ("Yes, please", "yes"), ("Shop", "https://l.example/c/"), ("No", "no"), ("Stop", "stop"), ("Not now", "later")
    ]  # fmt: skip


@pytest.mark.parametrize("front", ["keyboard: reply", 'buttons: [{label: "My number", asks: phone}]'])
def test_a_keyboard_in_the_place_of_the_readers_own_says_the_way_out_in_words(front: str) -> None:
    text = ASK.replace("---\n", f"---\n{front}\n", 1)
    if front.startswith("buttons"):
        text = "\n".join(line for line in text.splitlines() if not line.startswith('buttons: [{label: "Yes'))
    said = made(TELEGRAM, text)
    assert said.keyboard == "reply"
    assert said.text.endswith("\n\nSTOP to end, LATER to pause")
    assert {span.kind: said.text[span.start : span.end] for span in said.spans}["quote"] == "or not"
    assert not {"stop", "later"} & {one.value for one in said.buttons}
    if front.startswith("buttons"):
        assert [(one.label, one.asks) for one in said.buttons] == [("My number", "contact")]
        assert said.choices == ()
    long = text.replace("or not", "word " * 4000).replace("---\n", "---\nlong: shorten\n", 1)
    assert len(made(TELEGRAM, long).text) <= CAPABILITIES[TELEGRAM].characters
    for channel in (SMS, WHATSAPP, EMAIL, WEBCHAT):
        assert made(channel, text).keyboard == "inline"


def test_sms_has_numbers_and_the_way_out() -> None:
    said = made(SMS)
    lines = said.text.split("\n")
    assert lines[0].startswith("Hello Anna, see the shelf: https://l.example/c/")
    assert lines[1:4] == ["> or not", "", "1. Yes, please"]
    assert lines[4].startswith("Shop: https://l.example/c/")
    assert lines[5:] == ["2. No", "STOP to end, LATER to pause"]
    assert [one.value for one in said.choices] == ["yes", "no"]
    assert (said.buttons, said.spans, sms_parts(said.text).encoding) == ((), (), "GSM-7")


def test_whatsapp_has_its_own_signs() -> None:
    assert made(WHATSAPP).text.startswith("Hello *Anna*, _see_ the shelf: https://l.example/c/")


def test_an_approved_template_is_logged_as_it_is() -> None:
    said = adapt(rendered(WHATSAPP), Envelope(WHATSAPP, BRAND, marketing=True, approved=True))
    assert said.text.endswith("> or not")
    assert (said.buttons, [one.value for one in said.choices]) == ((), ["yes", "no"])


def test_a_letter_is_made_of_it() -> None:
    said = made(EMAIL, first_name="A <b>*x*")
    assert "Hello <b>A &lt;b&gt;*x*</b>, <i>see</i> <a" in said.html
    assert ">A &lt; B</div>" in said.html
    for path in ("c", "u", "n", "p", "o"):
        assert f'"https://l.example/{path}/' in said.html, path
    assert "1 Harbour Lane" in said.html
    assert "1. Yes, please" in said.text
    assert said.text.index("\n-- \n") < said.text.index("Unsubscribe: https://l.example/u/")


@pytest.mark.parametrize(("locale", "yes", "line"), [
    ("ru", "1. Yes, please", "СТОП — отписаться"), ("fa", "۱. Yes, please", "«لغو»"), ("de", "1. Yes", "STOP to end"),
])  # fmt: skip
def test_the_way_out_speaks_the_readers_language(locale: str, yes: str, line: str) -> None:
    text = render_templates({f"t/message.{locale}.md": ASK}, Leg(channel=SMS, template="t"), locale, sample())
    said = adapt(text, Envelope(SMS, BRAND, marketing=True)).text
    assert yes in said
    assert line in said
    letter = adapt(text, Envelope(EMAIL, BRAND, marketing=True, unsubscribe="https://l.example/u/x")).html
    assert (f'<html lang="{locale}" dir="{"rtl" if locale == "fa" else "ltr"}">' in letter) is True


@pytest.mark.parametrize("channel", [*CHANNELS, "webchat", "carrier_pigeon"])
def test_what_is_not_marketing_gets_no_way_out(channel: str) -> None:
    plain = made(channel, marketing=False)
    for word in ("STOP", "Not now", "/u/", "/n/"):
        assert word not in plain.text + plain.html + "".join(one.label for one in plain.buttons)
    own = made(channel, ASK.replace("---\nHello", "footer: own\n---\nHello", 1))
    assert "STOP" not in own.text
    assert [one.value for one in own.buttons if one.value in ("stop", "later")] == []


@pytest.mark.parametrize(("text", "values"), [
    ("Hello. To end it, send STOP", ["later"]),
    ("To end it, reply «stop»", ["later"]),
    ("Stop by our shop", ["stop", "later"]),
    ("We never stop", ["stop", "later"]),
    ("---\nbuttons: [{label: Enough, value: stop}, {label: Once more, value: later}]\n---\nHello", []),
])  # fmt: skip
def test_what_the_text_says_itself_is_not_added(text: str, values: list[str]) -> None:
    own = {"Enough", "Once more"}
    assert [one.value for one in made(TELEGRAM, text).buttons if one.label not in own] == values


@pytest.mark.parametrize("channel", [SMS, WHATSAPP, TELEGRAM, "carrier_pigeon"])
@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
def test_long_texts_go_by_their_rule(channel: str, locale: str) -> None:
    long = "*Word* [link](https://x.example/a) " * 3000
    with pytest.raises(TemplateFailure, match=r"characters, .* fit; shorten it, or say long: shorten"):
        made(channel, long, locale)
    said = made(channel, ASK.replace("---\nHello", f"long: shorten\n---\n{long}Hello", 1), locale)
    limit = CAPABILITIES[channel].characters if channel in CAPABILITIES else 4096
    assert limit - 200 < len(said.text) <= limit
    assert "…" in said.text
    assert [one.value for one in said.choices] == ["yes", "no"]
    if channel != TELEGRAM:
        assert "2. No" in said.text
        assert said.text.endswith("STOP to end, LATER to pause")


def test_a_file_of_its_own_goes_before_the_common_one_in_its_language() -> None:
    templates = {"t/message.md": "all", "t/message.ru.md": "все", "t/sms.txt": "own"}

    def text(channel: str, locale: str) -> str:
        leg = Leg(channel=channel, template="t")
        return render_templates(templates, leg, locale, sample()).text

    assert [text(*one) for one in ((SMS, "en"), (SMS, "ru"), (TELEGRAM, "en"), (TELEGRAM, "ru"))] == [
        "own", "все", "all", "все"
    ]  # fmt: skip


def test_a_letter_of_its_own_design_keeps_it_and_gets_what_it_lacks() -> None:
    page = "---\nsubject: x\nbuttons: [{label: Go, url: 'https://a.example'}]\n---\n<html><body><p>Hi</p></body></html>"
    text = render_templates({"t/email.html": page}, Leg(channel=EMAIL, template="t"), "en", sample())
    said = finished(text, Occasion("0" * 26, EMAIL, "", marketing=True), BRAND, LINKS, {})
    assert said.html.startswith("<html><body><p>Hi</p><div")
    assert said.html.count("/n/") == said.html.count("/u/") == 1
    assert said.html.endswith("</body></html>")


def test_a_copy_with_other_words_keeps_all_the_rest() -> None:
    """Copies are made field by field, since that is fast; one that a new field is missing from is found here."""
    text = Rendered(**{field.name: object() for field in fields(Rendered)})  # type: ignore[arg-type]
    words = {"text": "t", "spans": (), "html": "h", "buttons": ()}
    assert text.saying("t", (), "h", ()) == replace(text, **words)  # type: ignore[arg-type]
    letter = Adapted(**{field.name: object() for field in fields(Adapted)})  # type: ignore[arg-type]
    assert letter.as_letter("h", ()) == replace(letter, html="h", attachments=())
