"""The web chat from end to end: windows over a real socket, the service behind them, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from bot.continuation import FORGOTTEN, PATIENCE, continue_by_email
from channels.webchat.frames import MAX_TEXT, identity_proof
from core.machines.message import MessageState
from core.messages import EMAIL, WEBCHAT
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Customer, Identity, Message
from tests.channels.webchat.stage import SECRET, SHOP, Stage, set_stage


@pytest.fixture
async def stage(store: Store, tmp_path: Path) -> AsyncIterator[Stage]:
    async with set_stage(store, tmp_path) as stage:
        yield stage


async def test_a_browser_tells_where_its_visitor_is(stage: Stage) -> None:
    async with stage.window(zone="Asia/Tehran") as window:
        await window.say("hello", "key-0001")
        await stage.message("in")
        token = window.token
    assert [(one.zone, one.zone_guess) for one in await stage.rows(Customer)] == [("", "Asia/Tehran")]
    async with stage.window(token, zone="Europe/Riga") as window:
        await window.say("I have moved", "key-0002")
        moved = table(Customer).c.zone_guess == "Europe/Riga"
        assert await stage.until(lambda: stage.rows(Customer, moved))
    async with stage.window(token, zone="../etc/passwd") as window:
        await window.say("or not", "key-0003")
        await stage.until(lambda: stage.rows(Message, table(Message).c.body == "or not"))
    assert [one.zone_guess for one in await stage.rows(Customer)] == ["Europe/Riga"], "what is no zone teaches nothing"


async def test_visitor_is_answered_and_comes_back(stage: Stage) -> None:
    async with stage.window(locale="ru-RU", name="Вера") as window:
        assert window.welcome["lines"] == []
        assert window.welcome["words"]["send"] == "Отправить"
        said = await window.say("Есть ли доставка?", "key-0001")
        assert (said["type"], said["line"]["text"], said["line"]["from"]) == ("stored", "Есть ли доставка?", "visitor")
        heard = await stage.message("in")
        assert (heard.body, heard.channel) == ("Есть ли доставка?", WEBCHAT)
        await stage.answer("Да, завтра.")
        line = (await window.hear("line"))["line"]
        assert (line["text"], line["from"], line["seen"]) == ("Да, завтра.", "shop", False)
        token = window.token
    customer = (await stage.rows(Customer))[0]
    assert (customer.first_name, customer.locale) == ("Вера", "ru-RU")
    async with stage.window(token) as window:
        assert [one["text"] for one in window.welcome["lines"]] == ["Есть ли доставка?", "Да, завтра."]
        assert window.token == token, "the same visitor"
    async with stage.window("nonsense") as stranger:
        assert stranger.welcome["lines"] == [], "a token that is not ours opens nobody's window"


async def test_line_said_again_is_there_once(stage: Stage) -> None:
    async with stage.window() as window:
        first = await window.say("hello", "key-0001")
        again = await window.say("hello", "key-0001")
        assert first["line"]["id"] == again["line"]["id"]
        token = window.token
    async with stage.window(token) as window:
        assert (await window.say("hello", "key-0001"))["line"]["id"] == first["line"]["id"], "after a reconnect, too"
        assert (await window.say("bye", "key-0002"))["line"]["id"] != first["line"]["id"]

    async def both() -> bool:
        return len(await stage.rows(Message, table(Message).c.direction == "in")) == 2

    await stage.until(both)
    assert len(await stage.lines()) == 2


async def test_what_is_got_and_seen_is_reported(stage: Stage) -> None:
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        await stage.answer("hi")
        line = (await window.hear("line"))["line"]
        for kind, state in (("got", MessageState.DELIVERED), ("seen", MessageState.READ)):
            await window.tell(kind, up_to=line["id"])

            async def reported(state: MessageState = state) -> bool:
                return (await stage.message("out")).state is state

            await stage.until(reported)
        token = window.token
    async with stage.window(token) as window:
        assert [one["seen"] for one in window.welcome["lines"]] == [False, True]


async def test_answer_by_another_process_is_found(stage: Stage) -> None:
    """No nudge comes; the window looks by itself."""
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        adapter = stage.service.adapters[WEBCHAT]
        await adapter.lines.add((await stage.customer()).address, "out", "k" * 26, "from afar", {})  # type: ignore[attr-defined]
        assert (await window.hear("line"))["line"]["text"] == "from afar"


async def test_two_windows_of_one_visitor_show_the_same(stage: Stage) -> None:
    async with stage.window() as one, stage.window(one.token) as other:
        await one.say("hello", "key-0001")
        assert (await other.hear("line"))["line"]["text"] == "hello"


async def test_older_lines_come_page_by_page(stage: Stage) -> None:
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        visitor = (await stage.customer()).address
        adapter = stage.service.adapters[WEBCHAT]
        for number in range(60):
            await adapter.lines.add(visitor, "out", f"{number:026}", f"line {number}", {})  # type: ignore[attr-defined]
        token = window.token
    async with stage.window(token) as window:
        shown = window.welcome["lines"]
        assert (len(shown), window.welcome["more"]) == (50, True)
        await window.tell("older", before=shown[0]["id"])
        older = await window.hear("older")
        assert [one["text"] for one in older["lines"]] == ["hello", *(f"line {number}" for number in range(10))]
        assert older["more"] is False


async def test_site_that_is_not_ours_may_not_show_it(stage: Stage) -> None:
    for origin in ("https://elsewhere.example.net", "https://shop.example.com.example.net", "null"):
        with pytest.raises(InvalidStatus):
            async with stage.window(origin=origin):
                pass
    async with stage.window(origin="http://127.0.0.1"):  # our own page
        pass


@pytest.mark.parametrize(
    "frame",
    ["{", "[]", '{"type":"dance"}', '{"type":"say","key":"x","text":"a"}', '{"type":"say","key":"key-0001","text":" "}',
     '{"type":"seen","up_to":"DROP TABLE"}', '{"type":"hello"}',
     '{"type":"say","key":"key-0001","text":"' + "a" * (MAX_TEXT + 1) + '"}'],
)  # fmt: skip
async def test_frame_of_no_window_closes(stage: Stage, frame: str) -> None:
    async with stage.window() as window:
        await window.socket.send(frame)
        assert await window.closed() == 4400
    assert await stage.lines() == []


async def test_too_many_words_a_minute_are_refused(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path, per_minute="3", windows_per_visitor="2") as stage, stage.window() as window:
        answers = [await window.say(f"line {number}", f"key-000{number}") for number in range(5)]
        assert [one["type"] for one in answers] == ["stored"] * 3 + ["refused"] * 2
        assert answers[-1]["why"] == "too_fast"
        async with stage.window(window.token):
            async with asyncio.timeout(60), _refused(stage, window.token) as code:
                assert code == 4429


class _refused:  # noqa: N801
    """A window that is turned away; gives the code."""

    def __init__(self, stage: Stage, token: str) -> None:
        self._opened = stage.window(token)

    async def __aenter__(self) -> int:
        try:
            await self._opened.__aenter__()
        except Exception as error:  # noqa: BLE001
            return int(error.rcvd.code) if getattr(error, "rcvd", None) else 0
        return 0

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_customer_whom_the_shop_vouches_for(stage: Stage) -> None:
    async with stage.store.write() as connection:
        known = Customer(
            external_id="c-17", first_name="Vera", created_at=stage.clock.now(), updated_at=stage.clock.now()
        )
        await connection.execute(table(Customer).insert(), known.model_dump())
    async with stage.window(customer="c-17", proof=identity_proof(SECRET, "c-17")) as window:
        await window.say("it is me", "key-0001")
        assert (await stage.message("in")).customer_id == known.id
    async with stage.window(customer="c-17", proof="0" * 64) as window:
        await window.say("it is not me", "key-0001")

        async def two() -> bool:
            return len(await stage.rows(Message, table(Message).c.direction == "in")) == 2

        await stage.until(two)
    assert (await stage.message("in")).customer_id != known.id


async def _chat_with_email(stage: Stage, email: str) -> None:
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        await window.tell("email", key="key-0002", email=email)
        assert (await window.hear("stored"))["line"] is None
        await stage.answer("We have it.")
        await window.hear("line")


async def test_who_left_is_answered_by_email(stage: Stage) -> None:
    await _chat_with_email(stage, "Visitor@Example.org")
    mails = table(Message).c.channel == EMAIL

    async def address() -> object:
        return await stage.rows(Identity, table(Identity).c.channel == EMAIL)

    found = (await stage.until(address))[0]
    assert (found.address, found.verified) == ("visitor@example.org", False)
    assert await continue_by_email(stage.store, stage.clock) == 0, "not before they had the time to see it"
    stage.clock.advance_to(stage.clock.now() + PATIENCE)
    assert await continue_by_email(stage.store, stage.clock) == 1
    assert await continue_by_email(stage.store, stage.clock) == 0, "once"
    (letter,) = await stage.rows(Message, mails)
    assert "We have it." in letter.content["text"]
    assert "hello" not in letter.content["text"]
    chat = await stage.message("in")
    assert (letter.conversation_id, letter.customer_id) == (chat.conversation_id, chat.customer_id)


async def test_what_was_seen_is_not_mailed(stage: Stage) -> None:
    async with stage.window() as window:
        await window.say("hello", "key-0001")
        await window.tell("email", key="key-0002", email="visitor@example.org")
        await window.hear("stored")
        await stage.answer("We have it.")
        line = (await window.hear("line"))["line"]
        await window.tell("seen", up_to=line["id"])

        async def read() -> bool:
            return (await stage.message("out")).state is MessageState.READ

        await stage.until(read)
    stage.clock.advance_to(stage.clock.now() + PATIENCE)
    assert await continue_by_email(stage.store, stage.clock) == 0


async def test_long_forgotten_lines_are_not_mailed(stage: Stage) -> None:
    await _chat_with_email(stage, "visitor@example.org")
    await stage.until(lambda: stage.rows(Identity, table(Identity).c.channel == EMAIL))
    stage.clock.advance_to(stage.clock.now() + FORGOTTEN)
    assert await continue_by_email(stage.store, stage.clock) == 0


async def test_address_of_somebody_else_is_only_noted(stage: Stage) -> None:
    now = stage.clock.now()
    async with stage.store.write() as connection:
        owner = Customer(first_name="Olga", created_at=now, updated_at=now)
        await connection.execute(table(Customer).insert(), owner.model_dump())
        mail = Identity(customer_id=owner.id, channel=EMAIL, address="olga@example.org", key="k", created_at=now)
        await connection.execute(table(Identity).insert(), mail.model_dump())
    await _chat_with_email(stage, "olga@example.org")
    (noted,) = await stage.until(lambda: stage.rows(Audit, table(Audit).c.action == "address claimed"))
    assert noted.subject_id == mail.id
    stage.clock.advance_to(now + PATIENCE)
    assert await continue_by_email(stage.store, stage.clock) == 0
    async with stage.window(origin=SHOP) as window:
        await window.tell("email", key="key-0002", email="not an address")
        assert (await window.hear("refused"))["why"] == "bad_email"
