"""What goes into a mail comes out of a parser again, and nothing gets in beside it."""

import re
from binascii import b2a_qp
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.headers import our_id
from channels.email.mime import Composer
from channels.email.settings import EmailSettings
from core.errors import ENDS_REACHABILITY, ConfigurationError, PermanentFailure
from core.ids import new_id
from core.messages import EMAIL, Address, Attachment, Button, OutboundMessage
from core.purposes import Purpose
from core.tokens import Signer

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
NASTY = "\r\n\x00\x0b\x0c\x1c\x85\u2028\u2029\t \ud800<>,;:\"'\\=?-_@аяپ😀"
anything = st.text(alphabet=st.one_of(st.sampled_from(NASTY), st.characters(codec="utf-8")), max_size=120)
anything_long = st.one_of(anything, anything.map(lambda text: text * 40))


def compose(settings=None, **fields):
    fields = {
        "id": new_id(), "to": Address(EMAIL, "mina@example.net"), "purpose": Purpose.MARKETING, "text": "Hello",
        **fields,
    }  # fmt: skip
    return Composer(EmailSettings(host="x", sender="shop@example.org", **(settings or {}))).compose(
        OutboundMessage(**fields), NOW
    )


def as_read(text):
    """A header text as it may come back: separators are spaces, spaces at the ends and lone surrogates are gone."""
    text = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
    return re.sub("[\ud800-\udfff]", "\ufffd", text).strip()


def decoded(value):
    return str(make_header(decode_header(value.replace("\r\n", ""))))


