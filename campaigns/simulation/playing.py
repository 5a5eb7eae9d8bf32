"""The play: scheduler, runner, engine and gates as they are, on a clock that jumps from one instant to the next.

What ``simulate`` plays is what ``run`` would do: the same customers, behaving the same, get the same messages planned
for the same instants. Only latency is missing, and rendering unless it is asked for.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.engine import HANDOFF
from campaigns.gates.live_chat import REST
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.running.answering import ON_ANSWER, AnswerActions
from campaigns.running.commands import CommandRunner
from campaigns.running.runner import Runner
from campaigns.running.waiting import release_held
from campaigns.segments.compiling import compile_condition
from campaigns.segments.refresh import stored_segments
from campaigns.segments.syntax import InSegment
from campaigns.simulation.acting import Act, act
from campaigns.simulation.agenda import next_instant
from campaigns.simulation.behaviour import Behaviour, Rule, on_grid
from campaigns.simulation.chats import ChatTurn, Desk, serve, standing
from campaigns.simulation.delivery import Arrived, deliver
from campaigns.simulation.diary import Diary
from campaigns.simulation.rendering import Rendering
from campaigns.simulation.talks import Talks
from campaigns.starting.scheduler import Scheduler, end_finished
from campaigns.versions import definitions
from core.clock import EPOCH, VirtualClock
from core.errors import OtklikError
from core.machines.campaign import CampaignState
from core.machines.flow_run import LEAVE
from core.wakeup import COMMANDS
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.outbox.recovery import end_orphans, wake_expired
from storage.store import Store
from storage.tables import Campaign, Command, Customer, FlowRun

BATCH = 2000
"""Journeys a transaction: nobody waits for a throw-away store."""
ACTS_AT_ONCE = 1000
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)
MOST_ROUNDS = 10_000
"""Rounds at one instant after which it is an error: something makes itself due again and again."""
_COMMANDS, _CAMPAIGNS, _CUSTOMERS, _RUNS = table(Command), table(Campaign), table(Customer), table(FlowRun)
OnInstant = Callable[[datetime], None]


class _Flags:
    """Nudges of the parts, remembered: there is nobody to be woken."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def notify(self, topic: str) -> None:
        self.topics.add(topic)

    async def wait(self, topic: str, seconds: float) -> bool:
        return topic in self.topics


