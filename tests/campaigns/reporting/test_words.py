"""What the engine noted, in the reader's language: also where it is several things."""

import pytest

from campaigns.reporting.reasons import reason_in_words
from campaigns.reporting.story import Line
from campaigns.reporting.telling import in_words
from core.catalogue import text
from core.naming import channel_named
from tests.conftest import NOW


@pytest.mark.parametrize(("lang", "comma"), [("en", ","), ("ru", ","), ("fa", "،")])
def test_several_things_beside_each_other(lang: str, comma: str) -> None:
    changed = in_words(Line(NOW, "CustomerChanged", "mark", detail="city, +vip, stage loyal"), lang)
    assert f"city{comma} +vip{comma} stage loyal" in changed
    entered = in_words(Line(NOW, "Entered", detail="variant warm, held out"), lang)
    assert text(lang, "reason.variant", name="warm") + comma in entered
    several = reason_in_words("no email address; no sms address", lang)
    assert ("؛ " if lang == "fa" else "; ").join(
        text(lang, "reason.no_address", channel=channel_named(lang, channel)) for channel in ("email", "sms")
    ) == several


@pytest.mark.parametrize("lang", ["en", "ru", "fa"])
def test_a_step_that_was_dropped_in_a_pause_is_only_named(lang: str) -> None:
    said = in_words(Line(NOW, "WaitEnded", "second", "dropped"), lang)
    assert "second" in said
    assert "dropped" not in said


@pytest.mark.parametrize(
    ("lang", "reason", "said"),
    [
        ("en", "no whatsapp address", "no WhatsApp address"),
        ("ru", "no email address", "Почта: нет адреса"),
        ("en", "budget: sms instead of whatsapp", "the budget is used up: SMS instead of WhatsApp"),
        ("ru", "budget: email instead of sms", "бюджет исчерпан: Почта, а не SMS"),
        ("en", "webchat: consent", "Web chat: no consent"),
        ("ru", "email: no email address", "Почта: нет адреса"),
        ("fa", "sms: consent", "پیامک: رضایت ندارد"),
        ("en", "carrier: consent", "carrier: consent"),
        ("en", "no matrix address", "no matrix address"),
    ],
)
def test_channels_are_named_as_people_say_them(lang: str, reason: str, said: str) -> None:
    assert reason_in_words(reason, lang) == said


def test_stories_name_the_channel() -> None:
    assert in_words(Line(NOW, "message.planned", "hello", channel="whatsapp"), "en") == "hello: WhatsApp is planned"
