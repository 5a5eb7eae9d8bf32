"""The verdict: the providers' ledgers, the store and the oracle must tell the same story."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.machines.message import MessageState
from core.messages import CHANNELS, EMAIL, TELEGRAM
from core.statuses import SENT
from otklik.demo.oracle import Expected, Send
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Enrolment, Message

SHOWN = 5
LEDGER = ("channel", "otklik_id", "to", "provider_id")
"""What is kept in memory of an entry: not the texts of tens of thousands of messages."""


@dataclass(slots=True)
class Verdict:
    """Disagreements in words; none of them means that all three agree."""

    problems: list[str] = field(default_factory=list)
    accepted: int = 0
    expected: int = 0
    duplicates: int = 0
    unknown: int = 0

    @property
    def agrees(self) -> bool:
        return not self.problems


async def verify(
    store: Store,
    ledger: Iterable[Mapping[str, Any]],
    people: Iterable[Mapping[str, Any]],
    expected: Expected,
    *,
    must: Collection[str] = (),
    lost: int = 0,
) -> Verdict:
    """Compare; all of ``must`` (deeds of customers, channels that carry something) must have occurred at least once.

    ``lost`` counts what customers did that the sender never heard of: a request of theirs that nobody answered.
    """
    verdict = Verdict(expected=len(expected.sends))
    accepted = [
        {name: entry[name] for name in LEDGER} for entry in ledger if entry["accepted"] and not _to_a_group(entry)
    ]
    verdict.accepted = len(accepted)
    ours = await _sent(store)
    _match(verdict, accepted, ours)
    _compare_sends(verdict, ours, people, expected.sends)
    await _compare_outcomes(verdict, store, expected.outcomes)
    if lost:
        verdict.problems.append(f"the sender answered {lost} requests of customers and providers not at all")
    _everything_occurred(verdict, must, expected, ours)
    return verdict


@dataclass(frozen=True, slots=True)
class _Ours:
    key: tuple[str, str]
    id: str
    customer: str
    channel: str
    leg: str
    of_campaign: bool
    send_at: datetime
    state: MessageState


async def _sent(store: Store) -> list[_Ours]:
    """Messages of the store that left, by the key under which the provider's ledger has them."""
    messages, customers = table(Message), table(Customer)
    async with store.read() as connection:
        rows = await connection.execute(
            select(
                messages.c.id,
                messages.c.channel,
                messages.c.provider_id,
                messages.c.customer_id,
                messages.c.leg,
                messages.c.campaign_id,
                messages.c.send_at,
                messages.c.state,
                customers.c.external_id,
            )
            .join(customers, customers.c.id == messages.c.customer_id)
            .where(messages.c.direction == "out", messages.c.state.in_(SENT))
        )
        return [
            _Ours(
                key=(row.channel, row.id if row.channel == EMAIL else row.provider_id or ""),
                id=row.id,
                customer=row.external_id or row.customer_id,
                channel=row.channel,
                leg=row.leg,
                of_campaign=row.campaign_id is not None,
                send_at=row.send_at,
                state=row.state,
            )
            for row in rows
        ]


def _to_a_group(entry: Mapping[str, Any]) -> bool:
    """Whether it is what staff see in their own group: no customer gets it."""
    return bool(entry["channel"] == "telegram_group")


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Under which key the store knows a ledger entry."""
    if entry["channel"] == EMAIL:
        return EMAIL, str(entry["otklik_id"])
    if entry["channel"] == TELEGRAM:
        return TELEGRAM, f"{entry['to']}:{entry['provider_id']}"
    return entry["channel"], str(entry["provider_id"])


def _match(verdict: Verdict, accepted: Sequence[Mapping[str, Any]], ours: Sequence[_Ours]) -> None:
    """Every accepted entry is one message of ours and the other way round; unknown ones may be either."""
    known = {message.key: message for message in ours}
    counted = Counter(_key(entry) for entry in accepted)
    twice = [key for key, number in counted.items() if number > 1]
    verdict.duplicates = sum(counted[key] - 1 for key in twice)
    if twice:
        verdict.problems.append(f"{len(twice)} messages reached a provider more than once, such as {twice[:SHOWN]}")
    verdict.unknown = sum(message.state is MessageState.UNKNOWN for message in ours)
    strangers = [key for key in counted if key not in known]
    if len(strangers) > verdict.unknown:
        verdict.problems.append(f"providers accepted {len(strangers)} messages that the store does not have as sent, "
                                f"such as {strangers[:SHOWN]}")  # fmt: skip
    lost = [key for key, message in known.items() if key not in counted and message.state is not MessageState.UNKNOWN]
    if lost:
        verdict.problems.append(f"the store has {len(lost)} messages as sent that no provider accepted: {lost[:SHOWN]}")


def _compare_sends(
    verdict: Verdict,
    ours: Sequence[_Ours],
    people: Iterable[Mapping[str, Any]],
    expected: frozenset[Send],
) -> None:
    """The campaign's messages against the oracle's: who, on which channel, planned for when."""
    names = {person["key"] for person in people}
    did = {
        Send(message.customer, message.channel, message.send_at)
        for message in ours
        if message.of_campaign and message.customer in names
    }
    missing, surplus = sorted(expected - did, key=str), sorted(did - expected, key=str)
    if missing:
        verdict.problems.append(f"{len(missing)} expected sends did not happen, such as {_shown(missing)}")
    if surplus:
        verdict.problems.append(f"{len(surplus)} sends were not expected, such as {_shown(surplus)}")


def _shown(sends: Sequence[Send]) -> str:
    return "; ".join(f"{send.customer} by {send.channel} at {send.at:%Y-%m-%d %H:%M}" for send in sends[:SHOWN])


async def _compare_outcomes(verdict: Verdict, store: Store, expected: Mapping[str, str]) -> None:
    enrolments, customers = table(Enrolment), table(Customer)
    async with store.read() as connection:
        rows = await connection.execute(
            select(customers.c.external_id, enrolments.c.state).join(
                customers, customers.c.id == enrolments.c.customer_id
            )
        )
        did = {row.external_id: row.state.value for row in rows}
    wrong = [
        f"{key}: {did.get(key, 'never entered')}, expected {outcome}"
        for key, outcome in expected.items()
        if did.get(key) != outcome
    ]
    uninvited = sorted(set(did) - set(expected))
    if wrong:
        verdict.problems.append(f"{len(wrong)} journeys ended otherwise: {'; '.join(wrong[:SHOWN])}")
    if uninvited:
        verdict.problems.append(f"{len(uninvited)} entered who are not in the audience: {uninvited[:SHOWN]}")


def _everything_occurred(verdict: Verdict, must: Collection[str], expected: Expected, ours: Sequence[_Ours]) -> None:
    silent = sorted({*must} - {*CHANNELS} - expected.deeds)
    if silent:
        verdict.problems.append(f"no customer did this, take more customers or another seed: {', '.join(silent)}")
    unused = sorted({*must} & {*CHANNELS} - {message.channel for message in ours})
    if unused:
        verdict.problems.append(f"these channels carried nothing: {', '.join(unused)}")
