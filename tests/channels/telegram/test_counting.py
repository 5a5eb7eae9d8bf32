"""What counts against Telegram's limits: the bot's, a chat's and a group's, and what a message comes to."""

from dataclasses import replace

import pytest

from channels.adapter import Rate, Weighs
from channels.rates import RateGate
from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from channels.telegram.dialects import BALE
from channels.telegram.rendering import render
from core.messages import Address, Attachment, OutboundMessage
from core.purposes import Purpose

TOKEN = "100001:abc_def"
MESSAGE = OutboundMessage("m1", Address("telegram", "5550101", "100001"), Purpose.MARKETING, "Still interested?")
PICTURE = Attachment("one.png", "image/png", 3, content=b"png")


def test_a_bot_a_chat_and_a_group_have_their_limits() -> None:
    told = TelegramAdapter(TelegramSettings("bot", TOKEN)).capabilities
    assert (told.rate, told.rate_per_recipient) == (Rate(30), Rate(1))
    assert told.rate_per_group == Rate(1, 3.0), "twenty a minute"


async def test_a_group_waits_three_times_as_long_as_a_person() -> None:
    capabilities = TelegramAdapter(TelegramSettings("bot", TOKEN)).capabilities
    gate = RateGate({"bot": capabilities}, now=lambda: 1000.0)
    for recipient, least in (("-1001234567890", 2.9), ("5550101", 0.9)):
        assert await gate.recipient_wait("bot", recipient) == 0
        assert least < await gate.recipient_wait("bot", recipient) < least + 0.5


@pytest.mark.parametrize(
    ("more", "weight"),
    [
        ({}, 1),
        ({"text": "слово " * 300}, 1),
        ({"text": "слово " * 1000}, 2),
        ({"html": f"<b>{'word ' * 2000}</b>"}, 3),
        ({"attachments": (PICTURE,)}, 1),
        ({"attachments": (PICTURE,) * 3}, 3),
        ({"attachments": (PICTURE,) * 12, "text": "word " * 400}, 13),
        ({"text": "word " * 9000}, 1),
    ],
    ids=["short", "one", "in two parts", "html", "picture", "album", "albums and a text", "refused"],
)
def test_a_message_weighs_what_telegram_counts(more: dict[str, object], weight: int) -> None:
    adapter = TelegramAdapter(TelegramSettings("bot", TOKEN))
    assert isinstance(adapter, Weighs)
    assert adapter.weight(replace(MESSAGE, **more)) == weight  # type: ignore[arg-type]


def test_only_marketing_is_paid_for_and_only_where_that_is_sold() -> None:
    (paid,) = render(MESSAGE, paid=True)
    assert paid.fields["allow_paid_broadcast"] is True
    for message in (replace(MESSAGE, purpose=Purpose.CONVERSATION), replace(MESSAGE, purpose=Purpose.TRANSACTIONAL)):
        (call,) = render(message, paid=True)
        assert "allow_paid_broadcast" not in call.fields
    (unpaid,), (bale,) = render(MESSAGE), render(MESSAGE, BALE, paid=True)
    assert "allow_paid_broadcast" not in {*unpaid.fields, *bale.fields}
    (album,) = render(replace(MESSAGE, attachments=(PICTURE, PICTURE)), paid=True)
    assert album.fields["allow_paid_broadcast"] is True
