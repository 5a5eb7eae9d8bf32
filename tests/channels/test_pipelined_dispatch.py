"""What is announced as following is sent next, or given back, and is journalled at its own turn."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from channels.adapter import Capabilities
from channels.dispatch import ChannelDispatcher
from channels.journal import Journal, read_dead
from channels.rates import RateGate
from core.dispatching import Claim, Ended, Ready
from core.errors import ChannelFault
from core.ids import new_id, new_ids
from core.messages import EMAIL, Address, OutboundMessage, Receipt
from core.outcomes import OutcomeKind
from core.purposes import Purpose
from core.wakeup import LocalWakeup

SOON = 60.0


class Outbox:
    """Gives its messages once, allows everything, keeps the outcomes."""

    lease_seconds = 60.0

    def __init__(self, number: int) -> None:
        self.waiting = [
            Claim(id_, 1, new_id(), new_id(), Address(EMAIL, "mina@example.net"), Purpose.MARKETING)
            for id_ in new_ids(number)
        ]
        self.ids = [claim.message_id for claim in self.waiting]
        self.ended: dict[str, Ended] = {}
        self.attempts: dict[str, str] = {}
        self.all_ended = asyncio.Event()
        self.gave_back = asyncio.Event()

    async def claim(self, channel: str, limit: int) -> list[Claim]:
        claims, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return claims

    async def unclaim(self, held: Sequence[Claim]) -> None:
        self.waiting += held

    async def refuse(self, message_ids: Sequence[str], reason: str) -> None:
        raise AssertionError(reason)

    async def begin(self, batch: Sequence[Ready]) -> set[str]:
        self.attempts |= {ready.attempt_id: ready.claim.message_id for ready in batch}
        return {ready.claim.message_id for ready in batch}

    async def record(self, ended: Sequence[Ended]) -> None:
        for end in ended:
            assert end.message_id not in self.ended
            self.ended[end.message_id] = end
            if end.outcome.kind is OutcomeKind.NOT_SENT:
                self.gave_back.set()
        if len(self.ended) == len(self.ids):
            self.all_ended.set()

    def of(self, kind: OutcomeKind) -> set[str]:
        return {id_ for id_, end in self.ended.items() if end.outcome.kind is kind}


class Composer:
    """Composes the plainest of mails."""

    async def compose(self, claims: Sequence[Claim]) -> Mapping[str, OutboundMessage | str]:
        return {one.message_id: OutboundMessage(one.message_id, one.to, one.purpose, "Hello") for one in claims}


class SlowComposer(Composer):
    """Whose first batch is ready when the second one has been asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.second = asyncio.Event()

    async def compose(self, claims: Sequence[Claim]) -> Mapping[str, OutboundMessage | str]:
        self.asked += 1
        if self.asked == 1:
            await self.second.wait()
        else:
            self.second.set()
        return await super().compose(claims)


class Provider:
    """Takes every mail and keeps who was announced; ``meanwhile`` is awaited in every send."""

    account = "email"

    def __init__(self, sessions: int, meanwhile: Callable[[str], Awaitable[None]]) -> None:
        self.capabilities = Capabilities(EMAIL, 100_000, sessions=sessions)
        self.announced: list[str] = []
        self.abandoned: list[str] = []
        self.left = asyncio.Event()
        self.taken: list[str] = []
        self._meanwhile = meanwhile

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> str:
        return ""

    async def send(self, message: OutboundMessage) -> Receipt:
        return await self.send_before(message, None)

    async def send_before(self, message: OutboundMessage, following: OutboundMessage | None) -> Receipt:
        if following is not None:
            self.announced.append(following.id)
        self.taken.append(message.id)
        await self._meanwhile(message.id)
        return Receipt(message.id)

    def abandon(self, message: OutboundMessage) -> None:
        self.abandoned.append(message.id)
        self.left.set()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def dispatcher(provider: Provider, outbox: Outbox, journal: Journal) -> ChannelDispatcher:
    rates = RateGate({"email": provider.capabilities})
    return ChannelDispatcher(provider, outbox, Composer(), rates, journal, LocalWakeup())


async def stopped(running: "asyncio.Task[None]") -> None:
    running.cancel()
    await asyncio.wait([running], timeout=SOON)


