"""Files of templates: kept with the version at apply, carried or led to by each channel, gone from nobody's journey."""

import email
import email.policy
import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from campaigns.applying import apply
from campaigns.composing.composer import Composer
from campaigns.composing.files import FileContents
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.customers.erasing import erase_customer
from campaigns.engine.journey import IdentityFacts
from campaigns.limits.batch_prices import BatchPrices
from campaigns.limits.prices import PriceList
from campaigns.templates.adapting import CAPABILITIES
from campaigns.templates.carrying import apart
from campaigns.workspace.loader import load_workspace
from channels.email.mime import MAX_ATTACHED, MAX_ATTACHMENTS
from channels.email.mime import Composer as Mails
from channels.email.settings import EmailSettings
from channels.media.links import MEDIA, asked_for
from channels.telegram.dialects import TELEGRAM as DIALECT
from channels.telegram.rendering import render as telegram_calls
from channels.twilio.rendering import LARGEST_MEDIA, MOST_MEDIA
from channels.twilio.rendering import render as twilio_parameters
from core.actors import Actor
from core.clock import VirtualClock
from core.dispatching import Claim
from core.ids import new_id
from core.messages import CHANNELS, EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP, Address, Attachment, OutboundMessage
from core.purposes import Purpose
from core.tokens import Signer
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Blob, BlobOwner, Customer, Link
from tests.bot.scene import Scene
from tests.conftest import NOW

JPEG, PDF, PNG = b"\xff\xd8\xff\xe0 a picture", b"%PDF-1.7 a list", b"\x89PNG\r\n\x1a\n a logo"
HX = "HX" + "0" * 32
TEXTS = {
    "email.html": "---\nsubject: Menu\nattach: [list.pdf, {file: logo.png, inline: logo}]\n---\n"
    '<html><body><img src="cid:logo"><a href="{{ links.unsubscribe }}">no</a></body></html>',
    "telegram.md": "---\nattach: [{file: menu.jpg, name: Menu.jpg}, list.pdf]\n---\nThe menu",
    "whatsapp.txt": f"---\ncontent_sid: {HX}\nattach: [menu.jpg]\n---\nThe menu. STOP",
    "sms.txt": "---\nattach: [{file: list.pdf, name: prices.pdf}]\n---\nThe menu",
    "webchat.md": "---\nattach: [list.pdf]\n---\nThe menu",
}
LINKS = MessageLinks(Addresses("https://l.example", "secret"))
ADDRESSES = {EMAIL: "a@example.org", TELEGRAM: "7001", SMS: "+12025550111", WHATSAPP: "+12025550111",
             WEBCHAT: "0" * 26}  # fmt: skip


def write_shop(folder: Path) -> Path:
    """A campaign that sends the same menu everywhere."""
    files = {
        "otklik.yaml": b"brand: {name: Paper Boat, postal_address: 1 Lane}\n",
        "segments.yaml": b"everyone: {where: {field: id, is_set: true}}\n",
        "campaigns/menu.yaml": (
            "campaign: menu\naudience: everyone\ntemplate: menu\nsteps:\n"
            + "".join(f"  - {{send: {channel}, wait: 1d}}\n" for channel in CHANNELS)
        ).encode(),
        "templates/menu/menu.jpg": JPEG,
        "templates/menu/logo.png": PNG,
        "files/list.pdf": PDF,
    } | {f"templates/menu/{name}": text.encode() for name, text in TEXTS.items()}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def applied(store: Store, folder: Path) -> str:
    """The version in force."""
    return (await apply(store, load_workspace(folder), Actor("operator", "ann"), NOW)).versions["menu"]


async def composed(store: Store, version: str, channel: str, **more: Any) -> OutboundMessage:
    claim = Claim(
        message_id=new_id(), fence=1, customer_id="", identity_id="", to=Address(channel, ADDRESSES[channel]),
        purpose=Purpose.MARKETING, version=version, step=f"send-{channel}", leg="main", window_from=NOW, **more,
    )  # fmt: skip
    message = (await Composer(store, VirtualClock(NOW), LINKS).compose([claim]))[claim.message_id]
    assert isinstance(message, OutboundMessage), message
    return message


