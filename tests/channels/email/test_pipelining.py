"""The following mail's envelope leaves behind a content; its content never, and every reply finds its own mail."""

import asyncio

import pytest

from channels.email import session
from core.errors import PermanentFailure, TransientFailure, UnknownOutcome
from core.messages import EMAIL, Address
from tests.channels.email.scripted import DROP, SILENCE, scripted

PIPELINING = "250-scripted\r\n250-PIPELINING\r\n250 SMTPUTF8"


def envelopes(server):
    return [command.removeprefix("RCPT TO:") for command in server.commands if command.startswith("RCPT")]


async def test_the_envelope_of_the_following_leaves_with_the_content(mail, adapter):
    first, second = mail(text="one"), mail(text="two", to=Address(EMAIL, "ali@example.net"))
    async with scripted(ehlo=PIPELINING) as server, adapter(server.port) as out:
        await out.send_before(first, second)
        async with asyncio.timeout(30):
            while len(envelopes(server)) < 2:
                server.spoke.clear()
                await server.spoke.wait()
        assert envelopes(server) == ["<mina@example.net>", "<ali@example.net>"]
        assert len(server.saw) == 1
        await out.send_before(second, None)
        assert server.commands.count("DATA") == 2
    assert server.connections == 1
    assert [b"one" in server.took[0], b"two" in server.took[1]] == [True, True]


@pytest.mark.parametrize("extensions", [PIPELINING, "250 scripted"], ids=["pipelined", "stepwise"])
async def test_a_long_run_over_one_session_gives_everybody_their_own(mail, adapter, extensions):
    mails = [mail(text=f"for {n}", to=Address(EMAIL, f"r{n}@example.net")) for n in range(20)]
    script = {"rcpt": [f"{550 if n % 5 == 3 else 250} 5.1.1 {n}" for n in range(20)], "ehlo": extensions}
    script["dot"] = [f"250 2.0.0 kept {n}" for n in range(20)]
    script["data"] = ["354 go on"]
    said = []
    async with scripted(**script) as server, adapter(server.port, sessions=1) as out:
        for message, following in zip(mails, [*mails[1:], None], strict=True):
            try:
                said.append((await out.send_before(message, following)).detail)
            except PermanentFailure as refusal:
                said.append(str(refusal))
    kept = iter(range(20))
    for n, words in enumerate(said):
        if n % 5 == 3:
            assert words == f"recipient refused: 550 5.1.1 {n}"
        else:
            assert words == f"250 2.0.0 kept {next(kept)}"
    assert [b"for %d\r\n" % n in raw for n, raw in zip((n for n in range(20) if n % 5 != 3), server.took, strict=True)]


