"""Each point at which an SMTP server can fail, and what may be said of the mail then; its ledger is the oracle."""

import asyncio
import socket

import pytest

from channels.adapter import Adapter
from channels.email.settings import FINAL_DOT_SECONDS, EmailSettings
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    TransientFailure,
    UnknownOutcome,
)
from core.messages import EMAIL, Address
from tests.channels.email.scripted import DROP, SILENCE, scripted


async def test_a_mail_arrives_and_its_receipt_names_it(mail, adapter):
    message = mail(text=".\n..dots\n.", unsubscribe_url="https://example.org/u/1")
    async with scripted() as server, adapter(server.port) as out:
        assert isinstance(out, Adapter)
        receipt = await out.send(message)
    assert receipt.provider_id == f"<{message.id}@example.org>"
    assert receipt.detail == "250 2.0.0 queued as 7"
    assert b"Message-ID: " + receipt.provider_id.encode() in server.took[0]
    assert server.took[0].endswith(b"\r\n\r\n.\r\n..dots\r\n.\r\n")


# (what the server does, what is raised, the permanent kind or code)
REFUSALS = [
    ({"greeting": "421 4.3.2 closing"}, TransientFailure, "4.3.2"),
    ({"greeting": "554 5.7.1 go away"}, ChannelFault, "5.7.1"),
    ({"greeting": DROP}, TransientFailure, ""),
    ({"mail": "450 4.7.1 slow down"}, TransientFailure, "4.7.1"),
    ({"mail": "421 4.7.0 later"}, TransientFailure, "4.7.0"),
    ({"mail": "550 5.7.1 not your sender"}, ChannelFault, "5.7.1"),
    ({"mail": "530 5.7.0 login first"}, ChannelFault, "5.7.0"),
    ({"mail": "552 5.3.4 too big"}, PermanentFailure, PermanentKind.CONTENT_REFUSED),
    ({"mail": DROP}, TransientFailure, ""),
    ({"mail": "hello?"}, TransientFailure, ""),
    ({"rcpt": "451 4.7.1 greylisted"}, TransientFailure, "4.7.1"),
    ({"rcpt": "452 full"}, TransientFailure, "452"),
    ({"rcpt": "550 5.1.1 no such user"}, PermanentFailure, PermanentKind.BAD_ADDRESS),
    ({"rcpt": "550-5.1.1 no such user\r\n550 5.1.1 sorry"}, PermanentFailure, PermanentKind.BAD_ADDRESS),
    ({"rcpt": "550 unknown user"}, PermanentFailure, PermanentKind.BAD_ADDRESS),
    ({"rcpt": "550 blocked, see the dnsbl"}, PermanentFailure, PermanentKind.REJECTED),
    ({"rcpt": "550 5.2.2 over quota"}, PermanentFailure, PermanentKind.REJECTED),
    ({"rcpt": "554 5.7.1 <x>: Relay access denied"}, ChannelFault, "5.7.1"),
    ({"rcpt": "550 5.7.26 unauthenticated mail"}, PermanentFailure, PermanentKind.CONTENT_REFUSED),
    ({"rcpt": DROP}, TransientFailure, ""),
    ({"data": "451 4.3.0 try later"}, TransientFailure, "4.3.0"),
    ({"data": "554 5.5.1 no valid recipients"}, PermanentFailure, PermanentKind.REJECTED),
    ({"data": "250 what?"}, TransientFailure, ""),
    ({"data": "354 go on\r\n421 4.3.2 bye"}, TransientFailure, ""),
    ({"data": DROP}, TransientFailure, ""),
    ({"dot": "451 4.3.0 disk full"}, TransientFailure, "4.3.0"),
    ({"dot": "421 4.3.2 shutting down"}, TransientFailure, "4.3.2"),
    ({"dot": "554 5.7.1 spam"}, PermanentFailure, PermanentKind.CONTENT_REFUSED),
    ({"dot": "550 no"}, PermanentFailure, PermanentKind.CONTENT_REFUSED),
    ({"content": DROP}, UnknownOutcome, ""),
    ({"dot": DROP}, UnknownOutcome, ""),
    ({"dot": "25" + DROP}, UnknownOutcome, ""),
    ({"dot": "250-half\r\n" + DROP}, UnknownOutcome, ""),
    ({"dot": "354 go on"}, UnknownOutcome, "354"),
    ({"dot": "<html>"}, UnknownOutcome, ""),
]


