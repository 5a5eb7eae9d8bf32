"""Files and mails of a thread: who may read them, and how they are given out."""

import hashlib
from email.message import EmailMessage
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select
from starlette.datastructures import FormData, UploadFile

from core.catalogue import LANGUAGES
from core.errors import Refused
from desk.inbox.files import MOST_BYTES, Kept, Sent, attach, chosen, file_of
from desk.inbox.mail import html_of, policy_of, raw_mail
from desk.inbox.thread import entries
from desk.rendering import Reader
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Blob, BlobOwner
from tests.bot.handoff.stage import Desk
from tests.conftest import NOW
from tests.desk.inbox.test_inbox import heard, place

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


@pytest.fixture
def desk(store: Store, clock: object) -> Desk:
    return Desk(store, clock)  # type: ignore[arg-type]


async def blob(desk: Desk, content: bytes) -> str:
    row = Blob(hash=hashlib.sha256(content).hexdigest(), size=len(content), content=content, created_at=NOW)
    async with desk.store.write() as connection:
        await connection.execute(table(Blob).insert(), row.model_dump())
    return row.hash


def upload(name: str, content: bytes) -> UploadFile:
    return UploadFile(BytesIO(content), filename=name)


def mail(html: str = "") -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"] = "vera@example.org", "My parcel"
    made.set_content("plain")
    if html:
        made.add_alternative(html, subtype="html")
        made.get_payload()[1].add_related(PNG, "image", "png", cid="<logo>")  # type: ignore[union-attr,index,call-arg]
    return made.as_bytes()


async def test_files_are_read_only_in_their_customers_conversation(desk: Desk) -> None:
    mine, other = await desk.waiting(), await desk.waiting()
    noted: list[dict[str, Any]] = [
        {"name": "box.png", "media_type": "image/png", "size": 40, "blob": await blob(desk, PNG)},
        {"name": "late.pdf", "media_type": "application/pdf", "size": 9},
    ]
    mailed = await place(desk, mine, "email", "vera@example.org")
    id_ = await heard(desk, mine, mailed, "email", "see", content={"attachments": noted})
    async with desk.store.read() as connection:
        kept = await file_of(connection, mine, id_, 0)
        assert kept == Kept("box.png", "image/png", PNG)
        assert await file_of(connection, other, id_, 0) is None
        assert await file_of(connection, mine, id_, 1) is None, "not fetched yet"
        assert await file_of(connection, mine, id_, 2) is None
        shown = (await entries(connection, (await desk.row(mine)).customer_id))[-1]
    assert [(one.picture, bool(one.hash)) for one in shown.files] == [(True, True), (False, False)]


def test_weights_are_said_as_their_reader_says_them() -> None:
    said = {locale: [Reader(locale, "UTC").size(size) for size in (1, 12_000, 1_500_000)] for locale in LANGUAGES}
    assert said == {
        "en": ["1 kB", "12 kB", "1.5 MB"],
        "ru": ["1 кБ", "12 кБ", "1,5 МБ"],
        "fa": ["۱ کیلوبایت", "۱۲ کیلوبایت", "۱٫۵ مگابایت"],
    }


@pytest.mark.parametrize(
    ("name", "media_type", "given", "how"),
    [("a.png", "image/png", "image/png", "inline"),
     ("a.svg", "image/svg+xml", "application/octet-stream", "attachment"),
     ("a.html", "text/html", "application/octet-stream", "attachment"),
     ('x"\r\nset-cookie: a.pdf', "application/pdf", "application/octet-stream", "attachment")],
)  # fmt: skip
def test_only_pictures_are_shown_in_our_name(name: str, media_type: str, given: str, how: str) -> None:
    headers = Kept(name, media_type, b"x").headers
    assert headers["content-type"] == given
    assert headers["content-disposition"].startswith(f"{how}; filename*=UTF-8''")
    assert not set('"\r\n') & set(headers["content-disposition"])
    assert "sandbox" in headers["content-security-policy"]


async def test_an_answers_files_are_kept_as_the_customers(desk: Desk) -> None:
    id_ = await desk.waiting()
    mailed, phone = await place(desk, id_, "email", "v@example.org"), await place(desk, id_, "sms", "+12025550143")
    files = [Sent("a.pdf", "application/pdf", b"%PDF-"), Sent("b.pdf", "application/pdf", b"%PDF-")]
    async with desk.store.write() as connection:
        noted = (await attach(connection, id_, mailed, files, NOW))["attachments"]
        assert await attach(connection, id_, phone, [], NOW) == {}
    assert [(one["name"], one["size"], one["blob"]) for one in noted] == [
        ("a.pdf", 5, files[0].hash), ("b.pdf", 5, files[0].hash),
    ]  # fmt: skip
    with pytest.raises(Refused, match="no files"):
        async with desk.store.write() as connection:
            await attach(connection, id_, phone, files, NOW)
    async with desk.store.read() as connection:
        owners = (await connection.execute(select(table(BlobOwner)))).all()
    assert [(row.hash, row.owner_id) for row in owners] == [(files[0].hash, (await desk.row(id_)).customer_id)]


async def test_a_forms_files_are_bounded() -> None:
    given = FormData([("files", upload("", b"")), ("files", upload("C:\\me\\bill.pdf", b"%PDF-")), ("files", "text")])
    assert [(one.name, one.media_type) for one in await chosen(given)] == [("bill.pdf", "application/pdf")]
    with pytest.raises(Refused, match="MB together"):
        await chosen(FormData([("files", upload("a", bytes(MOST_BYTES))), ("files", upload("b", b"x"))]))
    with pytest.raises(Refused, match="at most 5"):
        await chosen(FormData([("files", upload(str(n), b"x")) for n in range(6)]))


async def test_mail_is_shown_with_its_own_pictures(desk: Desk) -> None:
    mine, other = await desk.waiting(), await desk.waiting()
    raw = mail('<p>Hi</p><img src="cid:logo"><img src="cid:gone"><img src="https://spy.example.com/x.png">')
    mailed = await place(desk, mine, "email", "vera@example.org")
    id_ = await heard(desk, mine, mailed, "email", "Hi", raw_blob=await blob(desk, raw))
    async with desk.store.read() as connection:
        assert await raw_mail(connection, mine, id_) == raw
        assert await raw_mail(connection, other, id_) == b""
    html = html_of(raw)
    assert 'src="data:image/png;base64,' in html
    assert 'src="about:blank"' in html
    assert html_of(mail()) == ""
    assert html_of(b"\xff\x00 no mail") == ""
    assert "https:" not in policy_of(remote=False)
    assert "img-src data: https:" in policy_of(remote=True)
    assert "allow-scripts" not in policy_of(remote=True)
