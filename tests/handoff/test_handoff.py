"""A customer asks for a person, hears when one answers, is answered by one, and has the bot again: on every channel.

Judged by what the providers took. Nothing here waits for a time: whatever the service does by itself may come first.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from core import catalogue
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP
from storage.store import Store
from tests.handoff.stage import Phone, set_stage

ASKS = {"en": "I want to talk to a human", "ru": "Позовите оператора", "fa": "اپراتور"}
QUESTION = {"en": "Where is my order?", "ru": "Где мой заказ?", "fa": "سفارش من کجاست؟"}
KNOWN = {"en": "Look at the link", "ru": "Посмотрите по ссылке", "fa": "به پیوند پیام ما نگاه کنید"}
ANSWER = {"en": "It left this morning.", "ru": "Он ушёл сегодня утром.", "fa": "امروز صبح فرستاده شد."}
LONG_AFTER = timedelta(days=10)
"""Neither people nor a question how it was wait for the customer any more."""


@pytest.mark.parametrize(
    ("channel", "language"), [(TELEGRAM, "ru"), (SMS, "en"), (WHATSAPP, "fa"), (EMAIL, "ru"), (WEBCHAT, "fa")]
)
async def test_a_person_and_then_the_bot_again(store: Store, tmp_path: Path, channel: str, language: str) -> None:
    promise = catalogue.text(language, "handoff.wait", when="\0").partition("\0")[0]
    async with set_stage(store, tmp_path / "data", channel, language) as stage:
        customer, agent = stage.customer, stage.agent
        await customer.says(ASKS[language])
        await customer.hears(promise)
        id_ = (await stage.conversation("queued", "assigned")).id  # the service gives it to who is free, now and then
        await customer.says(QUESTION[language])  # the bot knows this, and holds its tongue
        asked = await stage.stands(QUESTION[language])
        assert await agent.press(id_, "take") == 200  # if it was not assigned already, which changes the token as well
        older = str(int(await agent.token(id_)) - 1)
        form = {"text": ANSWER[language], "key": "draft-1"}
        assert await agent.press(id_, "answer", token=older, **form) == 409, "that page was not true any more"
        assert await agent.press(id_, "answer", **form) == 200
        assert await agent.press(id_, "answer", **form) == 200, "sent again, it is the same answer"
        await customer.hears(ANSWER[language])
        if isinstance(customer, Phone) and channel == EMAIL:
            headers = await customer.mail(ANSWER[language])
            assert headers["in-reply-to"] == asked.content["message_id"]
            assert asked.content["message_id"] in headers["references"]
        assert await agent.press(id_, "resolve") == 200
        await stage.conversation("resolved")
        stage.served.clock.advance_to(stage.served.clock.now() + LONG_AFTER)
        await customer.says(QUESTION[language])
        await customer.hears(KNOWN[language])
        heard = await customer.heard()
    said = (promise, ANSWER[language], KNOWN[language])
    told = [number for one in heard for number, words in enumerate(said) if words in one]
    assert told == [0, 1, 2], heard
