"""Sending a few messages at once and waiting for their outcomes: as a worker does, but nothing else of the outbox."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.composing.composer import Composer
from campaigns.composing.links import MessageLinks
from campaigns.composing.targets import LinkTargets
from campaigns.gates import DISPATCH_GATES
from campaigns.operating.emergency import standing_stop
from campaigns.previewing.trial import Trial, states_of, write_trial
from campaigns.responding.receipts import settle_parked
from channels.adapter import Adapter
from channels.journal import Journal, boot_id
from channels.rates import RateGate
from core.clock import Clock
from core.dispatching import Claim, Ended, Ready
from core.errors import ConfigurationError, Refused
from core.ids import new_id
from core.messages import OutboundMessage
from core.outcomes import Outcome, OutcomeKind, outcome_of
from otklik.accounts import make_accounts
from otklik.settings import Configuration
from otklik.wiring import addresses
from storage.outbox.outbox import Outbox
from storage.store import Store

NOTHING, REFUSED = "none", "refused"
SECONDS = 120.0
"""The longest that one message may be at its provider; adapters give up sooner."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a trial: its message's state and in words why; :data:`NOTHING` where none was sent."""

    trial: Trial
    state: str
    why: str = ""


async def send_trials(
    configuration: Configuration,
    store: Store,
    clock: Clock,
    trials: Sequence[Trial],
    targets: dict[str, str],
    tell: Callable[[Told], None],
) -> None:
    """Send them one after the other; each is told as soon as its outcome is in the store.

    Raises:
        Refused: while an emergency stop stands: nothing gets past it.
    """
    async with store.read() as connection:
        stop = await standing_stop(connection)
    if stop is not None:
        raise Refused(f"everything is stopped ({stop.reason or 'no reason given'}); first: otklik emergency lift")
    async with _worker(configuration, store, clock) as (outbox, journal, adapters):
        rates = RateGate(
            {one.account: one.capabilities for one in adapters.values()}, scale=configuration.settings.rate_scale
        )
        await LinkTargets(store).keep(targets, clock.now())
        composer = Composer(store, clock, MessageLinks(addresses(configuration)))
        for trial in trials:
            adapter = adapters.get(trial.speech.channel)
            if trial.claim is None:
                tell(Told(trial, NOTHING if trial.to is None else REFUSED, trial.problem))
            elif adapter is None:
                tell(Told(trial, NOTHING, f"{trial.speech.channel} has no account here; otklik doctor says more"))
            else:
                while wait := await rates.recipient_wait(adapter.account, trial.claim.to.value):  # noqa: ASYNC110
                    await asyncio.sleep(wait)
                await rates.acquire(adapter.account)
                async with store.write() as connection:
                    claim = await write_trial(
                        connection,
                        trial.claim,
                        worker=outbox.worker,
                        lease_seconds=outbox.lease_seconds,
                        now=clock.now(),
                    )
                tell(Told(trial, *await _send(store, outbox, journal, adapter, composer, claim)))


async def _send(
    store: Store, outbox: Outbox, journal: Journal, adapter: Adapter, composer: Composer, claim: Claim
) -> tuple[str, str]:
    """(state, reason) of the message afterwards."""
    message = (await composer.compose([claim]))[claim.message_id]
    if isinstance(message, str):
        await outbox.refuse([claim.message_id], message)
    else:
        ready = Ready(claim, new_id(), adapter.account, message.subject, message.text)
        if await outbox.begin([ready]):
            await _through_the_socket(outbox, journal, adapter, ready, message)
    async with store.read() as connection:
        return (await states_of(connection, [claim.message_id]))[claim.message_id]


async def _through_the_socket(
    outbox: Outbox, journal: Journal, adapter: Adapter, ready: Ready, message: OutboundMessage
) -> None:
    outcome = Outcome(OutcomeKind.UNKNOWN, detail="stopped while the message was on its way")
    journal.start(ready.attempt_id)
    try:
        async with asyncio.timeout(SECONDS):
            receipt = await adapter.send(message)
        outcome = Outcome(OutcomeKind.ACCEPTED, provider_id=receipt.provider_id, detail=receipt.detail)
    except ConfigurationError as error:
        outcome = Outcome(OutcomeKind.NOT_SENT, detail=str(error))
    except Exception as error:  # noqa: BLE001  an adapter's surprise is an unknown outcome
        outcome = outcome_of(error)
    finally:
        journal.end(ready.attempt_id, outcome)
        # also where we are being stopped: what is known is written down first
        await asyncio.shield(outbox.record([Ended(ready.attempt_id, ready.claim.message_id, outcome)]))


@asynccontextmanager
async def _worker(
    configuration: Configuration, store: Store, clock: Clock
) -> AsyncIterator[tuple[Outbox, Journal, Mapping[str, Adapter]]]:
    """A registered worker with its journal and open accounts, which polls nothing and registers no webhook."""
    settings = configuration.settings
    worker = new_id()
    journal = Journal(settings.data_dir.absolute() / "journals" / f"{worker}.journal")
    outbox = Outbox(
        store, clock, DISPATCH_GATES, worker=worker, lease_seconds=max(settings.lease_seconds, 2 * SECONDS),
        on_accepted=_settle,
    )  # fmt: skip
    clean = False
    try:
        await outbox.register(socket.gethostname(), boot_id(), str(journal.path))
        async with AsyncExitStack() as stack:
            adapters: dict[str, Adapter] = {}
            for account in make_accounts(configuration):
                await account.adapter.open()
                stack.push_async_callback(account.adapter.close)
                adapters[account.channel] = account.adapter
            yield outbox, journal, adapters
        await outbox.retire()
        clean = True
    finally:
        journal.close(remove=clean)


async def _settle(connection: AsyncConnection, accepted: Sequence[tuple[str, str]], now: datetime) -> None:
    await settle_parked(connection, accepted, now)
