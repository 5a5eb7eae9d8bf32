"""Flows in a simulation: the bot's own interpreter, with customers who answer as it is assumed.

Runs, what they change and record, and what they say stand in the simulation's store as in a real one. Nobody is called:
webhooks, the answers bot and codes that prove an address are taken for answered, but for the share that is to fail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import FLOW_WEBHOOK, Place
from bot.flows.definition import AskStep, FlowBody
from bot.flows.effects import (
    AskAnswers,
    AskProof,
    Begun,
    Called,
    CallWebhook,
    Effect,
    Opened,
    OpenHandoff,
    RecordEvent,
    Run,
    Say,
    StartCampaign,
    TimedOut,
)
from bot.flows.live import flow_bodies
from bot.flows.moving import Moved, Runner, close_run, open_run
from bot.flows.opened import begin_opened, to_be_opened
from bot.flows.places import conversation_for
from bot.flows.pricing import Spoken, hold_prices
from bot.flows.running import resume
from bot.flows.supposing import counted, supposed
from bot.flows.understanding import Heard
from campaigns.engine import FLOW
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.running.commands import Finish, Handler, OpenCommand
from campaigns.simulation.acting import Act
from campaigns.simulation.behaviour import REPLY, Behaviour, Deed, chances
from campaigns.simulation.delivery import Arrived, arrived_as
from campaigns.simulation.talks import FLOW_TOKEN, MOST_TURNS, Overdue, Tally
from core import catalogue
from core.clock import Clock
from core.machines.flow_run import OPEN_RUNS, FlowRunState
from core.messages import EMAIL, WHATSAPP
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, FlowRun, Identity, Message

_RUNS, _IDENTITIES, _MESSAGES, _CUSTOMERS = table(FlowRun), table(Identity), table(Message), table(Customer)
_ASKED: Mapping[type[Effect], str] = {
    OpenHandoff: "handoff", CallWebhook: "webhook", StartCampaign: "start", RecordEvent: "event", AskProof: "proof",
    AskAnswers: "answer",
}  # fmt: skip
_TURN = "turn"


@dataclass(slots=True)
class _Talk:
    """One run, as far as the simulation has to know it. ``key`` names it in every run of the same simulation."""

    place: Place
    body: FlowBody
    key: str
    message: Arrived | None
    who: str
    run: Run = field(default_factory=Run)
    turns: int = 0
    calling: str = ""


@dataclass(frozen=True, slots=True)
class _Proven:
    """The address is taken for theirs."""

    said: str
    outcome: str = "already"


class SimulatedFlows:
    """Plays the flows of the store's campaigns. Satisfies ``campaigns.simulation.talks.Talks``."""

    def __init__(self, store: Store, clock: Clock, behaviour: Behaviour, seed: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._behaviour = behaviour
        self._seed = seed
        self._talks: dict[str, _Talk] = {}
        self._open: dict[str, str] = {}  # runs by customer
        self._wrote: dict[str, tuple[Arrived, datetime]] = {}
        self._about: tuple[str, Arrived | None] = "", None
        self._planned: list[tuple[datetime, Act | Overdue]] = []
        self._handed_over: dict[str, str] = {}
        self._spoken: list[Spoken] = []
        self.tallies: dict[str, Tally] = {}

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What journeys and flows ask for."""
        return {FLOW: self._begin, FLOW_WEBHOOK: self._call}

    def take_planned(self) -> Sequence[tuple[datetime, Act | Overdue]]:
        """What customers will answer, and by when, since this was asked last."""
        planned, self._planned = self._planned, []
        return planned

    def take_handed_over(self) -> Mapping[str, str]:
        """The conversations that wait for a person since this was asked last, by customer."""
        handed_over, self._handed_over = self._handed_over, {}
        return handed_over

    def meant(self, acts: Sequence[Act]) -> Sequence[Act]:
        """Those that are still done: an answer is to the turn that it was drawn for."""
        return [one for one in acts if _TURN not in one.deed.properties or self._is_asked(one)]

    def _is_asked(self, one: Act) -> bool:
        talk = self._talks.get(self._open.get(one.customer_id, ""))
        return talk is not None and one.key == _answer_key(talk, talk.run)

    # ── what moves a run ─────────────────────────────────────────────────────

    async def _begin(self, command: OpenCommand, finish: Finish) -> None:
        """Begin the flow behind a campaign's message, or where a customer has just answered."""
        told, now = command.payload, self._clock.now()
        async with self._store.write() as connection:
            if told.get("message_id"):
                for message in await to_be_opened(connection, [str(told["message_id"])]):
                    (arrived,) = await arrived_as(connection, [message.id])
                    self._about = arrived.who, arrived
                    await begin_opened(connection, message, now, self._answer, self._watch)
            else:
                await self._begin_here(connection, str(told["customer_id"]), str(told["version"]), now)
            await hold_prices(connection, self._take_spoken(), now)
            await finish(connection)

    async def _begin_here(self, connection: AsyncConnection, customer_id: str, version: str, now: datetime) -> None:
        """On an answer: where the customer wrote at this instant, if they did, and nobody else talks with them."""
        message, at = self._wrote.get(customer_id, (None, now))
        body = (await flow_bodies(connection, [version])).get(version)
        if body is None or message is None or at != now or message.channel == EMAIL:
            return
        if await open_run(connection, customer_id) is not None:
            return
        conversation = await conversation_for(connection, customer_id, message.channel, now)
        identity_id = await connection.scalar(select(_MESSAGES.c.identity_id).where(_MESSAGES.c.id == message.id))
        if conversation is None or identity_id is None:
            return
        self._about = message.who, message
        place = Place(customer_id, identity_id, message.channel, *conversation)
        config = await workspace_config(connection)
        runner = Runner(connection, place, config, now, self._answer, proofs=self._prove, watch=self._watch)
        await runner.begin(body.definition.name, version, body, Begun())

    async def _call(self, command: OpenCommand, finish: Finish) -> None:
        """A webhook of a flow: nobody is called, and it answers with nothing, or fails."""
        run_id, step = str(command.payload["run_id"]), str(command.payload["step"])
        talk = self._talks.get(run_id)
        async with self._store.write() as connection:
            if talk is not None:
                ok = self._succeeds(talk, step)
                await self._move(connection, run_id, Called(step, ok, {} if ok else None), self._clock.now())
            await finish(connection)

    async def heard(self, connection: AsyncConnection, replies: Sequence[Act], now: datetime) -> None:
        """These customers wrote; whoever is in a flow answers its question."""
        for one in replies:
            if one.message is not None:
                self._wrote[one.customer_id] = one.message, now
            run_id = self._open.get(one.customer_id, "")
            talk = self._talks.get(run_id)
            if talk is None or not self._is_to(talk, one):
                continue
            step = talk.body.definition.step(talk.run.step)
            if not isinstance(step, AskStep) or talk.run.state is not FlowRunState.ASKING:
                continue
            if talk.place.channel == WHATSAPP:
                await connection.execute(
                    update(_IDENTITIES).where(_IDENTITIES.c.id == talk.place.identity_id).values(window_from=now)
                )
            await self._move(connection, run_id, await self._said(connection, talk, step, one.deed, now), now)

    def _is_to(self, talk: _Talk, one: Act) -> bool:
        """Whether a reply is to the flow: to what it said, to its first words, or whatever a script says."""
        deed, message = one.deed, one.message
        if _TURN in deed.properties or deed.says or message is None or message.campaign_id is None:
            return True
        return talk.message is not None and message.id == talk.message.id

    async def _said(self, connection: AsyncConnection, talk: _Talk, step: AskStep, deed: Deed, now: datetime) -> Heard:
        if deed.says:
            return Heard(files=({"name": deed.says},)) if step.type == "file" else Heard(text=deed.says)
        config = await workspace_config(connection)
        flow = talk.body.definition.name
        drawn = chances(self._seed, f"said:{talk.key}:{talk.run.turn}")
        today = now.astimezone(zone_named(config.zone)).date()
        return supposed(flow, step, self._behaviour.talking(flow), drawn, today)

    async def time_out(self, connection: AsyncConnection, overdue: Sequence[Overdue], now: datetime) -> None:
        """Nobody answered these until now."""
        for one in overdue:
            talk = self._talks.get(one.run_id)
            if talk is not None and talk.run.due_at == one.due_at:
                await self._move(connection, one.run_id, TimedOut(), now)

    async def _move(
        self, connection: AsyncConnection, run_id: str, signal: Heard | TimedOut | Called, now: datetime
    ) -> None:
        talk = self._talks[run_id]
        talk.turns += 1
        if talk.turns > MOST_TURNS:
            row = await open_run(connection, talk.place.customer_id)
            if row is not None and row.id == run_id:
                await close_run(connection, row, now)
                self._tally(talk.body).circles += 1
            self._forget(run_id)
        elif not await resume(
            connection, run_id, signal, now, answers=self._answer, proofs=self._prove, watch=self._watch
        ):
            self._forget(run_id)  # somebody else has the customer
        await hold_prices(connection, self._take_spoken(), now)

    # ── what is seen of it ───────────────────────────────────────────────────

    def _watch(self, moved: Moved) -> None:
        """Count what happened, and draw what the customer will do about it."""
        run, flow = moved.decision.run, moved.body.definition.name
        talk = self._talks.get(moved.run_id)
        if talk is None:
            who, message = self._about
            key = f"{flow}:{message.key if message is not None else who}:{self._clock.now().isoformat()}"
            talk = self._talks[moved.run_id] = _Talk(moved.place, moved.body, key, message, who)
        talk.run = run
        self._count(moved)
        for number, effect in enumerate(moved.decision.effects):
            if isinstance(effect, Say):
                token = f"{FLOW_TOKEN}{moved.run_id}:{run.turn}:{number}"
                self._spoken.append(Spoken(token, moved.place, moved.facts.around, effect.content))
            elif isinstance(effect, OpenHandoff):
                self._handed_over[moved.place.customer_id] = moved.place.conversation_id
            elif isinstance(effect, AskAnswers):
                talk.calling = effect.step
        if run.state not in OPEN_RUNS:
            self._forget(moved.run_id)
            return
        self._open[moved.place.customer_id] = moved.run_id
        if run.due_at is not None:
            self._planned.append((run.due_at, Overdue(moved.run_id, run.due_at)))
        if run.state is FlowRunState.ASKING and not isinstance(moved.signal, Opened | TimedOut):
            self._draw(talk)

    def _draw(self, talk: _Talk) -> None:
        """Whether and when the question is answered. The first words are answered as often as any other message, and
        who has once let a question pass says nothing any more."""
        if talk.who in self._behaviour.scripts:
            return
        step = talk.body.definition.step(talk.run.step)
        talking = self._behaviour.talking(talk.body.definition.name)
        drawn = chances(self._seed, f"answers:{talk.key}:{talk.run.turn}")
        if isinstance(step, AskStep) and drawn[0] >= talking.abandons.get(step.into, talking.abandon):
            at = self._behaviour.answers_at(self._clock.now(), drawn[1])
            deed = Deed(REPLY, properties={_TURN: talk.run.turn})
            self._planned.append((at, Act(talk.place.customer_id, deed, talk.message, _answer_key(talk, talk.run))))

    def _count(self, moved: Moved) -> None:
        tally, before, after = self._tally(moved.body), moved.before, moved.decision.run
        step = moved.body.definition.step(before.step)
        match moved.signal:
            case Opened() | Begun():
                tally.entered += 1
            case Heard() if isinstance(step, AskStep) and _is_missed(step, before, after):
                tally.misunderstood += 1
            case Heard() if isinstance(step, AskStep) and step.into in after.answers:
                talking = self._behaviour.talking(moved.body.definition.name)
                said = counted(step, talking, after.answers[step.into])
                by_answer = tally.answers.setdefault(step.into, {})
                by_answer[said] = by_answer.get(said, 0) + 1
            case TimedOut() if isinstance(step, AskStep) and before.state is FlowRunState.ASKING:
                tally.silent[step.into] = tally.silent.get(step.into, 0) + 1
        for effect in moved.decision.effects:
            kind = _ASKED.get(type(effect))
            if kind is not None:
                tally.asked[kind] = tally.asked.get(kind, 0) + 1

    def _tally(self, body: FlowBody) -> Tally:
        return self.tallies.setdefault(body.definition.name, Tally())

    def _forget(self, run_id: str) -> None:
        talk = self._talks.pop(run_id, None)
        if talk is not None and self._open.get(talk.place.customer_id) == run_id:
            del self._open[talk.place.customer_id]

    def _take_spoken(self) -> Sequence[Spoken]:
        spoken, self._spoken = self._spoken, []
        return spoken

    # ── who would be called ──────────────────────────────────────────────────

    def _succeeds(self, talk: _Talk, step: str) -> bool:
        fails = self._behaviour.talking(talk.body.definition.name).fails.get(step, 0.0)
        return chances(self._seed, f"calls:{talk.key}:{talk.run.turn}")[0] >= fails

    async def _answer(self, _connection: AsyncConnection, _place: Place, _question: str, token: str) -> bool:
        """The answers bot: whether it knew something."""
        talk = self._talks.get(token.removeprefix(FLOW_TOKEN).partition(":")[0])
        return talk is not None and self._succeeds(talk, talk.calling)

    async def _prove(self, connection: AsyncConnection, customer_id: str, _channel: str, _address: str) -> _Proven:
        config = await workspace_config(connection)
        locale = await connection.scalar(select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == customer_id))
        return _Proven(catalogue.text(str(locale or config.locale), "proof.already", brand=config.brand.name))


def _answer_key(talk: _Talk, run: Run) -> str:
    return f"{talk.key}:talk:{run.turn}"


def _is_missed(step: AskStep, before: Run, after: Run) -> bool:
    """Whether what was said was no answer."""
    if after.step == before.step and after.tries == before.tries + 1:
        return True
    given: Any = after.answers.get(step.into)
    return before.tries + 1 >= step.tries and given == before.answers.get(step.into) and step.into not in before.answers
