"""Files in a topic, both ways; answers to one message, and edits."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.topics import reading
from campaigns.responding.receipts import record_reports
from core.machines.message import MessageState
from core.messages import TELEGRAM, WHATSAPP, Attachment, DeliveryReport
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Blob, BlobOwner, Command, Conversation, Message
from tests.bot.topics.stage import Staffed
from tests.faults.polling import until

OLGA = "5550177"
MESSAGES = table(Message)
WAITING_HERE = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
"""Other tests may share the server, not the database."""


async def answered(staffed: Staffed, channel: str = TELEGRAM) -> str:
    """Olga has a customer who wrote on the channel."""
    await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await staffed.desk.waiting()
    async with staffed.desk.store.write() as connection:
        await connection.execute(update(table(Conversation)).values(channel=channel))
    await staffed.named(id_, "Mina")
    noted = {"message_id": "5001:3"} if channel == TELEGRAM else {}
    await staffed.customer_writes(id_, "Where is my book?", channel=channel, content=noted)
    await staffed.in_step()
    return id_


async def outgoing(staffed: Staffed) -> list[Any]:
    async with staffed.desk.store.read() as connection:
        ours = select(MESSAGES).where(MESSAGES.c.client_token.is_not(None)).order_by(MESSAGES.c.id)
        return list((await connection.execute(ours)).all())


async def became(staffed: Staffed, message_id: str, state: MessageState, provider_id: str = "") -> None:
    async with staffed.desk.store.write() as connection:
        values = {"state": state, "provider_id": provider_id or None, "account": "bot"}
        await connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(**values))


def photo(remote: str = "p1", media_type: str = "image/jpeg") -> dict[str, Any]:
    return {"attachments": (Attachment("photo.jpg", media_type, 3, remote=remote),)}


async def test_a_file_of_staff_goes_to_the_customer_and_is_theirs(staffed: Staffed) -> None:
    id_ = await answered(staffed)
    staffed.provider.kept["p1"] = b"abc"
    await staffed.staff_writes("look", **photo())
    (sent,) = await outgoing(staffed)
    hash_ = hashlib.sha256(b"abc").hexdigest()
    assert sent.content["text"] == "look"
    assert [(one["name"], one["blob"], one["size"]) for one in sent.content["attachments"]] == [("photo.jpg", hash_, 3)]
    async with staffed.desk.store.read() as connection:
        owner = (await connection.execute(select(table(BlobOwner)))).one()
        assert await connection.scalar(select(table(Blob).c.content)) == b"abc"
    assert (owner.owner, owner.owner_id) == ("customer", (await staffed.desk.row(id_)).customer_id)
    await staffed.in_step()
    assert "photo.jpg" not in staffed.group.text()  # it stands there already


@pytest.mark.parametrize(
    ("channel", "file", "words"),
    [
        (TELEGRAM, photo("gone"), "larger than 20 MB"),
        (WHATSAPP, photo(media_type="application/x-msdownload"), "WhatsApp does not take"),
    ],
)
async def test_what_cannot_go_is_told(staffed: Staffed, channel: str, file: dict[str, Any], words: str) -> None:
    await answered(staffed, channel)
    staffed.provider.kept["p1"] = b"abc"
    await staffed.staff_writes("look", **file)
    await staffed.in_step()
    assert await outgoing(staffed) == []
    assert words in staffed.group.text()


async def test_a_provider_that_does_not_answer_is_asked_again_then_it_is_told(staffed: Staffed) -> None:
    await answered(staffed)
    staffed.provider.away = True
    await staffed.staff_writes("look", **photo())
    commands = table(Command)
    for _ in range(3):
        async with staffed.desk.store.write() as connection:
            await connection.execute(update(commands).values(retry_at=None))
        await staffed.commands.run_once()
    await staffed.in_step()
    assert await outgoing(staffed) == []
    assert staffed.group.text().count("cannot be fetched") == 1


async def test_the_words_of_a_note_are_kept_without_its_file(staffed: Staffed) -> None:
    await answered(staffed)
    staffed.provider.kept["p1"] = b"abc"
    await staffed.staff_writes("/note see the picture", **photo())
    await staffed.in_step()
    assert await outgoing(staffed) == []
    assert "see the picture" in staffed.group.text()
    assert "the file stays here only" in staffed.group.text()


async def kept(staffed: Staffed, data: bytes) -> str:
    hash_ = hashlib.sha256(data).hexdigest()
    made = Blob(hash=hash_, size=len(data), media_type="image/png", content=data, created_at=staffed.desk.clock.now())
    async with staffed.desk.store.write() as connection:
        await connection.execute(table(Blob).insert(), made.model_dump())
    return hash_


async def test_a_customers_file_is_shown_once_it_is_here(staffed: Staffed) -> None:
    id_ = await answered(staffed)
    noted = {"name": "scan.png", "media_type": "image/png", "size": 3, "remote": "r1"}
    came = await staffed.customer_writes(id_, "this one", content={"attachments": [noted]})
    await staffed.customer_writes(id_, "and a word after it")
    await staffed.in_step()
    assert "\U0001f4ce scan.png" in staffed.group.text()
    assert "a word after it" in staffed.group.text()
    assert "[image/png" not in staffed.group.text()
    done = {"name": "scan.png", "media_type": "image/png", "size": 3, "blob": await kept(staffed, b"abc")}
    async with staffed.desk.store.write() as connection:
        fetched = {"attachments": [done, {**done, "name": "odd.png"}]}
        await connection.execute(update(MESSAGES).where(MESSAGES.c.id == came).values(content=fetched))
    staffed.group.refused = {"odd.png"}
    await staffed.in_step()
    assert staffed.group.text().count("[image/png scan.png abc]") == 1
    assert staffed.group.text().count("odd.png cannot be shown here") == 1
    assert staffed.group.text().count("a word after it") == 1


async def test_a_file_that_never_comes_is_named_and_holds_up_nothing(
    staffed: Staffed, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await answered(staffed)
    noted = {"name": "scan.png", "media_type": "image/png", "size": 3, "remote": "r1"}
    await staffed.customer_writes(id_, "", content={"attachments": [noted]})
    await staffed.in_step()
    monkeypatch.setattr(reading, "FILE_WAIT", timedelta(days=-1))
    await staffed.in_step()
    await staffed.in_step()
    assert staffed.group.text().count("scan.png cannot be shown here") == 1


async def test_an_answer_to_one_message_answers_it_at_the_customers_too(staffed: Staffed) -> None:
    id_ = await answered(staffed)
    post = staffed.group.text()
    await staffed.staff_writes("That one is here.", in_reply_to="77", quoted=post)
    own = await staffed.staff_writes("And another thing.")
    first, second = await outgoing(staffed)
    assert first.content["in_reply_to"] == "5001:3"
    assert "in_reply_to" not in second.content
    await became(staffed, second.id, MessageState.ACCEPTED, "5001:9")
    await staffed.staff_writes("I mean this.", in_reply_to=own, quoted="And another thing.")
    assert (await outgoing(staffed))[2].content["in_reply_to"] == "5001:9"
    # what the customer answers is quoted
    await staffed.customer_writes(id_, "Thanks", channel=TELEGRAM, content={"in_reply_to": "5001:9"})
    await staffed.in_step()
    assert "↪ And another thing.\nThanks" in staffed.group.text()


async def test_several_messages_in_one_line_are_not_guessed_at(staffed: Staffed) -> None:
    id_ = await answered(staffed)
    for text, number in (("blue", 4), ("red", 5)):
        await staffed.customer_writes(id_, text, channel=TELEGRAM, content={"message_id": f"5001:{number}"})
    await staffed.in_step()
    await staffed.staff_writes("Which?", in_reply_to="78", quoted="👤 Mina\nblue\nred")
    await staffed.staff_writes("This.", in_reply_to="78", quoted="red")
    first, second = await outgoing(staffed)
    assert "in_reply_to" not in first.content
    assert second.content["in_reply_to"] == "5001:5"


async def test_an_edit_changes_what_has_not_left_and_what_telegram_shows(staffed: Staffed) -> None:
    await answered(staffed)
    number = await staffed.staff_writes("On Munday.")
    await staffed.staff_writes("On Monday.", message=number, edited=True)
    (sent,) = await outgoing(staffed)
    assert sent.content["text"] == "On Monday."
    await became(staffed, sent.id, MessageState.ACCEPTED, "5001:9")
    for _ in range(2):  # the same words twice are one change
        await staffed.staff_writes("On Tuesday.", message=number, edited=True)
    _, change = await outgoing(staffed)
    assert (change.content["text"], change.content["replaces"]) == ("On Tuesday.", "5001:9")
    await became(staffed, change.id, MessageState.ACCEPTED)
    await staffed.staff_writes("On Monday.", message=number, edited=True)
    *_, back = await outgoing(staffed)
    assert (back.content["text"], back.content["replaces"]) == ("On Monday.", "5001:9")
    await staffed.in_step()
    assert "Tuesday" not in staffed.group.text()


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_an_edit_waits_for_a_dispatch_and_does_not_cross_it(staffed: Staffed) -> None:
    id_ = await answered(staffed)
    number = await staffed.staff_writes("On Munday.")
    (sent,) = await outgoing(staffed)
    await became(staffed, sent.id, MessageState.ACCEPTED, "5001:9")
    customer, store = (await staffed.desk.row(id_)).customer_id, staffed.desk.store

    async def somebody_waits() -> bool:
        async with store.read() as connection:
            return bool((await connection.exec_driver_sql(WAITING_HERE)).first())

    async with store.write() as dispatch:
        await lock_customers(dispatch, [customer], shared=True)
        edit = asyncio.create_task(staffed.staff_writes("On Monday.", message=number, edited=True))
        await until(somebody_waits, "the edit to wait for the customer")
        await dispatch.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        await dispatch.execute(select(MESSAGES.c.id).where(MESSAGES.c.id == sent.id).with_for_update())
    await edit
    _, change = await outgoing(staffed)
    assert change.content["text"] == "On Monday."


async def test_an_edit_changes_the_line_in_the_web_chat(staffed: Staffed) -> None:
    await answered(staffed, "webchat")
    number = await staffed.staff_writes("On Munday.")
    (sent,) = await outgoing(staffed)
    await became(staffed, sent.id, MessageState.READ, "0" * 26)
    await staffed.staff_writes("On Monday.", message=number, edited=True)
    _, change = await outgoing(staffed)
    assert (change.content["text"], change.content["replaces"]) == ("On Monday.", "0" * 26)
    await staffed.in_step()
    assert "correction" not in staffed.group.text()


async def test_an_edit_is_a_correction_where_nothing_can_be_changed(staffed: Staffed) -> None:
    await answered(staffed, "sms")
    number = await staffed.staff_writes("On Munday.")
    await became(staffed, (await outgoing(staffed))[0].id, MessageState.DELIVERED, "SM1")
    await staffed.staff_writes("On Monday.", message=number, edited=True)
    assert [row.content["text"] for row in await outgoing(staffed)] == ["On Munday.", "Correction: On Monday."]
    note = await staffed.staff_writes("/note hm")
    await staffed.staff_writes("/note hmm", message=note, edited=True)
    await staffed.in_step()
    assert "went out as a correction" in staffed.group.text()
    assert "does not see this edit" in staffed.group.text()


async def test_what_the_customer_edits_is_marked(staffed: Staffed) -> None:
    id_ = await answered(staffed)
    await staffed.customer_writes(id_, "Where is my big book?", channel=TELEGRAM, content={"replaces": "5001:3"})
    await staffed.in_step()
    assert "✏️ Where is my big book?" in staffed.group.text()


async def test_an_answer_that_did_not_arrive_is_told_once(staffed: Staffed) -> None:
    await answered(staffed)
    for text in ("Gone.", "Here."):
        await staffed.staff_writes(text)
    await staffed.in_step()
    gone, here = await outgoing(staffed)
    assert "did not reach" not in staffed.group.text()
    await became(staffed, gone.id, MessageState.REJECTED)
    await became(staffed, here.id, MessageState.ACCEPTED, "5001:9")
    for _ in range(2):
        await staffed.in_step()
        assert staffed.group.text().count("did not reach") == 1
    assert "“Gone.” did not reach" in staffed.group.text()


async def bounced(staffed: Staffed, provider_id: str) -> None:
    """The provider says that it comes back; again and again, as some do."""
    report = DeliveryReport("bot", provider_id, MessageState.FAILED, key="b1", detail="550 nobody here")
    async with staffed.desk.store.write() as connection:
        await record_reports(connection, [report, replace(report, key="b2")], staffed.desk.clock.now())


@pytest.mark.parametrize("ended", [False, True])
async def test_an_answer_that_comes_back_later_is_told_once(staffed: Staffed, ended: bool) -> None:
    await answered(staffed)
    await staffed.staff_writes("Gone.")
    (gone,) = await outgoing(staffed)
    await became(staffed, gone.id, MessageState.DELIVERED, "5001:9")
    if ended:
        await staffed.staff_writes("/resolve")
        for question in (await outgoing(staffed))[1:]:
            await became(staffed, question.id, MessageState.ACCEPTED)
    await staffed.in_step()
    assert staffed.group.topics[1].closed is ended
    assert "did not reach" not in staffed.group.text()
    for _ in range(2):
        await bounced(staffed, "5001:9")
        await staffed.in_step()
        assert staffed.group.text().count("did not reach") == 1
    assert "“Gone.” did not reach the customer (not delivered: 550 nobody here)" in staffed.group.text()
    assert staffed.group.topics[1].closed is ended