def lines_of(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub("[\ud800-\udfff]", "?", text)
    return text if text.endswith("\n") else text + "\n"


def body_of(part):
    return part.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")


@given(subject=anything_long, name=anything, sender_name=anything, text=anything_long, html=anything_long)
def test_what_goes_in_comes_out(subject, name, sender_name, text, html):
    raw = compose({"sender_name": sender_name}, subject=subject, to_name=name, text=text, html=html)
    mail = message_from_bytes(raw)
    assert decoded(mail["Subject"]) == as_read(subject)
    for field, expected_name, address in (
        ("To", name, "mina@example.net"),
        ("From", sender_name, "shop@example.org"),
    ):
        [(read_name, read_address)] = getaddresses([mail[field].replace("\r\n", "")])
        assert read_address == address
        assert decoded(read_name) == as_read(as_read(expected_name)[:200])
    parts = [part for part in mail.walk() if not part.is_multipart()]
    given_bodies = [body for body in (text, html) if body] or [""]
    assert [body_of(part) for part in parts] == [lines_of(body) for body in given_bodies]
    assert not mail.defects
    assert raw.endswith(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")


@given(values=st.lists(anything, min_size=9, max_size=9))
def test_no_field_can_start_another_line(values):
    """Every field from outside at once: either refused, or the header names are only ours."""
    subject, name, reply_to, url, mailto, answered, referred, list_id, sender_name = (
        f"x{value}\r\nBcc: evil@example.com" for value in values
    )
    try:
        raw = compose(
            {"sender_name": sender_name, "list_id": list_id},
            subject=subject, to_name=name, reply_to="" if len(values[2]) % 2 else reply_to,
            unsubscribe_url=url, unsubscribe_mailto=mailto, in_reply_to=answered, references=(referred, answered),
        )  # fmt: skip
    except PermanentFailure:
        return
    mail = message_from_bytes(raw)
    assert set(mail.keys()) <= {
        "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References", "List-Unsubscribe",
        "List-Unsubscribe-Post", "List-Id", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    }  # fmt: skip
    assert len(mail.keys()) == len(set(mail.keys()))
    head = raw.split(b"\r\n\r\n")[0]
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029]", head.decode())


@given(text=st.text(alphabet="=_am-\r\n0", max_size=200), id_=st.sampled_from(["0" * 26, "m" * 26]))
def test_a_text_cannot_end_its_part(text, id_):
    text = f"--=_a{id_}--\n--=_m{id_}\n{text}"
    attachment = Attachment("a.bin", "application/pdf", 3, content=b"\x00\r\n")
    mail = message_from_bytes(compose(id=id_, text=text, html=text, attachments=(attachment,)))
    plain, html, file = [part for part in mail.walk() if not part.is_multipart()]
    assert body_of(plain) == body_of(html) == lines_of(text)
    assert file.get_payload(decode=True) == b"\x00\r\n"


@given(name=anything, media_type=anything)
def test_attachments_keep_their_bytes_and_lose_their_paths(name, media_type):
    content = bytes(range(256))
    raw = compose(attachments=(Attachment(name, media_type, 256, content=content),))
    file = message_from_bytes(raw).get_payload()[1]
    assert file.get_payload(decode=True) == content
    assert file.get_filename()
    assert not set(file.get_filename()) & set("/\\\r\n\x00\x85\u2028")


def test_attachments_by_name():
    for name, expected in (("../../etc/passwd", "passwd"), ("C:\\x\\цена.pdf", "цена.pdf"), ("a b.txt", "a b.txt")):
        raw = compose(attachments=(Attachment(name, "message/rfc822", 1, content=b"x"),))
        file = message_from_bytes(raw).get_payload()[1]
        assert file.get_filename() == expected
        assert file.get_content_type() == "application/octet-stream"
    with pytest.raises(PermanentFailure, match="load its content"):
        compose(attachments=(Attachment("a.txt", "text/plain", 5, blob="ab"),))


def test_the_headers_of_a_marketing_mail():
    raw = compose(
        {"reply_address": "reply@example.org", "list_id": "news.example.org"},
        id="0" * 26, reply_to="reply+token@example.org", in_reply_to="a@example.net", references=("<b@example.net>",),
        unsubscribe_url="https://example.org/u/x,y z", unsubscribe_mailto="out+t@example.org?subject=stop",
    )  # fmt: skip
    mail = message_from_bytes(raw)
    assert mail["Message-ID"] == f"<{'0' * 26}@example.org>"
    assert our_id(mail["Message-ID"]) == "0" * 26
    assert mail["Date"] == "Tue, 01 Dec 2026 09:30:00 +0000"
    assert mail["Reply-To"] == "reply+token@example.org"
    assert mail["In-Reply-To"] == "<a@example.net>"
    assert mail["References"].split() == ["<b@example.net>", "<a@example.net>"]
    assert mail["List-Unsubscribe"].split() == [
        "<https://example.org/u/x%2Cy%20z>,", "<mailto:out+t@example.org?subject=stop>",
    ]  # fmt: skip
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<news.example.org>"
    assert mail["Auto-Submitted"] is None


def test_a_mail_that_is_said_again_is_the_same_to_a_mailbox():
    first, again = "0" * 26, "1" * 26
    mail = message_from_bytes(compose(id=again, repeats=first))
    assert mail["Message-ID"] == message_from_bytes(compose(id=first))["Message-ID"]
    assert mail["X-Otklik-Message"] == again
    assert message_from_bytes(compose(id=first))["X-Otklik-Message"] is None


def test_one_click_stands_only_beside_a_web_address():
    mail = message_from_bytes(compose(unsubscribe_mailto="mailto:out@example.org"))
    assert mail["List-Unsubscribe"] == "<mailto:out@example.org>"
    assert mail["List-Unsubscribe-Post"] is None


def test_a_machines_confirmation_says_so():
    assert message_from_bytes(compose(purpose=Purpose.SERVICE))["Auto-Submitted"] == "auto-generated"
    assert message_from_bytes(compose(purpose=Purpose.SERVICE, in_reply_to="<a@b>"))["Auto-Submitted"] == "auto-replied"


def test_many_references_are_thinned_from_the_middle():
    ids = tuple(f"<{number}@example.net>" for number in range(50))
    read = message_from_bytes(compose(references=ids, in_reply_to=ids[-1]))["References"].split()
    assert read == [ids[0], *ids[-19:]]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("plain\n" * 50, "7bit"), ("x" * 2000, "quoted-printable"), ("café au lait\n" * 9, "quoted-printable"),
     ("Привет, как дела\n", "base64"), ("سلام\n", "base64"), ("nul \x00 here, and some more text", "quoted-printable")],
)  # fmt: skip
def test_the_encoding_fits_the_text(text, encoding):
    mail = message_from_bytes(compose(text=text))
    assert mail["Content-Transfer-Encoding"] == encoding
    assert body_of(mail) == lines_of(text)


def test_buttons_become_lines_and_links():
    buttons = (Button("Open <shop>", url="https://example.org/?a=1&b=2"), Button("Call me", value="call"))
    plain, html = message_from_bytes(compose(html="<body><p>Hi</p></body>", buttons=buttons)).get_payload()
    assert body_of(plain) == "Hello\n\nOpen <shop>: https://example.org/?a=1&b=2\n– Call me\n"
    assert (
        '<a href="https://example.org/?a=1&amp;b=2">Open &lt;shop&gt;</a></p><p>&#8211; Call me</p></body>'
        in body_of(html)
    )


@pytest.mark.parametrize("bad", ["", "shop", "shop@example.org\r\nX: y", "a b@example.org", "<a@example.org>"])
def test_a_sender_that_is_no_address_is_a_mistake_of_the_settings(bad):
    with pytest.raises(ConfigurationError, match="sender"):
        EmailSettings(host="x", sender=bad)


