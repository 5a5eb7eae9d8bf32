"""Mails made to break a reader: every one is read within two seconds, and none stops it."""

import email
import json
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.html_text import text_of_html
from channels.email.inbound import parse
from channels.email.quoting import reply_of
from core.messages import InboundMessage
from tests.channels.email.pace import seconds

N = 100_000
SECONDS = 2


def plain(body):
    return b"From: a@example.net\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body


def html(body):
    return b"From: a@example.net\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body


def nested(depth):
    raw = b"From: a@example.net\r\n"
    for level in range(depth):
        raw += b'Content-Type: multipart/mixed; boundary="b%db"\r\n\r\n--b%db\r\n' % (level, level)
    return raw + b"Content-Type: text/plain\r\n\r\nhello"


def fields(name, value):
    return name + b": " + value + b"\r\nFrom: a@example.net\r\n\r\nhello"


BOMBS = {
    "commas in To": fields(b"To", b"," * N),
    "encoded words in Subject": fields(b"Subject", b"=?utf-8?q?a?= " * 50_000),
    "encoded words in To": fields(b"To", b"=?utf-8?q?a?= " * 50_000),
    "parentheses in From": b"From: " + b"(" * 2_000 + b"\r\n\r\nhello",
    "parentheses in From and an address": b"From: " + b"(" * 500 + b" a@example.net\r\n\r\nhello",
    "quotes in From": b"From: " + b'"\\' * N + b"\r\n\r\nhello",
    "bad Message-ID": fields(b"Message-ID", b"<"),
    "angles in Message-ID": fields(b"Message-ID", b"<" * N),
    "angles in References": fields(b"References", b"<a" * N),
    "folded forever": fields(b"Subject", b"a\r\n " * N),
    "parameters": fields(b"Content-Type", b"multipart/mixed; " + b'a="' * N),
    "semicolons": fields(b"Content-Type", b"text/plain" + b";" * N),
    "rfc2231 parameters": fields(
        b"Content-Disposition", b"attachment; " + b"".join(b"filename*%d=a;" % n for n in range(9_999))
    ),
    "plus tokens": fields(b"To", b"+" * N + b"+a" * N),
    "fields": b"X: y\r\n" * 300_000 + b"\r\nhello",
    "colons": b":" * N + b"\r\n\r\nhello",
    "one field name": b"a" * 5_000_000,
    "depth": nested(3_000),
    "parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 200_000,
    "false delimiters": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"x--b" * 500_000,
    "same boundary": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 20_000,
    "delivery status": b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\nStatus: 5.1.1\r\n\r\n" * N,
    "blank delivery status": b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nA: b" + b"\r\n \t" * N + b"x",
    "base64 rubbish": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * 1_000_000,
    "uuencode": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\n" + b"M" * 1_000_000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "idna charset": b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"xn--" + b"a" * 1_000_000,
    "punycode charset": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a" * 1_000_000,
    "utf-7": b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+A" * 500_000,
    "On On On": plain(b"On " * N),
    "schrieb": plain(b"Am a schrieb " * N),
    "schrieb lines": plain(b"Am a 2026 schrieb " * 30 + b"\n") * 300,
    "wrote lines": plain(b"On 2026 wrote:\n" * N),
    "From lines": plain(b"From: a\n" * N),
    "dashes": plain(b"-" * N + b"\n" + b"- " * N),
    "blank lines": plain(b"\n" * 1_000_000),
    "quotes": plain(b"> " * N + b"\n>" * N),
    "zero width": plain("\u200b".encode() * 340_000),
    "combining": plain(("a" + "\u0301" * 500_000).encode()),
    "nul": plain(b"\0" * 1_000_000),
    "html open a": html(b"<a " * N),
    "html slashes": html(b"<a/" * N),
    "html lt": html(b"<" * N),
    "html comments": html(b"<!--" * N),
    "html style": html(b"<style>" * N),
    "html many unclosed": html(b"<head><title><script><style>" * 20_000),
    "html quotes": html(b'<a class="' * N),
    "html classes": html((b"<a " + b"class=" * 330 + b">") * 250),
    "html ids": html((b"<a " + b"id=a " * 400 + b">") * 250),
    "html depth": html(b"<div>" * N),
    "html blockquotes": html(b"<blockquote>" * N),
    "html entities": html(b"&#" + b"9" * 5_000 + b";" + b"&a" * N),
    "html processing": html(b"<?" * N),
    "html spaces": html(b" \n" * N),
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_read_in_time(raw):
    events = []
    assert seconds(lambda raw: events.extend(parse(raw, "email")), raw) < SECONDS
    assert events
    assert all(event.key for event in events)


SCRIPT = """
import json
from channels.email.inbound import parse
from tests.channels.email.pace import seconds
from tests.channels.email.test_hostile import BOMBS
slowest = max(seconds(lambda raw: parse(raw, "email"), raw) for raw in BOMBS.values())
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(json.dumps([slowest, int(peak) // 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a program's own peak of memory is read from /proc")
def test_all_of_them_fit_into_the_memory_of_one_process():
    """In 256 MB, the interpreter, the test's own 60 MB of bombs and its libraries counted.

    The system tells a program's own peak there; getrusage begins with that of whoever started it.
    """
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=280, check=True)
    slowest, megabytes = json.loads(done.stdout)
    assert slowest < SECONDS
    assert megabytes < 256


@given(st.binary(max_size=2_000))
def test_rubbish_is_a_message_too(raw):
    assert isinstance(parse(raw, "email")[0], InboundMessage)


def test_broken_mails_never_raise():
    """Real shapes with random bytes changed, removed and doubled."""
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.net", "b@example.org", "Привет"
    message.set_content("Привет\n" * 20)
    message.add_alternative("<p>Привет</p>", subtype="html")
    message.add_attachment(b"x" * 200, maintype="application", subtype="pdf", filename="цена.pdf")
    chance = random.Random(7)
    whole = message.as_bytes()
    for _ in range(1_500):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 30)):
            at = chance.randrange(len(raw))
            match chance.randrange(3):
                case 0:
                    raw[at] = chance.randrange(256)
                case 1:
                    del raw[at : at + chance.randrange(20)]
                case _:
                    raw[at:at] = raw[at : at + chance.randrange(40)]
        assert parse(bytes(raw), "email")


@given(st.text(max_size=500))
def test_texts_of_any_kind(text):
    assert reply_of(text) == reply_of(text)
    text_of_html(text)
    text_of_html(f"<p>{text}<blockquote>{text}")
