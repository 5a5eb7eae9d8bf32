"""Files, answers to one message and edits, between the phones and the group, with a whole service."""

import base64
import re
from pathlib import Path

import pytest

from storage.store import Store
from tests.bot.topics.whole import HUMAN, SECONDS, Whole, set_stage
from tests.faults.polling import until

PDF = base64.b64encode(b"%PDF-1.4 of the shop\n%%EOF\n").decode()


async def test_what_staff_send_arrives_on_telegram(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        file = {"name": "invoice.pdf", "base64": PDF}
        await whole.group.do("send", thread, kind="document", file=file, text="Your invoice")
        await whole.phone("[document: invoice.pdf]\nYour invoice")
        await whole.group.do("send", thread, kind="photo")
        await whole.phone("[photo: photo.jpg]")
        for kind, name in (("voice", "voice.ogg"), ("video_note", "video.mp4"), ("sticker", "sticker.webp")):
            await whole.group.do("send", thread, kind=kind)
            await whole.phone(name)
        await whole.group.do("send_location", thread)
        await whole.phone("mlat=55.750000&mlon=37.620000")
        assert "invoice.pdf" not in await whole.group.text(thread)


async def test_where_no_file_goes_a_link_does(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        await whole.customer(HUMAN, channel="sms")
        await whole.shows("", HUMAN)
        thread = (await whole.group.topics())[0]["id"]
        await whole.group.do("send", thread, kind="document", file={"name": "invoice.pdf", "base64": PDF})
        said = await whole.phone("http://127.0.0.1", channel="sms")
        (link,) = re.findall(r"http://127\S+", " ".join(said))
        async with whole.sandbox.client.get(link) as response:
            assert (response.status, await response.read()) == (200, base64.b64decode(PDF))


async def test_what_customers_send_is_shown_in_the_topic(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        await whole.sandbox.do("anna", do="send_photo", text="It came like this")
        await whole.shows(thread, "It came like this")
        await until(lambda: _shown(whole, thread, "photo"), "the picture in the topic", SECONDS)
        await whole.sandbox.do("anna", do="edit", text="It came broken")
        await whole.shows(thread, "✏️ It came broken")


async def test_answers_to_one_message_and_edits_go_both_ways(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        await whole.customer("And my other order?")
        await whole.shows(thread, "And my other order?")
        post = next(one for one in await whole.group.posts(thread) if "other order" in one["text"])
        said = await whole.group.do("write", thread, text="Paid on Munday.", reply_to=post["id"])
        await whole.phone("Paid on Munday.")
        thread_on_phone = whole.sandbox.world.people.get("anna").thread("telegram")
        asked = next(one for one in thread_on_phone if one.text == "And my other order?")
        told = next(one for one in thread_on_phone if one.text == "Paid on Munday.")
        assert told.reply_to in (asked.provider_id, None if HUMAN in post["text"] else asked.provider_id)
        for words in ("Paid on Monday.", "Paid on Tuesday."):  # the message that is there changes, twice
            await whole.group.do("edit", thread, message=said["message"], text=words)
            await until(lambda words=words: told.text == words, f"{words!r} on the phone", SECONDS)
        await whole.sandbox.do("anna", do="reply", channel="telegram", text="Lovely")
        shown = await whole.shows(thread, "Lovely")
        assert "↪ " in shown
        assert "Tuesday" not in shown.replace("↪ Paid on Munday.", "").replace("↪ Paid on Tuesday.", "")


async def test_staff_are_told_what_did_not_arrive(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path) as whole:
        thread = await whole.opened()
        refused = {"provider": "telegram", "to": "5001", "kind": "status", "code": 403, "count": 1}
        await whole.sandbox.post("/control/faults", [refused])
        await whole.group.do("write", thread, text="It leaves today.")
        await whole.shows(thread, "“It leaves today.” did not reach the customer")


async def _shown(whole: Whole, thread: int, kind: str) -> bool:
    return any(post["kind"] == kind for post in await whole.group.posts(thread))


@pytest.mark.parametrize("client", ["ptb"])
async def test_with_the_other_library(store: Store, tmp_path: Path, client: str) -> None:
    async with set_stage(store, tmp_path, client=client) as whole:
        thread = await whole.opened()
        await whole.sandbox.do("anna", do="send_photo")
        await until(lambda: _shown(whole, thread, "photo"), "the picture in the topic", SECONDS)
        await whole.group.do("send", thread, kind="document", file={"name": "invoice.pdf", "base64": PDF})
        await whole.phone("invoice.pdf")
