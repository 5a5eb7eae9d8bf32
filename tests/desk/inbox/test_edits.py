"""What was edited stands in the place of the first words, wherever one reads: at the end, as news, and further back."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot.handoff.answering import Draft, answer
from core.machines.message import MessageState
from desk.inbox.thread import Entry, entries, news
from desk.rendering import Reader, rendered
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Message
from tests.bot.handoff.stage import Desk
from tests.desk.inbox.test_inbox import heard, place, taken

S = MessageState


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


class Talk:
    """A conversation on Telegram between Ann and a customer."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def begin(self) -> None:
        self.ann = await self.desk.agent("Ann")
        self.id = await self.desk.waiting()
        self.customer = (await self.desk.row(self.id)).customer_id
        self.identity = await place(self.desk, self.id, "telegram", "5001")
        self.token = await taken(self.desk, self.id, self.ann)

    async def ann_says(self, text: str, provider_id: str = "", replaces: str = "", state: S = S.ACCEPTED) -> str:
        self.desk.later(seconds=1)
        more = {"replaces": replaces} if replaces else {}
        async with self.desk.store.write() as connection:
            draft = Draft(f"k{text}{replaces}", text, self.identity, more)
            mine = await answer(connection, self.id, self.ann, self.token, draft, self.desk.clock.now())
            sent = update(table(Message)).where(table(Message).c.client_token == mine)
            values = {"state": state, "provider_id": provider_id or None}
            return str(await connection.scalar(sent.values(values).returning(table(Message).c.id)))

    async def customer_says(self, text: str, number: int, *, edit: bool = False) -> str:
        self.desk.later(seconds=1)
        name = f"5001:{number}"
        content = {"message_id": name, **({"replaces": name} if edit else {})}
        return await heard(self.desk, self.id, self.identity, "telegram", text, content=content)

    async def read(self, **stretch: Any) -> list[Entry]:
        async with self.desk.store.read() as connection:
            said = await entries(connection, self.customer, **stretch)
        return [entry for entry in said if entry.voice != "event"]


@pytest.fixture
async def talk(desk: Desk) -> Talk:
    talking = Talk(desk)
    await talking.begin()
    return talking


async def test_the_newest_words_stand_in_the_place_of_the_first(talk: Talk) -> None:
    asked = await talk.customer_says("Wen?", 1)
    first = await talk.ann_says("On Munday.", "5001:2")
    other = await talk.ann_says("Or on Friday.", "5001:3")
    await talk.customer_says("When?", 1, edit=True)
    await talk.ann_says("On Tuesday.", replaces="5001:2")
    last = await talk.ann_says("On Monday.", replaces="5001:2", state=S.UNKNOWN)
    said = await talk.read()
    shown = [entry for entry in said if not entry.folded]
    assert [(one.id, one.text, one.earlier, one.edited) for one in shown] == [
        (asked, "When?", ("Wen?",), True),
        (first, "On Monday.", ("On Munday.", "On Tuesday."), True),
        (other, "Or on Friday.", (), False),
    ]
    assert (shown[1].state, shown[1].sent) == (S.UNKNOWN, last)
    assert len(said) == 6, "every message keeps its place, so that nothing is counted twice"


async def test_an_edit_that_did_not_arrive_changes_nothing(talk: Talk) -> None:
    await talk.ann_says("On Munday.", "5001:2")
    await talk.ann_says("On Monday.", replaces="5001:2", state=S.REJECTED)
    said = await talk.read()
    assert [(one.text, one.edited, one.folded) for one in said] == [
        ("On Munday.", False, False), ("On Monday.", False, False),
    ]  # fmt: skip
    assert said[1].state is S.REJECTED


async def test_news_bring_the_first_as_it_is_now(talk: Talk) -> None:
    first = await talk.ann_says("On Munday.", "5001:2")
    between = await talk.ann_says("Or on Friday.", "5001:3")
    edit = await talk.ann_says("On Monday.", replaces="5001:2")
    async with talk.desk.store.read() as connection:
        said, changed = await news(connection, talk.customer, between)
    assert [(one.id, one.text, one.earlier) for one in changed] == [(first, "On Monday.", ("On Munday.",))]
    assert [(one.id, one.folded) for one in said] == [(edit, True)]


async def test_further_back_it_is_the_newest_too(talk: Talk) -> None:
    first = await talk.ann_says("On Munday.", "5001:2")
    between = await talk.ann_says("Or on Friday.", "5001:3")
    await talk.ann_says("On Monday.", replaces="5001:2")
    [back] = await talk.read(before=between)
    assert (back.id, back.text, back.earlier) == (first, "On Monday.", ("On Munday.",))
    [_, newest] = await talk.read(limit=2)
    assert (newest.text, newest.edited, newest.folded) == ("On Monday.", True, False), "its first is out of sight"


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
async def test_the_page_says_that_it_was_edited(talk: Talk, locale: str) -> None:
    first = await talk.ann_says("On <i>Munday</i>.", "5001:2")
    edit = await talk.ann_says("On Monday.", replaces="5001:2", state=S.PLANNED)
    talk.desk.clock.advance_to(talk.desk.clock.now() + timedelta(seconds=1))

    class Line:
        id, name, customer_id, channel = talk.id, "", talk.customer, "telegram"

    reader = Reader(locale, "UTC")
    html = rendered("inbox/entries.html", reader, line=Line(), entries=await talk.read())
    assert f"<summary>{reader.say('entry_edited')}</summary>" in html
    assert "On &lt;i&gt;Munday&lt;/i&gt;." in html
    assert html.count("On Monday.") == 1
    assert f'<div hidden id="e-{edit}" data-id="{edit}" data-state="planned"></div>' in html
    assert f'id="e-{first}"' in html