@dataclass(slots=True)
class Play:
    """One simulation of ``store`` from its clock's instant on. ``grain`` lets the clock stand at its multiples only:
    a paced wave of a hundred thousand falls due at a hundred thousand instants. ``talks`` plays flows; where there is
    nobody to do so, who replies to a flow's first words has gone through it."""

    store: Store
    clock: VirtualClock
    behaviour: Behaviour
    seed: int = 0
    grain: timedelta = timedelta()
    rendering: Rendering | None = None
    unserved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    talks: Talks | None = None
    arrived: int = 0
    decided: int = 0
    instants: int = 0
    _diary: Diary = field(default_factory=Diary)
    _in_care: set[str] = field(default_factory=set)
    _heard: Counter[tuple[str, str]] = field(default_factory=Counter)
    _flags: _Flags = field(default_factory=_Flags)
    _tick_at: datetime = EPOCH
    _sweep_at: datetime = EPOCH
    _day_at: datetime = EPOCH
    _asks: bool = True

    async def run(self, until: datetime, on_instant: OnInstant | None = None) -> None:
        """Play until nothing is left to happen up to ``until``; the clock then stands there."""
        links = self.rendering.links if self.rendering is not None else None
        runner = Runner(self.store, self.clock, self._flags, unserved=self.unserved, links=links)
        scheduler = Scheduler(self.store, self.clock)
        desk, answers = Desk(self.store, self.clock), AnswerActions(self.store, self.clock, self._flags)
        talking = self.talks.handlers if self.talks is not None else {}
        commands = CommandRunner(self.store, self.clock, {ON_ANSWER: answers, HANDOFF: desk, **talking})
        await self._plan_ahead(until)
        await self._take_over_chats()
        while True:
            now = self.clock.now()
            self.instants += 1
            if on_instant is not None:
                on_instant(now)
            await asyncio.sleep(0)  # a store to throw away never waits, but whoever presses Ctrl-C must be heard
            await self._settle(now, runner, scheduler, commands, desk)
            upcoming = await self._next(now)
            if upcoming > until:
                self.clock.advance_to(until)
                return
            self.clock.advance_to(min(max(upcoming, self._on_grain(upcoming)), until))

    def _on_grain(self, at: datetime) -> datetime:
        return EPOCH + -(-(at - EPOCH) // self.grain) * self.grain if self.grain else at

    async def _settle(
        self, now: datetime, runner: Runner, scheduler: Scheduler, commands: CommandRunner, desk: Desk
    ) -> None:
        """Do all that can be done at this instant."""
        if self._day_at <= now:
            await release_held(self.store, now)
            await end_finished(self.store, self.clock)
            self._day_at = now + DAY
        if self._sweep_at <= now:
            async with self.store.write() as connection:
                await wake_expired(connection, now)
                await end_orphans(connection, now)
        for _ in range(MOST_ROUNDS):
            if self._tick_at <= now:
                await scheduler.tick()
                self._tick_at = await self._next_tick(scheduler, now)
            await self._act(now)
            await self._decide(now, runner, commands, desk)
            done = 0
            while arrived := await deliver(self.store, now, self.rendering):
                done += len(arrived)
                await self._follow(arrived, now)
            self.arrived += done
            if not done and not self._diary.is_due(now):
                return
        raise OtklikError(f"the simulation does not get beyond {now.isoformat()}: a campaign goes round in a circle")

    async def _decide(self, now: datetime, runner: Runner, commands: CommandRunner, desk: Desk) -> None:
        """Move what is due and carry out what that asks for, until neither leaves anything: then messages may leave."""
        while True:
            if self._asks or COMMANDS in self._flags.topics:
                await self._carry_out(now, commands)
                await self._hand_over(desk.take_opened(), now)
            moved = await runner.run_once(BATCH)
            self.decided += moved
            if not moved and COMMANDS not in self._flags.topics:
                return

    async def _next_tick(self, scheduler: Scheduler, now: datetime) -> datetime:
        """When a campaign may start next: looked at within the hour where somebody's entering a segment starts one,
        within the day where the scheduler draws an experiment's weights.
        """
        async with self.store.read() as connection:
            rows = await connection.execute(
                select(_CAMPAIGNS.c.version).where(_CAMPAIGNS.c.state == CampaignState.ACTIVE)
            )
            known = await definitions(connection, {row.version for row in rows})
        self._asks = any(one.on_answer for one in known.values())
        upcoming = await scheduler.next_start()
        looks = [] if upcoming is None else [max(upcoming, now + timedelta(microseconds=1))]
        if any(one.start.kind == "segment" for one in known.values()):
            looks.append(now + HOUR)
        if any(one.experiment is not None and one.experiment.winner == "thompson" for one in known.values()):
            looks.append(now + DAY)
        return min(looks, default=NEVER)

    async def _next(self, now: datetime) -> datetime:
        async with self.store.read() as connection:
            due = await next_instant(connection, now)
        self._sweep_at = due or now + DAY
        upcoming = [at for at in (due, self._diary.next_at, self._tick_at) if at is not None]
        return min(upcoming)

    # ── customers ────────────────────────────────────────────────────────────

    async def _plan_ahead(self, until: datetime) -> None:
        """What customers do by themselves: by script, or by habit."""
        begins = self.clock.now()
        if not self.behaviour.scripts and not self.behaviour.shopping:
            return
        wanted = select(_CUSTOMERS.c.id, _CUSTOMERS.c.external_id)
        if not self.behaviour.shopping:
            wanted = wanted.where(_CUSTOMERS.c.external_id.in_(sorted(self.behaviour.scripts)))
        async with self.store.read() as connection:
            people = (await connection.execute(wanted.order_by(_CUSTOMERS.c.external_id, _CUSTOMERS.c.id))).all()
        for id_, external_id in people:
            script = self.behaviour.scripts.get(external_id or "")
            if script is not None:
                for place, rule in enumerate(script):
                    if not rule.channel:
                        self._diary.write(
                            begins + rule.after, Act(id_, rule.deed, None, f"{external_id}:script:{place}")
                        )
                continue
            who = external_id or id_
            for at, place in self.behaviour.spontaneous(self.seed, who, begins, until):
                habit = self.behaviour.shopping[place]
                key = f"{who}:shopping:{place}:{at.isoformat()}"
                deed = habit.deed
                if deed.event == "order" and deed.amount is None:
                    deed = type(deed)(deed.kind, self.behaviour.worth(self.seed, key), deed.properties)
                self._diary.write(at, Act(id_, deed, None, key))

    async def _follow(self, arrived: Sequence[Arrived], now: datetime) -> None:
        """Draw what comes of these messages; what comes of a flow's is drawn when it is said."""
        if self.talks is not None:
            arrived = [one for one in arrived if one.campaign_id is not None or one.who in self.behaviour.scripts]
        segments = await self._segments_of(arrived, now)
        if self.behaviour.scripts:  # the nth on a channel is the same in each run
            arrived = sorted(arrived, key=lambda one: one.key)
        for message in arrived:
            script = self.behaviour.scripts.get(message.who)
            if script is not None:
                self._by_script(script, message, now)
                continue
            segment = segments.get(message.customer_id, "")
            for delay, deed in self.behaviour.after(self.seed, message.key, message.channel, segment):
                self._diary.write(on_grid(now + delay), Act(message.customer_id, deed, message, message.key))

    def _by_script(self, script: Iterable[Rule], message: Arrived, now: datetime) -> None:
        self._heard[message.who, message.channel] += 1
        nth = self._heard[message.who, message.channel]
        for place, rule in enumerate(script):
            if rule.channel == message.channel and rule.nth == nth:
                self._diary.write(
                    now + rule.after, Act(message.customer_id, rule.deed, message, f"{message.key}:script:{place}")
                )

    async def _segments_of(self, arrived: Sequence[Arrived], now: datetime) -> dict[str, str]:
        """Per customer the first of the behaviour's segments that they are in."""
        if not self.behaviour.segments:
            return {}
        ids = sorted({one.customer_id for one in arrived})
        found: dict[str, str] = {}
        async with self.store.read() as connection:
            for name, _ in self.behaviour.segments:
                for id_ in await self._members(connection, name, ids, now):
                    found.setdefault(id_, name)
        return found

    async def _members(
        self, connection: AsyncConnection, name: str, ids: Sequence[str], now: datetime
    ) -> Sequence[str]:
        segments = await stored_segments(connection)
        zone = zone_named((await workspace_config(connection)).zone)
        statement: Any = compile_condition(InSegment(name), segments, now=now, zone=zone, among=given_ids)
        return list(await connection.scalars(statement, {IDS: list(ids)}))

    async def _act(self, now: datetime) -> None:
        """Let those act whose time has come."""
        while self._diary.is_due(now):
            acts, turns, overdue = self._diary.take()
            acts = await self._meant(acts, now)
            if self.talks is not None:
                acts = self.talks.meant(acts)
            for first in range(0, len(acts), ACTS_AT_ONCE):
                async with self.store.write() as connection:
                    config = await workspace_config(connection)
                    await act(connection, acts[first : first + ACTS_AT_ONCE], config, now, self.talks)
            if turns:
                await self._serve(turns, now)
            if overdue and self.talks is not None:
                async with self.store.write() as connection:
                    await self.talks.time_out(connection, overdue, now)
            await self._talked(now)

    async def _meant(self, acts: Sequence[Act], now: datetime) -> Sequence[Act]:
        """Those of a habit that is a segment's are done by its members only."""
        limited = {place: habit.segment for place, habit in enumerate(self.behaviour.shopping) if habit.segment}
        if not limited:
            return acts
        by_segment: dict[str, list[Act]] = defaultdict(list)
        for one in acts:
            marks = one.key.split(":shopping:")
            segment = limited.get(int(marks[1].partition(":")[0]), "") if one.message is None and len(marks) > 1 else ""
            by_segment[segment].append(one)
        kept = by_segment.pop("", [])
        async with self.store.read() as connection:
            for segment, ones in sorted(by_segment.items()):
                inside = set(await self._members(connection, segment, sorted({one.customer_id for one in ones}), now))
                kept += [one for one in ones if one.customer_id in inside]
        return kept

    # ── the desk ─────────────────────────────────────────────────────────────

    async def _carry_out(self, now: datetime, commands: CommandRunner) -> None:
        """What journeys do at their end and handoffs are carried out; every webhook is taken for answered with 200."""
        self._flags.topics.clear()
        while await commands.run_once():
            pass
        self._flags.topics.discard(COMMANDS)  # those that were carried out say so, too
        async with self.store.write() as connection:
            await connection.execute(
                update(_COMMANDS)
                .where(_COMMANDS.c.done_at.is_(None), _COMMANDS.c.kind.not_in(commands.handlers.keys()))
                .values(done_at=now)
            )
        await self._talked(now)

    async def _talked(self, now: datetime) -> None:
        """Write down what flows wait for, and let people care for those whom they handed over."""
        if self.talks is None:
            return
        for at, entry in self.talks.take_planned():
            self._diary.write(at, entry)
            self._flags.notify(COMMANDS)  # a talk that went on may have asked for something
        await self._hand_over(self.talks.take_handed_over(), now)

    async def _take_over_chats(self) -> None:
        """A copy of a real store may hold live chats: from now on they are our agents'. Flows that run are over."""
        now = self.clock.now()
        async with self.store.write() as connection:
            await connection.execute(
                update(_RUNS).where(_RUNS.c.closed_at.is_(None)).values(state=LEAVE.target, closed_at=now, due_at=None)
            )
        async with self.store.read() as connection:
            talks, rests = await standing(connection, now)
        for place, id_ in enumerate(talks):
            self._care_for(id_, f"standing:{place}", now)
        for at in rests:
            self._diary.write(at)

    async def _hand_over(self, opened: Mapping[str, str], now: datetime) -> None:
        """Agents will answer these customers' conversations, and be done with them."""
        if not opened:
            return
        named = select(_CUSTOMERS.c.id, _CUSTOMERS.c.external_id).where(given_ids(_CUSTOMERS.c.id))
        async with self.store.read() as connection:
            names = {row.id: row.external_id for row in await connection.execute(named, {IDS: sorted(opened)})}
        for customer_id, conversation_id in opened.items():
            who = names.get(customer_id) or customer_id
            self._care_for(conversation_id, f"{who}:{now.isoformat()}", now)

    def _care_for(self, conversation_id: str, key: str, now: datetime) -> None:
        if conversation_id in self._in_care:
            return
        self._in_care.add(conversation_id)
        answer, talk = self.behaviour.chat(self.seed, key)
        answered_at = _whole_minute(now + answer)
        self._diary.write(answered_at, ChatTurn(conversation_id, "assign"))
        self._diary.write(_whole_minute(answered_at + talk), ChatTurn(conversation_id, "resolve"))

    async def _serve(self, turns: Sequence[ChatTurn], now: datetime) -> None:
        """Agents take conversations and resolve them; what was held goes on, and messages after the rest."""
        async with self.store.write() as connection:
            resolved = await serve(connection, turns, now)
        self._in_care -= {turn.conversation_id for turn in turns if turn.what == "resolve"}
        if resolved:
            await release_held(self.store, now)
            self._diary.write(now + REST)


def _whole_minute(at: datetime) -> datetime:
    """Agents' clocks show minutes; many share an instant."""
    return EPOCH + -(-(at - EPOCH) // MINUTE) * MINUTE
