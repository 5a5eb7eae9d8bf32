"""The verdict can say no: every kind of disagreement is found."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.ids import new_id
from otklik.demo.oracle import Expected, Send, expect
from otklik.demo.parts import PARTS
from otklik.demo.verify import verify
from storage import migrate
from storage.store import Store
from storage.tables import Campaign, CampaignVersion, Customer, Enrolment, Identity, Message

START = datetime(2026, 12, 1, 10, tzinfo=UTC)
PERSON: dict[str, Any] = {
    "key": "C1", "zone": "Europe/Berlin", "phone": "+442025550123", "mailbox": "ok",
    "telegram": {"user_id": 1, "started": True, "blocked": False}, "script": [],
}  # fmt: skip
KNOWN = {"C1": {"consent": True, "whatsapp": True, "telegram": True}}


def _person(**changes: Any) -> dict[str, Any]:
    return {**PERSON, **changes}


def _rule(channel: str, do: str, hours: float) -> dict[str, Any]:
    return {"on": {"channel": channel, "nth": 1}, "after": hours * 3600, "do": do}


def test_the_silent_get_everything_in_turn() -> None:
    expected = expect([PERSON], KNOWN, START)
    assert expected.sends == {
        Send("C1", "email", START),
        Send("C1", "whatsapp", START + timedelta(days=3)),
        Send("C1", "telegram", START + timedelta(days=5)),
    }
    assert expected.outcomes == {"C1": "exhausted"}


@pytest.mark.parametrize(
    ("person", "channels", "outcome"),
    [
        (_person(script=[_rule("email", "reply", 5)]), ["email"], "answered"),
        (_person(script=[_rule("email", "auto_reply", 5)]), ["email", "whatsapp", "telegram"], "exhausted"),
        (_person(script=[_rule("email", "buy", 80)]), ["email", "whatsapp"], "converted"),
        (_person(script=[_rule("whatsapp", "stop", 1)]), ["email", "whatsapp"], "exited"),
        (_person(mailbox="unknown"), ["whatsapp", "telegram"], "exhausted"),
        (_person(telegram={"user_id": 1, "started": True, "blocked": True}), ["email", "whatsapp", "sms"], "exhausted"),
        (_person(phone="+989000000001"), ["email", "telegram"], "exhausted"),
    ],
)
def test_what_customers_do_decides(person: dict[str, Any], channels: list[str], outcome: str) -> None:
    expected = expect([person], KNOWN, START)
    assert sorted(send.channel for send in expected.sends) == sorted(channels)
    assert expected.outcomes == {"C1": outcome}


def test_nobody_writes_at_night() -> None:
    late = START.replace(hour=21)
    expected = expect([PERSON], KNOWN, late)
    assert min(send.at for send in expected.sends) == datetime(2026, 12, 2, 7, tzinfo=UTC)


async def _store(path: Path) -> tuple[Store, str]:
    """A store with one customer to whom one mail was sent."""
    store = await Store.open(f"sqlite:///{path}/x.sqlite3")
    await migrate.upgrade(store)
    customer = Customer(external_id="C1", created_at=START, updated_at=START)
    campaign = Campaign(name="winback", version="v", created_at=START, updated_at=START)
    identity = Identity(customer_id=customer.id, channel="email", address="c1@example.org", key="k", created_at=START)
    enrolment = Enrolment(campaign_id=campaign.id, customer_id=customer.id, version="v", entered_at=START)
    enrolment.state = "answered"  # type: ignore[assignment]
    message = Message(
        id=new_id(), customer_id=customer.id, identity_id=identity.id, channel="email", state="accepted",
        campaign_id=campaign.id, enrolment_id=enrolment.id, step="letter", leg="main", send_at=START, created_at=START,
    )  # fmt: skip
    async with store.session() as session:
        session.add_all([customer, campaign])
        await session.flush()
        session.add_all([identity, CampaignVersion(hash="v", campaign_id=campaign.id, body={}, created_at=START)])
        await session.flush()
        session.add(enrolment)
        await session.flush()
        session.add(message)
    return store, message.id


def _entry(message_id: str) -> dict[str, Any]:
    return {"accepted": True, "channel": "email", "otklik_id": message_id, "to": "c1@example.org", "provider_id": "q"}


async def test_agreement_and_each_disagreement(tmp_path: Path) -> None:
    store, message_id = await _store(tmp_path)
    right = Expected(frozenset({Send("C1", "email", START)}), {"C1": "answered"}, frozenset())

    async def problems(ledger: list[dict[str, Any]], expected: Expected) -> str:
        return "\n".join((await verify(store, ledger, [PERSON], expected)).problems)

    async with store:
        assert await problems([_entry(message_id)], right) == ""
        assert "more than once" in await problems([_entry(message_id)] * 2, right)
        assert "no provider accepted" in await problems([], right)
        assert "does not have as sent" in await problems([_entry(message_id), _entry("stranger")], right)
        nothing = Expected(frozenset(), {"C1": "answered"}, frozenset())
        assert "were not expected" in await problems([_entry(message_id)], nothing)
        later = Expected(frozenset({Send("C1", "email", START + timedelta(hours=1))}), {"C1": "answered"}, frozenset())
        assert "did not happen" in await problems([_entry(message_id)], later)
        otherwise = Expected(right.sends, {"C1": "converted"}, frozenset())
        assert "ended otherwise" in await problems([_entry(message_id)], otherwise)
        uninvited = Expected(right.sends, {}, frozenset())
        assert "not in the audience" in await problems([_entry(message_id)], uninvited)
        unheard = await verify(store, [_entry(message_id)], [PERSON], right, lost=2)
        assert any("2 requests" in problem for problem in unheard.problems)
        verdict = await verify(store, [_entry(message_id)], [PERSON], right, must=PARTS)
        assert any("no customer did this" in problem for problem in verdict.problems)