async def test_what_is_announced_comes_next(journal: Journal) -> None:
    async def nothing(_: str) -> None:
        await asyncio.sleep(0)

    outbox = Outbox(300)
    provider = Provider(1, nothing)
    running = asyncio.create_task(dispatcher(provider, outbox, journal).run())
    await asyncio.wait_for(outbox.all_ended.wait(), SOON)
    await stopped(running)
    assert provider.taken == outbox.ids
    assert len(provider.announced) > 200
    assert not provider.abandoned
    after = dict(zip(provider.taken, provider.taken[1:], strict=False))
    assert set(provider.announced) <= set(after.values())
    assert outbox.of(OutcomeKind.ACCEPTED) == set(outbox.ids)


async def test_the_next_batch_is_composed_meanwhile_and_goes_after(journal: Journal) -> None:
    async def nothing(_: str) -> None:
        await asyncio.sleep(0)

    outbox = Outbox(6)
    provider = Provider(1, nothing)
    rates = RateGate({"email": provider.capabilities})
    one = ChannelDispatcher(provider, outbox, SlowComposer(), rates, journal, LocalWakeup(), batch=1)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(SOON):
        await outbox.all_ended.wait()
    await stopped(running)
    assert provider.taken == outbox.ids


async def test_what_is_announced_is_not_journalled_before_its_turn(journal: Journal) -> None:
    """So that a kill leaves no more unknown than there are sessions."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hang(_: str) -> None:
        if len(provider.taken) == 2:
            begun.set()
            await go_on.wait()
        elif len(provider.taken) > 2:
            await go_on.wait()

    outbox = Outbox(50)
    provider = Provider(2, hang)
    running = asyncio.create_task(dispatcher(provider, outbox, journal).run())
    await asyncio.wait_for(begun.wait(), SOON)
    content = journal.path.read_bytes().splitlines()
    started = {outbox.attempts[line[1:].decode()] for line in content if line.startswith(b"S")}
    done = {outbox.attempts[line[1:].split()[0].decode()] for line in content if line.startswith(b"E")}
    assert provider.announced
    assert len(started - done) <= 2
    assert not set(provider.announced) - set(provider.taken) & started
    go_on.set()
    await asyncio.wait_for(outbox.all_ended.wait(), SOON)
    await stopped(running)
    journal.close(remove=False)
    marks = read_dead(journal.path)
    assert marks is not None
    assert len(marks[0]) == len(marks[1]) == 50


async def test_a_stop_gives_back_what_was_announced(journal: Journal) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hang(_: str) -> None:
        if len(provider.taken) == 2:
            begun.set()
        await go_on.wait()

    outbox = Outbox(30)
    provider = Provider(2, hang)
    running = asyncio.create_task(dispatcher(provider, outbox, journal).run())
    await asyncio.wait_for(begun.wait(), SOON)
    running.cancel()
    await asyncio.wait_for(outbox.gave_back.wait(), SOON)
    go_on.set()
    await asyncio.wait([running], timeout=SOON)
    assert outbox.of(OutcomeKind.ACCEPTED) == set(provider.taken)
    assert len(provider.taken) == 2
    begun_ids = set(outbox.attempts.values())
    assert outbox.of(OutcomeKind.NOT_SENT) == begun_ids - set(provider.taken) > set()
    assert set(provider.abandoned) >= set(provider.announced) - set(provider.taken)


async def test_a_fault_gives_back_what_was_announced(journal: Journal) -> None:
    async def fail(_: str) -> None:
        raise ChannelFault("the login is wrong")

    outbox = Outbox(30)
    provider = Provider(1, fail)
    running = asyncio.create_task(dispatcher(provider, outbox, journal).run())
    await asyncio.wait_for(provider.left.wait(), SOON)
    await stopped(running)
    assert len(provider.taken) == 1
    assert set(provider.announced) <= set(provider.abandoned)
    assert outbox.of(OutcomeKind.NOT_SENT) >= set(provider.announced) | set(provider.taken)


async def test_a_send_that_outlasts_the_grace_leaves_only_itself_unknown(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.dispatch.GRACE_SECONDS", 0.2)
    begun = asyncio.Event()

    async def hang(_: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    outbox = Outbox(10)
    provider = Provider(1, hang)
    running = asyncio.create_task(dispatcher(provider, outbox, journal).run())
    await asyncio.wait_for(begun.wait(), SOON)
    await stopped(running)
    assert outbox.of(OutcomeKind.UNKNOWN) == set(provider.taken)
    assert outbox.of(OutcomeKind.NOT_SENT) == set(outbox.attempts.values()) - set(provider.taken)
    assert set(provider.announced) <= outbox.of(OutcomeKind.NOT_SENT)
