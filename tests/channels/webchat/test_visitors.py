"""Strangers who begin to write: bounded within an hour, in all and from one network; who is known writes on."""

from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from channels.webchat.frames import identity_proof
from channels.webchat.routes import words
from channels.webchat.settings import WebchatSettings
from channels.webchat.visitors import HOUR, NewVisitors, network_of
from core.errors import ConfigurationError
from core.messages import WEBCHAT
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Identity
from tests.channels.webchat.stage import SECRET, SHOP, Stage, Window, set_stage


@pytest.mark.parametrize(("address", "network"), [
    ("8.8.8.8", "8.8.8.0/24"), ("8.8.8.200", "8.8.8.0/24"), ("8.8.9.1", "8.8.9.0/24"), ("::ffff:8.8.8.8", "8.8.8.0/24"),
    ("2a00:1450:4001::1", "2a00:1450:4001::/48"), ("2a00:1450:4001:ffff::9%eth0", "2a00:1450:4001::/48"),
    ("127.0.0.1", ""), ("10.1.2.3", ""), ("fe80::1", ""), ("testclient", ""), ("", ""),
])  # fmt: skip
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network


def test_an_hour_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("channels.webchat.visitors.uptime", lambda: now)
    bound = NewVisitors(most=3, per_network=2)
    assert [bound.admit(network) for network in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    now = HOUR - 1
    assert not bound.admit("a")
    now = HOUR
    assert [bound.admit("a") for _ in range(3)] == [True, True, False]


def test_networks_that_are_not_known_are_bounded_in_all_only() -> None:
    bound = NewVisitors(most=3, per_network=1)
    assert [bound.admit("") for _ in range(4)] == [True, True, True, False]


def test_a_bound_of_nobody_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="new_visitors: must be at least 1"):
        WebchatSettings("webchat", (SHOP,), new_visitors=0)


def test_it_is_said_in_each_language() -> None:
    assert len({words(locale)["crowded"] for locale in ("en", "ru", "fa")}) == 3


async def _said(stage: Stage, text: str, token: str = "", **hello: str) -> tuple[str, str]:
    async with stage.window(token, **hello) as window:
        answer = await window.say(text, f"key-{text}-{len(hello)}")
        return str(answer.get("why", answer["type"])), window.token


async def test_one_stranger_too_many_is_refused_and_who_is_known_is_not(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path, new_visitors="2") as stage:
        answers = [await _said(stage, f"hello{number}") for number in range(3)]
        assert [why for why, _ in answers] == ["stored", "stored", "crowded"]
        assert (await _said(stage, "again", answers[0][1]))[0] == "stored"
        assert (await _said(stage, "token", answers[2][1]))[0] == "crowded", "a token alone makes nobody known"
        customer = {"customer": "c1", "proof": identity_proof(SECRET, "c1")}
        assert (await _said(stage, "ours", **customer))[0] == "stored"

        async def known() -> bool:
            return len(await stage.rows(Identity, table(Identity).c.channel == WEBCHAT)) == 3

        await stage.until(known)


async def test_one_network_does_not_shut_out_the_others(store: Store, tmp_path: Path) -> None:
    async with set_stage(store, tmp_path, new_visitors_per_network="1") as stage:
        answers = []
        for number, address in enumerate(("8.8.8.8", "8.8.8.9", "8.8.9.8")):
            headers = {"X-Forwarded-For": address}  # as a proxy on this machine says
            url = f"ws://127.0.0.1:{stage.port}/chat/ws"
            async with connect(url, origin=SHOP, additional_headers=headers) as socket:  # type: ignore[arg-type]
                window = Window(socket)
                await window.tell("hello")
                answer = await window.say("hello", f"key-000{number}")
                answers.append(answer.get("why", answer["type"]))
        assert answers == ["stored", "crowded", "stored"]