@pytest.mark.parametrize("extensions", ["", "250-PIPELINING\r\n"], ids=["stepwise", "pipelined"])
@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case[0]}"[:60])
async def test_each_point_of_failure(mail, adapter, extensions, case):
    script, raised, expected = case
    script = {"ehlo": f"250-scripted\r\n{extensions}250 HELP", **script}
    async with scripted(**script) as server, adapter(server.port) as out:
        with pytest.raises(raised) as caught:
            await out.send(mail())
    if isinstance(caught.value, PermanentFailure):
        assert caught.value.kind is expected
    else:
        assert caught.value.code == expected
    assert server.took == []
    if raised is not UnknownOutcome and "dot" not in script:
        assert server.saw == []


@pytest.mark.parametrize("verb", ["greeting", "ehlo", "mail", "rcpt", "data"])
async def test_silence_before_the_content_is_not_sent(mail, adapter, verb):
    async with scripted(**{verb: SILENCE}) as server, adapter(server.port, timeout=0.1) as out:
        with pytest.raises(TransientFailure):
            await out.send(mail())
    assert server.saw == []


async def test_silence_after_the_final_dot_is_unknown(mail, adapter):
    async with scripted(dot=SILENCE) as server, adapter(server.port, final_timeout=0.1) as out:
        with pytest.raises(UnknownOutcome, match="may have been delivered"):
            await out.send(mail())
    assert len(server.saw) == 1
    assert EmailSettings(host="x", sender="a@example.org").final_timeout == FINAL_DOT_SECONDS >= 600


async def test_nobody_listens(mail, adapter):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with adapter(closed.getsockname()[1]) as out:
            with pytest.raises(TransientFailure, match=r"127\.0\.0\.1"):
                await out.send(mail())
            with pytest.raises(ConfigurationError, match="check host and port"):
                await out.check()


async def test_sessions_are_kept_and_cleared_after_a_refusal(mail, adapter):
    async with scripted(rcpt=["550 5.1.1 no", "250 ok"]) as server, adapter(server.port) as out:
        with pytest.raises(PermanentFailure):
            await out.send(mail())
        await out.send(mail())
        await out.send(mail())
    assert server.connections == 1
    assert server.commands.count("RSET") == 1
    assert len(server.took) == 2


async def test_a_server_that_wants_content_for_nobody_gets_none(mail, adapter):
    """Pipelined, DATA was already sent when the recipient is refused: the session cannot be used again."""
    script = {"ehlo": "250-scripted\r\n250 PIPELINING", "rcpt": ["550 5.1.1 no", "250 ok"]}
    async with scripted(**script) as server, adapter(server.port) as out:
        with pytest.raises(PermanentFailure):
            await out.send(mail())
        await out.send(mail(text="the second"))
    assert server.connections == 2
    assert len(server.saw) == 1
    assert b"the second" in server.took[0]


@pytest.mark.parametrize("farewell", [DROP, "421 4.4.2 idle too long\r\n" + DROP, "421 4.4.2 idle too long"])
@pytest.mark.parametrize("verb", ["mail", "rcpt"])
async def test_a_session_that_timed_out_is_replaced_without_a_word(mail, adapter, verb, farewell):
    script = {verb: ["250 ok", farewell, "250 ok"]}
    async with scripted(**script) as server, adapter(server.port) as out:
        await out.send(mail())
        await out.send(mail())
    assert server.connections == 2
    assert len(server.took) == 2


async def test_a_farewell_while_idle_is_not_taken_for_an_answer(mail, adapter):
    async with scripted(dot="250 ok\r\n421 4.4.2 bye") as server, adapter(server.port) as out:
        await out.send(mail())
        await out.send(mail())
    assert server.connections == 2
    assert len(server.took) == 2


async def test_a_stale_session_is_asked_first(mail, adapter):
    async with scripted(rset=["250 ok", DROP]) as server, adapter(server.port, stale_after=0.0) as out:
        for _ in range(3):
            await out.send(mail())
    assert server.connections == 2
    assert len(server.took) == 3


