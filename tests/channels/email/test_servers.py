"""Several servers: shares, paces, rests; a mail changes servers only while it is proven not sent."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from channels.email import servers
from channels.email.servers import FIRST_REST, LONGEST_REST, Rota, Server, read_server
from channels.email.settings import EmailSettings
from core.errors import ChannelFault, ConfigurationError, PermanentFailure, TransientFailure, UnknownOutcome
from otklik.demo.processes import kept_port
from tests.channels.email.scripted import DROP, scripted


@pytest.fixture
def clock(monkeypatch):
    """Machine uptime that the test moves."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(servers, "uptime", lambda: Clock.now)
    return Clock


@pytest.fixture
def account(adapter):
    """An adapter over several scripted servers."""

    def opened(first, *others, queries=(), **changes):
        queries = [*queries, *[""] * len(others)]
        urls = ",".join(
            f"smtp://127.0.0.1:{other.port}?tls=none{query}" for other, query in zip(others, queries, strict=False)
        )
        return adapter(first.port, servers=urls, **changes)

    return opened


async def test_shares_follow_the_weights():
    rota, shares = Rota([Server("a"), Server("b", weight=3), Server("c", weight=2)]), Counter()
    for number in range(600):
        turns = await rota.take()
        shares[turns.server.host] += 1
        rota.give_back(turns)
        if number == 5:  # smooth: nobody waits for others' whole share to pass
            assert shares == {"a": 1, "b": 3, "c": 2}
    assert shares == {"a": 100, "b": 300, "c": 200}


async def test_what_goes_ahead_follows_the_weights_too():
    rota, shares = Rota([Server("a"), Server("b", weight=3)]), Counter()
    turns = await rota.take()
    for _ in range(400):
        shares[turns.server.host] += 1
        if not rota.stays(turns):
            rota.give_back(turns)
            turns = await rota.take()
    assert shares == {"a": 100, "b": 300}


async def test_a_pace_is_never_exceeded_and_nearly_reached(clock, monkeypatch):
    rota, taken = Rota([Server("a", rate=50, sessions=100)]), []

    async def one():
        while clock.now < 1010:
            turns = await rota.take()
            taken.append(clock.now)
            rota.give_back(turns)

    class Timeout:  # time passes only while somebody waits for it, and always a little late
        def __init__(self, seconds):
            self.seconds = seconds

        async def __aenter__(self):
            clock.now += self.seconds + 0.001
            raise TimeoutError

        async def __aexit__(self, *_):
            return False

    monkeypatch.setattr(servers.asyncio, "timeout", Timeout)
    await one()
    assert 0.95 * 500 <= len(taken) <= 501
    assert all(later - earlier > 1.0 - 1e-6 for earlier, later in zip(taken, taken[50:], strict=False))


def test_rests_double_and_end(clock):
    [turns] = Rota([Server("a", sessions=3)])._all
    waits = []
    for _ in range(9):
        turns.rest(clock.now, "no")
        turns.rest(clock.now, "no")  # sessions that failed together count once
        waits.append(turns.rests_until - clock.now)
        clock.now = turns.rests_until
    assert waits == [FIRST_REST, 2, 4, 8, 16, 32, LONGEST_REST, LONGEST_REST, LONGEST_REST]
    turns.take(clock.now)
    assert turns.free_at(clock.now) is None  # one session tries it, the others wait for what comes of that
    turns.worked()
    assert turns.free_at(clock.now) == clock.now


async def test_all_at_rest_is_said_with_when(clock):
    rota = Rota([Server("a"), Server("b")])
    for turns in rota._all:
        turns.rest(clock.now, f"{turns.server.host} is full")
    with pytest.raises(TransientFailure, match="a is full; it is tried again in 1 s") as caught:
        await rota.take()
    assert caught.value.retry_after == FIRST_REST


async def test_mail_is_shared_out(mail, account):
    async with scripted() as first, scripted() as second, account(first, second, queries=["&weight=3"]) as out:
        for _ in range(40):
            await out.send(mail())
    assert (len(first.took), len(second.took)) == (10, 30)


AWAY = [
    {"greeting": "421 4.3.2 closing"},
    {"greeting": DROP},
    {"greeting": "554 5.7.1 go away"},
    {"mail": "421 4.7.0 too many connections"},
    {"mail": "451 4.7.1 slow down"},
    {"rcpt": "421 4.3.2 closing"},
    {"auth": "535 5.7.8 no"},
]


