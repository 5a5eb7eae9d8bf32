"""Dispatch: claimed messages go through the socket, one lane a channel, so that a slow provider slows nobody else.

Per channel: claim a batch → compose → take rate tokens → commit the attempts → sessions send → outcomes are recorded in
groups. Order matters more than speed: nothing touches a socket whose attempt is not committed, and nothing is sent
twice whose outcome is not known.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog

from channels.adapter import Adapter, Pipelines, Weighs
from channels.journal import Journal
from channels.rates import RateGate
from channels.resting import Rest
from core.clock import uptime
from core.dispatching import Claim, Ended, Ready
from core.errors import ChannelFault, ConfigurationError, ProviderAway, StoreUnavailable, TransactionLost
from core.ids import new_ids
from core.messages import OutboundMessage
from core.outcomes import Outcome, OutcomeKind, outcome_of
from core.wakeup import JOURNEYS, Wakeup, outbox

log = structlog.get_logger(__name__)

BATCH = 200
GROUP_SECONDS = 0.1
IDLE_SECONDS = 1.0
LEASE_MARGIN = 0.5
"""A message starts only in the first half of its lease: local and database time may drift apart."""
GRACE_SECONDS = 10.0
_STOPPED = "stopped before its turn"


class Outbox(Protocol):
    """Where claims come from and outcomes go."""

    @property
    def lease_seconds(self) -> float: ...

    async def claim(self, channel: str, limit: int) -> list[Claim]: ...

    async def unclaim(self, held: Sequence[Claim]) -> None: ...

    async def refuse(self, message_ids: Sequence[str], reason: str) -> None: ...

    async def begin(self, batch: Sequence[Ready]) -> set[str]: ...

    async def record(self, ended: Sequence[Ended]) -> None: ...


class Composer(Protocol):
    """Makes messages out of claims. A claim that cannot be composed maps to the reason, in words."""

    async def compose(self, claims: Sequence[Claim]) -> Mapping[str, OutboundMessage | str]: ...


@dataclass(slots=True, eq=False)
class _Started:
    """A committed attempt on its way to a session. ``deadline`` is machine uptime."""

    ready: Ready
    message: OutboundMessage
    deadline: float


class _Fed(NamedTuple):
    """Claims that are being composed, or are already. ``claimed_at`` is machine uptime."""

    claims: Sequence[Claim]
    composing: asyncio.Future[Mapping[str, OutboundMessage | str]]
    claimed_at: float


class ChannelDispatcher:
    """Runs one adapter's messages from claim to record. Start it with :meth:`run`; cancel to stop."""

    def __init__(
        self,
        adapter: Adapter,
        outbox: Outbox,
        composer: Composer,
        rates: RateGate,
        journal: Journal,
        wakeup: Wakeup,
        *,
        batch: int = BATCH,
    ) -> None:
        self.adapter = adapter
        self.channel = adapter.capabilities.channel
        self.rest = Rest(self.channel, adapter.account)
        self._outbox = outbox
        self._composer = composer
        self._rates = rates
        self._journal = journal
        self._wakeup = wakeup
        self._batch = batch
        self._sessions = adapter.capabilities.sessions
        self._ahead = max(adapter.capabilities.sessions, rates.ahead(adapter.account, 2 * batch))
        self._ready: asyncio.Queue[_Started | None] = asyncio.Queue()  # bounded by what is begun
        self._room = asyncio.Event()
        self._aside: set[_Started] = set()
        self._ended: asyncio.Queue[Ended | None] = asyncio.Queue()  # bounded by what was begun
        self._pipelines = adapter if isinstance(adapter, Pipelines) else None
        self._weighs = adapter if isinstance(adapter, Weighs) else None
        self._fed: asyncio.Queue[_Fed] = asyncio.Queue(1)
        self._feeding = 0
        self._stopping = False
        self._begun = 0
        self._rate_seen = float(self._sessions)

    @property
    def fault(self) -> str:
        """Why the channel cannot send at present, empty while it can."""
        return self.rest.why

    @property
    def busy(self) -> bool:
        """Whether anything is between claim and record."""
        return self._feeding > 0 or self._begun > 0

    async def run(self) -> None:
        """Work until cancelled. On cancellation running sends may end and everything known is recorded."""
        sessions = [asyncio.create_task(self._session()) for _ in range(self._sessions)]
        recorder = asyncio.create_task(self._recorder())
        feeders = [asyncio.create_task(self._feed()), asyncio.create_task(self._begin_for_ever())]
        try:
            done, _ = await asyncio.wait([*feeders, recorder, *sessions], return_when=asyncio.FIRST_COMPLETED)
            for task in done:  # none of them ends by itself: what ended, failed
                task.result()
        finally:
            for feeder in feeders:
                feeder.cancel()
            await asyncio.wait(feeders)
            while not self._fed.empty():
                self._fed.get_nowait().composing.cancel()
            await self._drain(sessions)
            self._ended.put_nowait(None)
            # the journal keeps what could not be recorded
            _, late = await asyncio.wait([recorder], timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()

    async def _drain(self, sessions: Sequence[asyncio.Task[None]]) -> None:
        """Give back what has not started; let what is in a socket end, for a while."""
        self._stopping = True
        while not self._ready.empty():
            started = self._ready.get_nowait()
            if started is not None:
                self._ended.put_nowait(_not_started(started, _STOPPED))
        while self._aside:
            self._ended.put_nowait(_not_started(self._aside.pop(), _STOPPED))
        for _ in sessions:
            self._ready.put_nowait(None)
        _, late = await asyncio.wait(sessions, timeout=GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _feed(self) -> None:
        away = False
        while True:
            try:
                moved, away = await self._feed_once(), False
            except StoreUnavailable as error:
                if not away:
                    log.warning("store is away, sending stops", channel=self.channel, error=str(error))
                moved, away = False, not isinstance(error, TransactionLost)
            if not moved:
                await self._wakeup.wait(outbox(self.channel), IDLE_SECONDS)

    async def _feed_once(self) -> bool:
        """Claim one batch and let it be composed, while the one before it is begun; False if there is nothing to do."""
        if self._rate_seen < self._batch:  # slow: what is claimed early only stands in the way of replies
            await self._fed.join()
        if self.rest.now:
            return False
        self._feeding += 1  # from before the claim: an idle check must not fall between
        try:
            claims = await self._outbox.claim(self.channel, self._limit())
            if not claims:
                return False
            fed = _Fed(claims, asyncio.ensure_future(self._composer.compose(claims)), uptime())
            try:
                await self._fed.put(fed)
            except asyncio.CancelledError:
                fed.composing.cancel()
                raise
            self._feeding += 1  # until it is begun
        finally:
            self._feeding -= 1
        return True

    async def _begin_for_ever(self) -> None:
        while True:
            claims, composing, claimed_at = await self._fed.get()
            try:
                await self._begin_in_groups(claims, await composing, claimed_at)
            except StoreUnavailable as error:  # what has begun stays so
                log.info("store is away, claims are given back", channel=self.channel, error=str(error))
                await self._unclaim(claims)
            finally:
                self._feeding -= 1
                self._fed.task_done()

    async def _unclaim(self, claims: Sequence[Claim]) -> None:
        """Without this they would wait until their lease is over."""
        with contextlib.suppress(StoreUnavailable):
            await self._outbox.unclaim(claims)

    def _limit(self) -> int:
        """No more than can start well within the lease, at the pace seen so far."""
        return max(2 * self._sessions, min(self._batch, int(self._rate_seen * self._outbox.lease_seconds / 8)))

    async def _begin_in_groups(
        self, claims: Sequence[Claim], composed: Mapping[str, OutboundMessage | str], claimed_at: float
    ) -> None:
        """Commit attempts no further ahead than can leave in a moment: what has begun sees no stop any more."""
        last_start = claimed_at + self._outbox.lease_seconds * LEASE_MARGIN
        sendable: list[tuple[Claim, OutboundMessage]] = []
        for held in claims:
            message = composed.get(held.message_id, "nothing was composed")
            if isinstance(message, str):
                log.warning("message cannot be composed", message=held.message_id, reason=message)
                await self._outbox.refuse([held.message_id], message)
            else:
                sendable.append((held, message))
        at = 0
        while at < len(sendable):
            enough = min(len(sendable) - at, self._ahead // 2)
            while (room := self._ahead - self._ready.qsize()) < enough and uptime() <= last_start:
                self._room.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GROUP_SECONDS):
                        await self._room.wait()
            if uptime() > last_start or self.rest.now:
                await self._outbox.unclaim([held for held, _ in sendable[at:]])
                break
            await self._begin(sendable[at : at + max(1, room)])
            at += max(1, room)

    async def _begin(self, group: Sequence[tuple[Claim, OutboundMessage]]) -> None:
        batch = [
            Ready(held, attempt, self.adapter.account, message.subject, message.text)
            for (held, message), attempt in zip(group, new_ids(len(group)), strict=True)
        ]
        begun_at = uptime()
        allowed = await self._outbox.begin(batch)
        self._begun += len(allowed)
        deadline = begun_at + self._outbox.lease_seconds * LEASE_MARGIN
        for ready, (_, message) in zip(batch, group, strict=True):
            if ready.claim.message_id in allowed:
                self._ready.put_nowait(_Started(ready, message, deadline))

    async def _session(self) -> None:
        following: _Started | None = None
        while (started := following or await self._ready.get()) is not None:
            following = None
            self._room.set()
            try:
                may_start = await self._its_turn(started)
            except asyncio.CancelledError:
                self._ended.put_nowait(_not_started(started, _STOPPED))
                raise
            if not may_start:
                if self._pipelines is not None:
                    self._pipelines.abandon(started.message)
                continue
            following = self._following()
            try:
                await self._send(started, following)
            except asyncio.CancelledError:
                if following is not None:
                    self._ended.put_nowait(_not_started(following, _STOPPED))
                raise

    async def _its_turn(self, started: _Started) -> bool:
        """Wait for its turn; False if it does not start now: it is given back, or waits aside for its recipient."""
        why_not, account = self._why_not(started), self.adapter.account
        if not why_not:
            try:
                weight = self._weighs.weight(started.message) if self._weighs is not None else 1
                wait = await self._rates.turn(account, started.message.to.value, weight)
                if wait:
                    self._put_aside(started, wait)
                    return False
                why_not = self._why_not(started)
            except StoreUnavailable as error:
                why_not = str(error)
        if why_not:
            self._ended.put_nowait(_not_started(started, why_not))
        return not why_not

    def _put_aside(self, started: _Started, seconds: float) -> None:
        """Let others go before it until its recipient's turn comes; too late for its lease, it is given back."""
        if uptime() + seconds >= started.deadline:
            self._ended.put_nowait(_not_started(started, "its recipient's turn is later", seconds))
            return

        def again() -> None:
            if started in self._aside:
                self._aside.discard(started)
                self._ready.put_nowait(started)

        self._aside.add(started)
        asyncio.get_running_loop().call_later(seconds, again)

    def _why_not(self, started: _Started) -> str:
        """Why it must not start any more, empty if it may."""
        if self._stopping:
            return _STOPPED
        if uptime() >= started.deadline:
            return "its lease ran out before its turn"
        return self.rest.why if self.rest.now else ""

    def _following(self) -> _Started | None:
        """What this session sends next: only while more waits than the others could take at once."""
        if self._pipelines is None or self._ready.qsize() <= self._sessions:
            return None
        return self._ready.get_nowait()

    async def _send(self, started: _Started, following: _Started | None) -> None:
        attempt = started.ready.attempt_id
        self._journal.start(attempt)
        outcome = Outcome(OutcomeKind.UNKNOWN, detail="stopped while the message was on its way")
        try:
            if self._pipelines is None:
                receipt = await self.adapter.send(started.message)
            else:
                receipt = await self._pipelines.send_before(started.message, following.message if following else None)
            outcome = Outcome(OutcomeKind.ACCEPTED, provider_id=receipt.provider_id, detail=receipt.detail)
            self.rest.worked()
        except (ChannelFault, ConfigurationError) as error:
            fault = error if isinstance(error, ChannelFault) else ChannelFault(str(error))
            outcome = outcome_of(fault)
            self.rest.fault(fault)
        except Exception as error:  # noqa: BLE001  an adapter's surprise is an unknown outcome, never a crash
            outcome = outcome_of(error)
            if isinstance(error, ProviderAway):
                self._missed(error)
            elif outcome.kind is not OutcomeKind.UNKNOWN:
                self.rest.answered()
            else:
                log.warning("outcome unknown", channel=self.channel, message=started.message.id, detail=outcome.detail)
        finally:
            self._journal.end(attempt, outcome)
            self._ended.put_nowait(Ended(attempt, started.message.id, outcome))

    def _missed(self, error: ProviderAway) -> None:
        self.rest.missed(error)
        self._rate_seen = float(self._sessions)  # what is tried after a rest need not be many

    async def _recorder(self) -> None:
        while (first := await self._ended.get()) is not None:
            group = [first]
            stop = False
            while len(group) < self._batch and not self._ended.empty() and not stop:
                following = self._ended.get_nowait()
                stop = following is None
                if following is not None:
                    group.append(following)
            await self._record(group)
            if stop:
                return
            # let outcomes gather while the sessions are busy: one commit for many
            if self._begun > self._sessions and self._ended.qsize() < self._batch // 2:
                await asyncio.sleep(GROUP_SECONDS)

    async def _record(self, group: Sequence[Ended]) -> None:
        began = uptime()
        away = False
        while True:
            try:
                await self._outbox.record(group)
                self._wakeup.notify(JOURNEYS)
                break
            except StoreUnavailable as error:
                if not away:
                    waiting = len(group)
                    log.warning("store is away, outcomes wait", channel=self.channel, waiting=waiting, error=str(error))
                away = not isinstance(error, TransactionLost)
                await asyncio.sleep(IDLE_SECONDS if away else GROUP_SECONDS)
        self._begun -= len(group)
        accepted = sum(ended.outcome.kind is OutcomeKind.ACCEPTED for ended in group)
        if accepted:
            seen = accepted / max(uptime() - began + GROUP_SECONDS, 0.01)
            self._rate_seen = 0.7 * self._rate_seen + 0.3 * seen


def _not_started(started: _Started, detail: str, retry_after: float = 0.0) -> Ended:
    return Ended(
        started.ready.attempt_id,
        started.message.id,
        Outcome(OutcomeKind.NOT_SENT, detail=detail, retry_after=retry_after),
    )