@pytest.mark.parametrize("verb", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 bye" + DROP, "250-half" + DROP, "nonsense"])
async def test_a_session_lost_in_the_envelope_ahead_is_replaced(mail, adapter, verb, answer):
    good = {"mail": "250 ok", "rcpt": "250 ok", "data": "354 go on"}[verb]
    first, second = mail(text="one"), mail(text="two")
    async with scripted(ehlo=PIPELINING, **{verb: [good, answer, good]}) as server, adapter(server.port) as out:
        await out.send_before(first, second)
        await out.send_before(second, None)
    assert server.connections == 2
    assert [b"one" in server.took[0], b"two" in server.took[1], len(server.saw)] == [True, True, 2]


async def test_only_the_mail_whose_content_left_is_unknown(mail, adapter):
    first, second = mail(text="one"), mail(text="two")
    async with scripted(ehlo=PIPELINING, dot=[DROP, "250 ok"]) as server, adapter(server.port) as out:
        with pytest.raises(UnknownOutcome):
            await out.send_before(first, second)
        await out.send_before(second, None)
    assert [b"one" in server.saw[0], b"two" in server.took[0], len(server.saw)] == [True, True, 2]


@pytest.mark.parametrize("refusal", ["451 4.3.0 later", "554 5.7.1 spam"])
async def test_a_refused_content_leaves_the_envelope_behind_it_open(mail, adapter, refusal):
    first, second = mail(), mail(text="two")
    async with scripted(ehlo=PIPELINING, dot=[refusal, "250 ok"]) as server, adapter(server.port) as out:
        with pytest.raises((TransientFailure, PermanentFailure)):
            await out.send_before(first, second)
        await out.send_before(second, None)
    assert server.connections == 1
    assert len(server.took) == 1


async def test_an_abandoned_envelope_carries_nobody_elses_content(mail, adapter):
    first, second, third = mail(), mail(to=Address(EMAIL, "ali@example.net")), mail(text="three")
    async with scripted(ehlo=PIPELINING) as server, adapter(server.port, sessions=1) as out:
        await out.send_before(first, second)
        out.abandon(second)
        await out.send(third)
    assert server.connections == 2
    assert b"three" in server.took[1]
    assert b"mina@example.net" in server.took[1]
    assert len(server.saw) == 2


async def test_a_mail_that_cannot_be_composed_gives_its_place_back(mail, adapter):
    bad = mail(to_name="x", text="x" * 2_000_000)
    async with scripted(ehlo=PIPELINING) as server, adapter(server.port, sessions=1) as out:
        await out.send_before(mail(), bad)
        with pytest.raises(PermanentFailure):
            await out.send_before(bad, None)
        await out.send(mail())
    assert len(server.took) == 2


async def test_a_mail_too_large_for_the_server_gives_its_place_back(mail, adapter):
    ehlo = PIPELINING.replace("250 ", "250-") + "\r\n250 SIZE 1000"
    slow = ["250 2.1.0 ok", SILENCE, "250 2.1.0 ok"]  # no answer to the envelope ahead when it is found too large
    async with scripted(ehlo=ehlo, mail=slow) as server, adapter(server.port, sessions=1) as out:
        first, large, last = mail(text="one"), mail(text="long " * 400), mail(text="three")
        await out.send_before(first, large)
        with pytest.raises(PermanentFailure):
            await out.send_before(large, last)
        await out.send_before(last, None)
    assert [b"one" in server.saw[0], b"three" in server.saw[1], len(server.saw)] == [True, True, 2]


async def test_a_wish_for_the_slow_way_is_obeyed(mail, adapter):
    async with scripted(ehlo=PIPELINING) as server, adapter(server.port, pipelining=False) as out:
        second = mail()
        await out.send_before(mail(), second)
        assert server.commands.count("DATA") == 1
        await out.send_before(second, None)
    assert len(server.took) == 2


async def test_a_non_ascii_recipient_goes_ahead_only_where_it_is_understood(mail, adapter):
    foreign = mail(to=Address(EMAIL, "مینا@example.net"))
    async with scripted(ehlo="250-scripted\r\n250 PIPELINING") as server, adapter(server.port) as out:
        await out.send_before(mail(), foreign)
        with pytest.raises(PermanentFailure):
            await out.send_before(foreign, None)
    assert len(envelopes(server)) == 1


async def test_silence_in_the_envelope_ahead_is_not_sent(mail, adapter, monkeypatch):
    script = {"ehlo": PIPELINING, "rcpt": ["250 ok", SILENCE]}
    async with scripted(**script) as server, adapter(server.port) as out:
        second = mail()
        await out.send_before(mail(), second)
        monkeypatch.setattr(session, "_after", lambda _: asyncio.get_running_loop().time() + 0.1)
        with pytest.raises(TransientFailure):
            await out.send_before(second, None)
    assert len(server.saw) == 1


async def test_a_session_refuses_content_under_anothers_envelope(mail, adapter):
    """Whatever its caller mixes up."""
    first, second, third = mail(), mail(to=Address(EMAIL, "ali@example.net")), mail(text="three")
    async with scripted(ehlo=PIPELINING) as server, adapter(server.port, sessions=1) as out:
        await out.send_before(first, second)
        out._pool._opened[third.id] = out._pool._opened.pop(second.id)
        await out.send_before(third, None)
    assert server.connections == 2
    assert envelopes(server)[-1] == "<mina@example.net>"
    assert len(server.saw) == 2
