"""Signatures hold before a verifier that we did not write, and fail where anything signed was changed."""

import re
import shutil
import subprocess
import time
from base64 import b64decode
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.mime import Composer
from channels.email.settings import EmailSettings
from channels.email.signing import SIGNED, read_signer, relaxed_body, relaxed_field
from core.errors import ConfigurationError
from core.messages import EMAIL, Address, Attachment
from tests.channels.email.scripted import scripted

OPENSSL = shutil.which("openssl")
NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def pem(key, lock=None):
    locked = BestAvailableEncryption(lock) if lock else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


@pytest.fixture(scope="module", params=list(KEYS))
def account(request, tmp_path_factory):
    """(settings, signer) with a key of each kind."""
    path = tmp_path_factory.mktemp("keys") / "dkim.pem"
    path.write_bytes(pem(KEYS[request.param]()))
    made = EmailSettings(host="x", sender="shop@Example.org", dkim_key=str(path), dkim_selector="s1")
    return made, read_signer(made)


def signed(account, message):
    made, signer = account
    raw = Composer(made).compose(message, NOW)
    return signer.field(raw, int(time.time())) + raw


def holds(raw, signer, where="s1._domainkey.example.org."):
    """What dkimpy says, with the very record that doctor asks for."""
    record = re.search(r'TXT record "(.+)"', signer.wanted_in_dns)[1]
    return dkim.verify(raw, dnsfunc=lambda name, **_: record.encode() if name == where.encode() else None)


def full(mail, **changes):
    return mail(
        subject="Зимние книги для вас и для всех, кто любит читать долгими вечерами у лампы",
        text="two  blanks \t and tabs\t\n\n. a dot\n\n\n",
        html="<p>Привет · سلام</p>",
        to_name="Мина",
        reply_to="reply+abc@example.org",
        unsubscribe_url="https://example.org/u/1?a=b",
        unsubscribe_mailto="stop@example.org",
        in_reply_to="<a@example.net>",
        references=("<b@example.net>", "<a@example.net>"),
        **changes,
    )


def test_a_verifier_that_is_not_ours_agrees(account, mail):
    for message in (
        mail(),
        mail(text=""),
        mail(text="\n\n\n"),
        full(mail),
        full(mail, attachments=(Attachment("a.bin", "image/png", 5, content=b"12345", content_id="a"),)),
    ):
        assert holds(signed(account, message), account[1])


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=" \t\r\nab.ж\u2028", max_size=80), subject=st.text(alphabet=" \t\nab:ж=?", max_size=200))
def test_whatever_the_text(account, text, subject):
    from core.ids import new_id
    from core.messages import OutboundMessage
    from core.purposes import Purpose

    message = OutboundMessage(new_id(), Address(EMAIL, "mina@example.net"), Purpose.MARKETING, text, subject=subject)
    assert holds(signed(account, message), account[1])


def test_everything_that_matters_is_signed_and_nothing_can_be_added(account, mail):
    raw = signed(account, full(mail))
    names = re.search(rb"h=([^;]+);", raw)[1].replace(b"\r\n", b"").replace(b" ", b"").split(b":")
    head, body = raw.split(b"\r\n\r\n", 1)
    present = {name for name in SIGNED if b"\r\n" + name + b": " in head}
    assert set(names) == present > {b"List-Unsubscribe", b"List-Unsubscribe-Post", b"Reply-To", b"References"}
    assert names.count(b"From") == 2
    for name in sorted(present):
        changed = re.sub(rb"(\r\n" + name + rb": )", rb"\1x", head) + b"\r\n\r\n" + body
        assert not holds(changed, account[1]), name
    assert not holds(b"From: evil@example.com\r\n" + raw, account[1])
    assert not holds(raw.replace(b"--=_", b"--=-"), account[1])
    assert max(map(len, head.split(b"\r\n"))) <= 78 + len("DKIM-Signature")


def test_a_relay_may_fold_and_trim(account, mail):
    """What *relaxed* is for: white space may change on the way."""
    raw = signed(account, mail(subject="one two three", text="a b\nc"))
    assert holds(raw.replace(b"one two three", b"one\r\n\ttwo  three ").replace(b"a b\r\n", b"a  b \r\n"), account[1])


def test_the_forms_of_the_standard():
    """The example of RFC 6376 §3.4.5."""
    assert relaxed_field(b"A", b" X") + relaxed_field(b"B", b" Y\t\r\n\tZ  ") == b"a:X\r\nb:Y Z\r\n"
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert [relaxed_body(body) for body in (b"", b"\r\n", b"\r\n\r\n", b" \r\n", b"a")] == [
        b"",
        b"",
        b"",
        b"",
        b"a\r\n",
    ]


async def test_what_leaves_is_signed(account, mail, adapter):
    made, signer = account
    async with scripted() as server, adapter(server.port, dkim_key=made.dkim_key, dkim_selector="s1") as out:
        await out.send(full(mail))
        assert signer.wanted_in_dns in await out.check()
    assert holds(server.took[0], signer)


def test_the_record_carries_the_key_in_the_form_of_its_kind(account):
    record = re.search(r'"v=DKIM1; k=(\w+); p=(.+)"', account[1].wanted_in_dns)
    public = b64decode(record[2])
    assert (record[1], len(public)) in (("ed25519", 32), ("rsa", 294))
    assert "s1._domainkey.example.org " in account[1].wanted_in_dns


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file"),
        (b"no key", "is no private key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "must be RSA of 1024 bits"),
        (pem(ed25519.Ed25519PrivateKey.generate(), b"a password"), "is locked with a password"),
    ],
    ids=["missing", "nonsense", "elliptic", "locked"],
)
async def test_a_key_that_cannot_be_used_is_said_at_once(tmp_path, adapter, content, complaint):
    path = tmp_path / "key.pem"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"mail account email: dkim_key .*{complaint}"):
        async with adapter(1, dkim_key=str(path), dkim_selector="s1"):
            pass


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"dkim_key": "k.pem"}, "dkim_selector: is missing"),
        ({"dkim_selector": "s1"}, "dkim_key: is missing"),
        ({"dkim_key": "k.pem", "dkim_selector": "s1; d=evil"}, "dkim_selector: .* is not a domain name"),
        ({"dkim_key": "k.pem", "dkim_selector": "s1", "dkim_domain": "a b"}, "dkim_domain: .* is not a domain name"),
    ],
)
def test_half_a_signature_is_refused(changes, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        EmailSettings(host="x", sender="shop@example.org", **changes)


@pytest.mark.skipif(not OPENSSL, reason="there is no openssl here")
@pytest.mark.parametrize("command", ["genrsa -out FILE 2048", "genpkey -algorithm ed25519 -out FILE"])
def test_the_commands_that_make_a_key_make_one_that_we_take(tmp_path, command):
    path = str(tmp_path / "dkim.pem")
    subprocess.run([OPENSSL, *command.replace("FILE", path).split()], check=True, capture_output=True)
    assert read_signer(EmailSettings(host="x", sender="shop@example.org", dkim_key=path, dkim_selector="s1"))