@pytest.mark.parametrize(
    ("html", "encoding"),
    [
        ("<p>café · 😀, " + "and a long letter; " * 20 + "</p>", "7bit"),
        ("<STYLE>p::after {content: '»'}</STYLE><p>" + "a long letter; " * 20 + "</p>", "quoted-printable"),
        ("<p>" + "Привет " * 20 + "</p>", "base64"),
        ("<p>\x85" + "a long letter; " * 20 + "</p>", "quoted-printable"),
        ("<p>·" + "one endless line " * 100 + "</p>", "quoted-printable"),
    ],
)
def test_html_says_a_few_foreign_characters_by_reference(html, encoding):
    _, part = message_from_bytes(compose(html=html)).get_payload()
    assert part["Content-Transfer-Encoding"] == encoding
    assert unescape(body_of(part)) == html + "\n"


def leaf(mail, content_type):
    return next(part for part in mail.walk() if part.get_content_type() == content_type)


def test_an_image_is_shown_where_the_html_names_it():
    image = Attachment("logo.png", "image/png", 3, content=b"png", content_id="logo@shop")
    paper = Attachment("счёт.pdf", "application/pdf", 3, content=b"pdf")
    mail = message_from_bytes(compose(text="t", html='<img src="cid:logo@shop">', attachments=(paper, image)))
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip
    related = leaf(mail, "multipart/related")
    assert related.get_param("type") == "text/html"
    shown, file = leaf(mail, "image/png"), leaf(mail, "application/pdf")
    assert (shown["Content-ID"], shown.get_content_disposition()) == ("<logo@shop>", "inline")
    assert (shown.get_filename(), shown.get_payload(decode=True)) == ("logo.png", b"png")
    assert (file["Content-ID"], file.get_content_disposition(), file.get_filename()) == (None, "attachment", "счёт.pdf")
    assert not mail.defects


@pytest.mark.parametrize(("html", "media_type"), [("", "image/png"), ("<p>", "text/html"), ("<p>", "application/pdf")])
def test_what_no_html_can_show_is_an_attachment(html, media_type):
    attachment = Attachment("a", media_type, 1, content=b"x", content_id="a")
    mail = message_from_bytes(compose(html=html, attachments=(attachment,)))
    [file] = [part for part in mail.walk() if part.get_content_disposition() == "attachment"]
    assert file.get_payload(decode=True) == b"x"
    assert "multipart/related" not in [part.get_content_type() for part in mail.walk()]


def test_attachments_are_bounded():
    files = tuple(Attachment("a", "image/png", 1, content=b"x") for _ in range(51))
    big = Attachment("a", "image/png", 18_000_001, content=b"")
    for attachments in (files, (big,)):
        with pytest.raises(PermanentFailure, match="a mail carries at most 50 of 18,000,000 bytes"):
            compose(attachments=attachments)
    assert compose(attachments=files[:50])


def test_a_conversation_stays_in_its_thread():
    raw = compose(
        purpose=Purpose.CONVERSATION, in_reply_to="<q@example.net>", references=("<a@example.net>", "<q@example.net>")
    )
    mail = message_from_bytes(raw)
    assert mail["In-Reply-To"] == "<q@example.net>"
    assert mail["References"].split() == ["<a@example.net>", "<q@example.net>"]
    assert "List-Unsubscribe" not in mail
    long = tuple(f"<{n}@example.net>" for n in range(99))
    kept = message_from_bytes(compose(in_reply_to="<q@example.net>", references=long))["References"].split()
    assert (len(kept), kept[0], kept[-1]) == (20, "<0@example.net>", "<q@example.net>")


def test_an_address_for_replies_has_room_for_its_token():
    fits, too_long = f"{'r' * 21}@example.org", f"{'r' * 22}@example.org"
    assert EmailSettings(host="x", sender="shop@example.org", reply_address=fits).reply_address == fits
    with pytest.raises(ConfigurationError, match=r"reply_address: .* more than 21 letters before the @"):
        EmailSettings(host="x", sender="shop@example.org", reply_address=too_long)
    token = Signer("x" * 40, "reply").sign(new_id())
    assert f"Reply-To: {'r' * 21}+{token}@example.org".encode() in compose(reply_to=f"{'r' * 21}+{token}@example.org")


def test_no_recipient_is_to_blame_for_our_own_address():
    with pytest.raises(PermanentFailure) as caught:
        compose(reply_to="nobody at all")
    assert caught.value.kind not in ENDS_REACHABILITY


@given(text=st.text(alphabet=" \t=.é-ax\n", max_size=400))
def test_lines_are_quoted_one_by_one_as_they_are_together(text):
    """Each line is quoted once for all letters that say it, and the whole is what it would have been."""
    text = f"é{'x' * 200}\n{text}"
    raw = compose(text=text)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"quoted-printable" in head
    assert body == b2a_qp(lines_of(text).replace("\n", "\r\n").encode())