async def test_each_channel_gets_them_in_its_way(store: Store, tmp_path: Path) -> None:
    version = await applied(store, write_shop(tmp_path))
    letter = await composed(store, version, EMAIL)
    mail = email.message_from_bytes(
        Mails(EmailSettings(host="h", sender="vera@example.com")).compose(letter, NOW),
        policy=email.policy.default,
    )
    parts = {part.get_content_type(): part for part in mail.walk()}
    assert parts["application/pdf"].get_content() == PDF
    assert (parts["application/pdf"].get_filename(), parts["image/png"].get_content()) == ("list.pdf", PNG)
    assert parts["image/png"]["Content-ID"] == "<logo>"
    assert 'src="cid:logo"' in parts["text/html"].get_content()

    photo, document, words = telegram_calls(await composed(store, version, TELEGRAM))
    assert (photo.method, photo.files["photo"].content, photo.files["photo"].name) == ("sendPhoto", JPEG, "Menu.jpg")
    assert (document.method, document.files["document"].content) == ("sendDocument", PDF)
    assert words.fields["text"] == "The menu"

    whatsapp = await composed(store, version, WHATSAPP)
    assert whatsapp.attachments[0].content == b"", "the provider fetches it"
    media = twilio_parameters(whatsapp, WHATSAPP, lambda file: file.blob)["media_url"]
    assert media == [digest(JPEG)]

    sms = await composed(store, version, SMS)
    assert sms.attachments == ()
    link = sms.text.split("prices.pdf: ")[1].split("\n")[0]
    assert link.startswith("https://l.example/c/")
    async with store.read() as connection:
        target = await connection.scalar(select(table(Link).c.url).where(table(Link).c.url.contains("/media/")))
    token, _, name = str(target).partition("/media/")[2].partition("/")
    assert (asked_for(Signer("secret", MEDIA), token), name) == (digest(PDF), "prices.pdf")

    chat = await composed(store, version, WEBCHAT)
    assert [one.label for one in chat.buttons if "/c/" in one.url] == ["list.pdf"]
    assert chat.attachments == ()


async def test_outside_of_24_hours_the_approved_template_goes_alone(store: Store, tmp_path: Path) -> None:
    version = await applied(store, write_shop(tmp_path))
    claim = Claim(
        message_id=new_id(), fence=1, customer_id="", identity_id="", to=Address(WHATSAPP, ADDRESSES[WHATSAPP]),
        purpose=Purpose.MARKETING, version=version, step="send-whatsapp", leg="main",
    )  # fmt: skip
    message = (await Composer(store, VirtualClock(NOW), LINKS).compose([claim]))[claim.message_id]
    assert isinstance(message, OutboundMessage)
    assert (message.attachments, message.template is not None) == ((), True)


async def test_a_version_keeps_its_files_whatever_the_folder_has_by_now(store: Store, tmp_path: Path) -> None:
    first = await applied(store, write_shop(tmp_path))
    assert await applied(store, tmp_path) == first
    (tmp_path / "files" / "list.pdf").write_bytes(PDF + b" of spring")
    second = await applied(store, tmp_path)
    assert second != first
    for version, content in ((first, PDF), (second, PDF + b" of spring")):
        (file,) = [one for one in (await composed(store, version, EMAIL)).attachments if not one.content_id]
        assert file.content == content
    (tmp_path / "templates/menu/list.pdf").write_bytes(PDF)  # beside the text goes before files/
    third = await applied(store, tmp_path)
    (file,) = [one for one in (await composed(store, third, EMAIL)).attachments if not one.content_id]
    assert file.content == PDF


async def test_texts_alone_may_bring_other_files(store: Store, tmp_path: Path) -> None:
    await applied(store, write_shop(tmp_path))
    (tmp_path / "files" / "list.pdf").write_bytes(PDF + b" of spring")
    await apply(store, load_workspace(tmp_path), Actor("operator", "ann"), NOW, texts_only=True)