@pytest.mark.parametrize("script", AWAY, ids=str)
async def test_a_server_that_turns_us_away_rests_and_the_others_go_on(mail, account, script, monkeypatch):
    monkeypatch.setattr(servers, "FIRST_REST", 60.0)  # not over before the test is
    login = {"username": "shop", "password": "s3cret"} if "auth" in script else {}
    async with scripted(**script) as first, scripted() as second, account(first, second, **login) as out:
        messages = [mail() for _ in range(30)]
        await asyncio.gather(*(out.send(message) for message in messages))
    assert len(second.took) == 30
    assert len(set(second.took)) == 30
    assert first.saw == []
    assert first.connections <= 4


async def test_nobody_listens_at_one_of_them(mail, adapter):
    with kept_port() as closed:
        async with scripted() as server, adapter(closed, servers=f"smtp://127.0.0.1:{server.port}?tls=none") as out:
            for _ in range(5):
                await out.send(mail())
    assert len(server.took) == 5


@pytest.mark.parametrize(
    ("script", "raised"),
    [
        ({"rcpt": "451 4.7.1 greylisted"}, TransientFailure),
        ({"rcpt": "550 5.1.1 nobody"}, PermanentFailure),
        ({"dot": "554 5.7.1 spam"}, PermanentFailure),
        ({"dot": DROP}, UnknownOutcome),
        ({"content": DROP}, UnknownOutcome),
        ({"dot": "451 4.3.0 later"}, TransientFailure),
    ],
    ids=str,
)
async def test_what_one_server_says_of_a_mail_no_other_is_asked(mail, account, script, raised):
    async with scripted(**script) as first, scripted() as second, account(first, second) as out:
        with pytest.raises(raised):
            await out.send(mail())
    assert second.commands == []


async def test_when_all_turn_us_away_the_last_word_counts_then_nobody_is_asked(mail, account, monkeypatch):
    monkeypatch.setattr(servers, "FIRST_REST", 60.0)  # both still rest when the second mail comes
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(scripted(greeting="421 4.3.2 full"))
        second = await stack.enter_async_context(scripted(greeting="554 5.7.1 listed"))
        out = await stack.enter_async_context(account(first, second))
        with pytest.raises(ChannelFault, match="listed"):
            await out.send(mail())
        with pytest.raises(TransientFailure) as caught:
            await out.send(mail())
        assert 0 < caught.value.retry_after <= 60.0
    assert (first.connections, second.connections) == (1, 1)


async def test_a_server_comes_back_by_one_try(mail, account, monkeypatch):
    monkeypatch.setattr(servers, "FIRST_REST", 0.05)
    script = {"greeting": ["421 4.3.2 full", "220 back"]}
    async with scripted(**script) as first, scripted() as second, account(first, second) as out:
        async with asyncio.timeout(60):
            while not first.took:
                await out.send(mail())
        for _ in range(10):
            await out.send(mail())
    assert first.connections == 2
    assert len(first.took) >= 5


async def test_each_server_is_checked(account):
    async with scripted() as first, scripted() as second, account(first, second) as out:
        said = await out.check()
        assert out.capabilities.sessions == 8
    assert f"127.0.0.1:{first.port} takes mail" in said
    assert f"127.0.0.1:{second.port} takes mail" in said


def test_a_url_says_everything():
    assert read_server("smtps://vera%40shop:p%2Cs%3A1@relay.example.com?weight=3&rate=2.5&sessions=9", 4) == Server(
        "relay.example.com", 465, "tls", "vera@shop", "p,s:1", 3, 2.5, 9
    )
    assert read_server("smtp://relay.example.com", 4) == Server("relay.example.com", 587, "starttls")
    assert read_server("smtp://[::1]:2525?tls=none", 2) == Server("::1", 2525, "none", sessions=2)


@pytest.mark.parametrize(
    "url",
    [
        "relay.example.com", "http://relay.example.com", "smtp://", "smtp://:secret@", "smtp://relay.example.com:x",
        "smtp://relay.example.com?wieght=3", "smtp://relay.example.com?weight", "smtp://relay.example.com?weight=0",
        "smtp://relay.example.com?rate=-1", "smtp://relay.example.com?sessions=0", "smtp://relay.example.com/path",
        "smtp://u:secret@relay.example.com?tls=maybe", "smtps://relay.example.com?tls=starttls",
        "smtp://u:secret@relay.example.com:99999",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url):
    with pytest.raises(ConfigurationError, match=r"^servers: ") as caught:
        EmailSettings(host="x", sender="shop@example.org", servers=f"smtp://good.example.com {url}")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(EmailSettings(host="x", sender="s@example.org", servers="smtp://u:secret@h"))