async def test_a_loss_after_the_content_is_never_tried_again(mail, adapter):
    async with scripted(dot=["250 ok", DROP, "250 ok"]) as server, adapter(server.port) as out:
        await out.send(mail())
        with pytest.raises(UnknownOutcome):
            await out.send(mail())
    assert len(server.saw) == 2


async def test_no_more_sessions_than_asked(mail, adapter):
    async with scripted() as server, adapter(server.port, sessions=3) as out:
        await asyncio.gather(*(out.send(mail()) for _ in range(30)))
    assert server.connections == 3
    assert len(server.took) == 30


async def test_cancelling_drops_the_session(mail, adapter):
    async with scripted(dot=[SILENCE, "250 ok"]) as server, adapter(server.port, sessions=1) as out:
        task = asyncio.create_task(out.send(mail()))
        async with asyncio.timeout(30):
            await server.content_came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await out.send(mail())
    assert server.connections == 2


async def test_login_and_check(mail, adapter):
    async with scripted() as server, adapter(server.port, username="shop", password="s3cret") as out:
        assert "logged in as shop" in await out.check()
        await out.send(mail())
    async with scripted(auth="535 5.7.8 no") as server, adapter(server.port, username="shop", password="s3cret") as out:
        with pytest.raises(ChannelFault, match="check username and password") as caught:
            await out.check()
        assert "s3cret" not in str(caught.value) + repr(out._settings)
        with pytest.raises(ChannelFault):
            await out.send(mail())
    async with scripted(auth="454 4.7.0 later") as server, adapter(server.port, username="a", password="b") as out:
        with pytest.raises(TransientFailure):
            await out.send(mail())
    async with scripted() as server, adapter(server.port, tls="starttls") as out:
        with pytest.raises(ChannelFault, match="STARTTLS"):
            await out.check()


async def test_smtputf8_only_where_it_is_offered(mail, adapter):
    message = mail(to=Address(EMAIL, "مینا@example.net"))
    async with scripted() as server, adapter(server.port) as out:
        await out.send(message)
        assert "MAIL FROM:<shop@example.org> SMTPUTF8" in server.commands
    async with scripted(ehlo="250 scripted") as server, adapter(server.port) as out:
        with pytest.raises(PermanentFailure) as caught:
            await out.send(message)
        assert caught.value.kind is PermanentKind.UNSUPPORTED


@pytest.mark.parametrize("size", ["500", "0", "", "many", "99999999999999999999999"])
async def test_a_mail_over_the_announced_size_is_refused_before_a_word(mail, adapter, size):
    """RFC 1870: 0 and nothing are no limit; what cannot be read is none either."""
    async with scripted(ehlo=f"250-scripted\r\n250-PIPELINING\r\n250 SIZE {size}".rstrip()) as server:
        async with adapter(server.port, sessions=1) as out:
            if size == "500":
                with pytest.raises(PermanentFailure, match=r"500") as caught:
                    await out.send(mail(text="long " * 200))
                assert (caught.value.kind, caught.value.code) == (PermanentKind.CONTENT_REFUSED, "5.3.4")
                assert not [command for command in server.commands if command.startswith("MAIL")]
                await out.send(mail(text="short"))
            else:
                await out.send(mail(text="long " * 200))
        assert (len(server.took), server.connections) == (1, 1)


async def test_the_servers_report_can_name_our_message(mail, adapter):
    message = mail()
    async with scripted(ehlo="250-scripted\r\n250 DSN") as server, adapter(server.port) as out:
        await out.send(message)
    assert f"MAIL FROM:<shop@example.org> RET=HDRS ENVID={message.id}" in server.commands


@pytest.mark.parametrize(
    "bad", ["a@example.org\r\nRCPT TO:<b@example.org>", "a b@example.org", "x\u2028@example.org", ""]
)
async def test_no_command_is_injected_by_an_address(mail, adapter, bad):
    async with scripted() as server, adapter(server.port) as out:
        with pytest.raises(PermanentFailure):
            await out.send(mail(to=Address(EMAIL, bad)))
    assert server.commands == []
    with pytest.raises(ConfigurationError, match="bounce_address"):
        EmailSettings(host="x", sender="a@example.org", bounce_address=bad or "nobody")
