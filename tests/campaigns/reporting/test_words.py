"""What the engine noted, in the reader's language: also where it is several things."""

import pytest

from campaigns.reporting.reasons import reason_in_words
from campaigns.reporting.story import Line
from campaigns.reporting.telling import in_words
from core.catalogue import text
from tests.conftest import NOW


@pytest.mark.parametrize(("lang", "comma"), [("en", ","), ("ru", ","), ("fa", "،")])
def test_several_things_beside_each_other(lang: str, comma: str) -> None:
    changed = in_words(Line(NOW, "CustomerChanged", "mark", detail="city, +vip, stage loyal"), lang)
    assert f"city{comma} +vip{comma} stage loyal" in changed
    entered = in_words(Line(NOW, "Entered", detail="variant warm, held out"), lang)
    assert text(lang, "reason.variant", name="warm") + comma in entered
    several = reason_in_words("no email address; no sms address", lang)
    assert ("؛ " if lang == "fa" else "; ").join(
        text(lang, "reason.no_address", channel=channel) for channel in ("email", "sms")
    ) == several


@pytest.mark.parametrize("lang", ["en", "ru", "fa"])
def test_a_step_that_was_dropped_in_a_pause_is_only_named(lang: str) -> None:
    said = in_words(Line(NOW, "WaitEnded", "second", "dropped"), lang)
    assert "second" in said
    assert "dropped" not in said
