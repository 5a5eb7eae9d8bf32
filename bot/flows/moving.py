"""Moving a run of a flow: what the engine decides on a signal is carried out, in one transaction.

The customer is locked. A run that a campaign's message opened tells its journey when it is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Answers, Carrier, Place, Proofs, at_turn
from bot.flows.definition import FlowBody
from bot.flows.effects import Begun, Decision, Facts, Opened, OpenHandoff, Run, Signal
from bot.flows.engine import FlowRunsAway, advance
from bot.flows.live import flow_bodies
from bot.flows.speaking import Surroundings
from campaigns.customers.columns import customers_by_id, orders_of
from campaigns.definition import WorkspaceConfig
from campaigns.running.waiting import flow_ended
from campaigns.starting.audience import in_segment
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.variables import NO_ORDERS
from core.errors import Refused
from core.ids import new_id
from core.machines.flow_run import FLOW_RUN, HAND_OVER, LEAVE, OPEN_RUNS, FlowRunState
from core.purposes import Purpose
from core.transitions import apply
from storage.intake import storable
from storage.outbox.columns import table
from storage.tables import CustomerTag, FlowRun

log = structlog.get_logger(__name__)

_RUNS, _TAGS = table(FlowRun), table(CustomerTag)
_MOST_TURNS = 20
"""Turns that one signal may cause, by answers that come back at once."""
TO_THE_END = frozenset({FlowRunState.FINISHED, FlowRunState.HANDED_OVER})
"""How a run ends of which everything was asked, or a person has the answer."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One decision about a run, with where the run stood before and what moved it. ``facts`` are those it looked at."""

    run_id: str
    place: Place
    body: FlowBody
    before: Run
    signal: Signal
    facts: Facts
    decision: Decision


Watch = Callable[[Moved], None]
"""Told of every decision before it is carried out."""


class Runner:
    """One customer's run in one transaction."""

    def __init__(
        self, connection: AsyncConnection, place: Place, config: WorkspaceConfig, now: datetime, answers: Answers,
        tongue: str = "", purpose: Purpose = Purpose.CONVERSATION, proofs: Proofs | None = None,
        watch: Watch | None = None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._place = place
        self._config = config
        self._now = now
        self._answers = answers
        self._tongue = tongue
        self._purpose = purpose
        self._proofs = proofs
        self._watch = watch

    async def begin(
        self, name: str, version: str, body: FlowBody, signal: Begun | Opened, message_id: str | None = None
    ) -> None:
        """Write a new run and take its first steps; ``message_id`` is the campaign's that said its first words."""
        run_id, run = new_id(), Run()
        await self._connection.execute(
            _RUNS.insert().values(
                id=run_id, customer_id=self._place.customer_id, flow=name, version=version, began_at=self._now,
                message_id=message_id, **_columns(run, self._place, self._now),
            )
        )  # fmt: skip
        await self._move(run_id, name, body, run, signal, message_id)

    async def go_on(self, row: Any, signal: Signal) -> bool:
        """Move an open run; False where it is over and nothing came of the signal."""
        found = await flow_bodies(self._connection, [row.version])
        run = Run(row.state, row.step, row.answers, row.tries, row.turn, row.due_at, row.said)
        body = found.get(row.version)
        if body is None:
            await close_run(self._connection, row, self._now)
            return False
        return await self._move(row.id, row.flow, body, run, signal, row.message_id)

    async def _move(
        self, run_id: str, name: str, body: FlowBody, run: Run, signal: Signal, message_id: str | None
    ) -> bool:
        carrier = Carrier(
            self._connection, name, run_id, run.turn, self._place, self._config, self._now, self._answers,
            self._purpose, self._proofs,
        )  # fmt: skip
        signals, before, done = [signal], run.answers, False
        for _ in range(_MOST_TURNS):
            if not signals:
                break
            facts = await self._facts(body)
            signal = signals.pop(0)
            decision = _decided(body, run, signal, facts, self._now)
            if self._watch is not None:
                self._watch(Moved(run_id, self._place, body, run, signal, facts, decision))
            run, done = decision.run, done or bool(decision.effects)
            signals += await at_turn(carrier, run.turn).carry_out(decision.effects)
        await self._connection.execute(
            update(_RUNS).where(_RUNS.c.id == run_id).values(**_columns(run, self._place, self._now))
        )
        if message_id is not None and run.state not in OPEN_RUNS:
            await flow_ended(self._connection, message_id, self._now, finished=run.state in TO_THE_END)
        return done or run.state in OPEN_RUNS or run.answers != before

    async def _facts(self, body: FlowBody) -> Facts:
        connection, place, config = self._connection, self._place, self._config
        ids = [place.customer_id]
        customer = (await customers_by_id(connection, ids)).get(place.customer_id, {})
        orders = (await orders_of(connection, ids, self._now)).get(place.customer_id, NO_ORDERS)
        tags = await connection.scalars(select(_TAGS.c.tag).where(_TAGS.c.customer_id == place.customer_id))
        segments = set()
        for name in sorted(body.definition.asked_segments):
            try:
                if await in_segment(connection, name, ids, config, self._now):
                    segments.add(name)
            except Refused as error:
                log.warning("a flow asks about a segment that is not there", segment=name, error=str(error))
        around = Surroundings(
            brand=config.brand,
            channel=place.channel,
            locale=self._tongue or config.locale,
            default_locale=config.locale,
            currency=config.currency,
            zone=str(customer.get("zone") or customer.get("zone_guess") or config.zone),
            customer=customer,
            orders=orders,
        )
        return Facts(around, frozenset(tags), frozenset(segments))


def _decided(body: FlowBody, run: Run, signal: Signal, facts: Facts, now: datetime) -> Decision:
    """What the engine decides; a flow that breaks hands over to a person instead of going silent."""
    try:
        return advance(body, run, signal, facts, now)
    except (TemplateFailure, FlowRunsAway) as error:
        log.warning("a flow broke", flow=body.definition.name, step=run.step, error=str(error))
        over = replace(run, state=apply(FLOW_RUN, run.state, HAND_OVER.event), due_at=None, turn=run.turn + 1)
        how = body.definition.human
        return Decision(over, (OpenHandoff(run.step, how.queue, f"the flow broke: {error}", how.priority),))


def _columns(run: Run, place: Place, now: datetime) -> dict[str, Any]:
    """A run as its row keeps it."""
    return {
        "identity_id": place.identity_id,
        "channel": place.channel,
        "state": run.state,
        "step": run.step,
        "answers": storable(dict(run.answers)),
        "tries": run.tries,
        "turn": run.turn,
        "said": storable(run.said),
        "due_at": run.due_at,
        "closed_at": None if run.state in OPEN_RUNS else now,
    }


async def open_run(connection: AsyncConnection, customer_id: str) -> Any:
    """The customer's run that is not over, or None."""
    wanted = _RUNS.select().where(_RUNS.c.customer_id == customer_id, _RUNS.c.closed_at.is_(None))
    return (await connection.execute(wanted)).first()


async def close_run(connection: AsyncConnection, row: Any, now: datetime) -> None:
    """End a run from outside: somebody else has the customer, or another flow begins."""
    left = apply(FLOW_RUN, row.state, LEAVE.event)
    await connection.execute(update(_RUNS).where(_RUNS.c.id == row.id).values(state=left, due_at=None, closed_at=now))
    if row.message_id is not None:
        await flow_ended(connection, row.message_id, now, finished=False)