async def test_erasing_whoever_sent_the_same_file_leaves_the_campaign_its_own(store: Store, tmp_path: Path) -> None:
    await applied(store, write_shop(tmp_path))
    person = await Scene(store).person()
    async with store.write() as connection:
        owner = {"hash": digest(PDF), "owner": "customer", "owner_id": person.id}
        await connection.execute(table(BlobOwner).insert().values(owner))
        # even one that names them: it is what the shop sends to all
        await connection.execute(update(table(Blob)).where(table(Blob).c.hash == digest(PDF)).values(content=PDF))
    await erase_customer(store, person.id, Actor("operator", "ann"), NOW)
    async with store.read() as connection:
        kept = set(await connection.scalars(select(table(Blob).c.hash)))
        owners = set(await connection.scalars(select(table(BlobOwner).c.owner)))
        assert await connection.scalar(select(table(Customer).c.id).where(table(Customer).c.id == person.id)) is None
    assert (kept, owners) == ({digest(PDF), digest(JPEG), digest(PNG)}, {"campaign"})


async def test_a_file_that_is_gone_is_said_and_nothing_leaves_without_it(store: Store, tmp_path: Path) -> None:
    version = await applied(store, write_shop(tmp_path))
    async with store.write() as connection:
        await connection.execute(delete(table(BlobOwner)))
        await connection.execute(delete(table(Blob)))
    with pytest.raises(AssertionError, match=r"list\.pdf is no longer kept"):
        await composed(store, version, EMAIL)
    await composed(store, version, SMS)  # a link can be sent


async def test_chosen_words_carry_files_too(store: Store, tmp_path: Path) -> None:
    version = await applied(store, write_shop(tmp_path))
    noted = {"name": "list.pdf", "media_type": "application/pdf", "size": len(PDF), "blob": digest(PDF)}
    content = {"text": "Here it is", "attachments": [noted]}
    answer = await composed(store, version, TELEGRAM, content=content)
    assert [(one.name, one.content) for one in answer.attachments] == [("list.pdf", PDF)]
    answer = await composed(store, version, SMS, content=content)
    assert answer.text.startswith("Here it is\n\nlist.pdf: https://l.example/c/")


async def test_bytes_are_read_once_and_forgotten_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await applied(store, write_shop(tmp_path))
    contents = FileContents(store)
    wanted = [digest(PDF), digest(JPEG)]
    assert set((await contents.of(wanted)).values()) == {PDF, JPEG}
    async with store.write() as connection:
        await connection.execute(delete(table(BlobOwner)))
        await connection.execute(delete(table(Blob)))
    assert set((await contents.of(wanted)).values()) == {PDF, JPEG}
    monkeypatch.setattr("campaigns.composing.files.REMEMBERED_BYTES", 1)
    await contents.of([digest(PDF)])
    assert await contents.of(wanted) == {digest(PDF): PDF}


def test_the_link_to_a_file_counts_in_an_sms(tmp_path: Path) -> None:
    workspace = load_workspace(write_shop(tmp_path))
    body = workspace.campaigns["menu"]
    prices = BatchPrices(PriceList.of(workspace.config, NOW), NOW, {"c": {}}, links=LINKS)
    short = body.model_copy(update={"templates": {**body.templates, "menu/sms.txt": "The menu" + "x" * 80}})
    long = body.model_copy(update={"templates": {**body.templates, "menu/sms.txt": TEXTS["sms.txt"] + "x" * 80}})
    parts = [prices.price_of("c", one)(SMS, IdentityFacts("i", SMS), "menu").parts for one in (short, long)]
    assert parts == [1, 2]


def test_what_check_allows_is_what_adapters_carry() -> None:
    assert (CAPABILITIES[EMAIL].files, CAPABILITIES[EMAIL].file_bytes) == (MAX_ATTACHMENTS, MAX_ATTACHED)
    assert CAPABILITIES[WHATSAPP].files == MOST_MEDIA[WHATSAPP]
    assert CAPABILITIES[WHATSAPP].file_bytes == LARGEST_MEDIA[WHATSAPP]
    assert CAPABILITIES[TELEGRAM].files == DIALECT.album
    file = Attachment("a.pdf", "application/pdf", 1)
    assert {channel: bool(apart(channel, [file])[0]) for channel in (*CHANNELS, "pigeon")} == {
        EMAIL: True, TELEGRAM: True, WHATSAPP: True, SMS: False, WEBCHAT: False, "pigeon": False
    }  # fmt: skip
