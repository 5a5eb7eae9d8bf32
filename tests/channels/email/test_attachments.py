"""Files in a mail: what is one, what it is called, how much of it is kept."""

from base64 import b64encode
from email.message import EmailMessage

import pytest

from channels.email.attachments import Limits, attachments_of, safe_name
from channels.email.inbound import parse
from channels.email.structure import Part, read_fields, taken_apart


def mail(*parts):
    pieces = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return f"From: a@example.net\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{pieces}--b--\r\n".encode()


def file(name, content="x", kind="application/octet-stream", more=""):
    return f'Content-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n{more}\r\n{content}'


def files(raw, **limits):
    return attachments_of(taken_apart(raw), shown=[], limits=Limits(**limits))


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\a.exe", "a.exe"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\a.dll", "a.dll"),
        ("\u202egpj.exe", "gpj.exe"),
        ("cod\u202egpj.exe", "codgpj.exe"),
        ("\u200b.htaccess", "htaccess"),
        (".\u200b.bashrc", "bashrc"),
        ("...", ""),
        ("..", ""),
        ("", ""),
        ("a\x00b\r\n.txt", "ab.txt"),
        ("\u2066.env\u2069", "env"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ('a?<>|*":.txt', "a.txt"),
        ("прайс лист.xlsx", "прайс лист.xlsx"),
        ("قیمت\u200c‌ها.pdf", "قیمتها.pdf"),
        ("a/", ""),
        ("\ufeffa\u00ad.txt", "a.txt"),
        ("x" * 500 + ".pdf", "x" * 115 + "….pdf"),
    ],
)
def test_no_name_does_harm(given, safe):
    assert safe_name(given) == safe


@pytest.mark.parametrize("name", ["../a", "\u202ea", "a\u200bb", "a\nb", "\x00", "a\\b", "x" * 9999])
def test_no_name_that_a_mail_gives_does_harm(name):
    [one] = files(
        mail(f"Content-Type: a/b\r\nContent-Disposition: attachment; filename*=utf-8''{encoded(name)}\r\n\r\nx")
    )
    assert one.name
    assert len(one.name) <= 120
    assert not set(one.name) & set("/\\\n\r\x00\u202e\u200b")


def encoded(name):
    return "".join(f"%{byte:02x}" for byte in name.encode())


def test_inline_images_are_told_from_attached_ones():
    message = EmailMessage()
    message["From"] = "a@example.net"
    message.set_content("see")
    message.add_alternative('<p>see <img src="cid:logo@x.example"></p>', subtype="html")
    message.get_payload()[1].add_related(b"PNG", "image", "png", cid="<logo@x.example>")
    message.add_attachment(b"JPG", maintype="image", subtype="jpeg", filename="photo.jpg")
    [event] = parse(message.as_bytes(), "email")
    assert [(a.name, a.content_id, a.content) for a in event.attachments] == [
        ("image.png", "logo@x.example", b"PNG"),
        ("photo.jpg", "", b"JPG"),
    ]


def test_an_attached_image_with_a_content_id_stays_a_file():
    [one] = files(mail(file("scan.png", kind="image/png", more="Content-ID: <c1>\r\n")))
    assert (one.name, one.content_id) == ("scan.png", "")


def test_a_forwarded_mail_is_one_file():
    inner = "From: shop@example.org\r\nSubject: =?utf-8?q?=D0=97=D0=B8=D0=BC=D0=B0/..?=\r\n\r\nHello"
    [event] = parse(
        mail("Content-Type: text/plain\r\n\r\nlook", f"Content-Type: message/rfc822\r\n\r\n{inner}"), "email"
    )
    [forwarded] = event.attachments
    assert (event.text, forwarded.name, forwarded.media_type) == ("look", "mail.eml", "message/rfc822")
    assert forwarded.content.decode() == inner
    [event] = parse(
        mail("Content-Type: text/plain\r\n\r\nlook", f"Content-Type: message/rfc822\r\n\r\n{inner.replace('/..', '')}"),
        "email",
    )
    assert event.attachments[0].name == "Зима.eml"


def test_limits_name_what_they_do_not_keep():
    raw = mail(file("a", "x" * 60), file("b", "x" * 60), file("c", "x" * 30), file("d"), file("e"))
    kept = [(one.name, one.size, len(one.content)) for one in files(raw, files=4, bytes=100, largest=80)]
    assert kept == [("a", 60, 60), ("b", 60, 0), ("c", 30, 30), ("d", 1, 1)]
    assert [len(one.content) for one in files(raw, largest=50)] == [0, 0, 30, 1, 1]


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", b64encode(b"abcde"), b"abcde"),
        ("BASE64", b"YWJj\r\n ZGU=\r\n", b"abcde"),
        ("base64", b"YWJjZGU", b"abcde"),
        ("base64", b"YWJjZ", b"abc"),
        ("base64", b"Y*W!J\xffj", b"abc"),
        ("base64", b"====", b""),
        ("base64", b"", b""),
        ("quoted-printable", b"a=3Db=\r\nc=ZZ", b"a=bc=ZZ"),
        ("7bit", b"a=3D", b"a=3D"),
        ("", b"\xff", b"\xff"),
        ("x-odd", b"a", b"a"),
        ("x-uuencode", b"begin 644 a\n#86)C\n`\nend\n", b"abc"),
    ],
)
def test_transfer_encodings(encoding, body, content):
    fields, _ = read_fields(b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n")
    assert Part(fields, body).content() == content
