"""Conversing: who answers a message that was just logged, and is no order.

People, where they have the chat. Else a flow that runs, a person who is asked for, a flow that begins, the answers; and
where none of them knows what to say, a person again, if there are any. In the transaction that logged the message, its
customer locked.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.saying import said_of_answer
from bot.answers.turn import take_turn
from bot.context import Context, Voice
from bot.conversations import plan_answer
from bot.flows import running as flows
from bot.flows.carrying import no_answers
from bot.flows.live import live_flows
from bot.handoff import ownership
from bot.handoff.answering import PROMISED
from bot.handoff.hours import WorkingHours
from bot.handoff.ownership import Request
from bot.handoff.promises import promised
from bot.handoff.requesting import request_person
from bot.handoff.wishes import VIP, wish
from bot.learning import learn_language
from bot.proofs import answer_proof
from bot.senders import Sender
from bot.talking import language_for
from campaigns.definition.desk import NORMAL
from campaigns.periods import zone_named
from campaigns.starting.audience import in_segment
from campaigns.templates.localised import local_date, local_digits
from core import catalogue
from core.actors import SYSTEM, Actor
from core.machines.conversation import LIVE_CHAT, ConversationState
from core.messages import EMAIL, InboundMessage
from core.purposes import Purpose
from core.text import clipped
from storage.outbox.columns import table
from storage.tables import Agent, Conversation, Customer, FlowRun, FlowVersion

_AGENTS, _CONVERSATIONS, _CUSTOMERS = table(Agent), table(Conversation), table(Customer)
_VERSIONS, _RUNS = table(FlowVersion), table(FlowRun)
NO_ANSWER, FROM_ONLY, REOPENED = "no answer", "unverified", "reopened"
"""Why a person is wanted, beside those of :mod:`bot.handoff.wishes` and :mod:`bot.answers.turn`."""
VIP_PRIORITY = 2
LONGEST_NOTE = 300


async def somebody_talks(connection: AsyncConnection, voice: Voice) -> bool:
    """Whether there is anybody to answer: agents, flows, answers. Without them messages are only logged."""
    if len(voice.index):
        return True
    agents, flows_live = exists().where(_AGENTS.c.disabled_at.is_(None)), exists().where(_VERSIONS.c.hash.is_not(None))
    return bool(await connection.scalar(select(or_(agents, flows_live, exists().where(_RUNS.c.closed_at.is_(None))))))


async def converse(
    connection: AsyncConnection, inbound: InboundMessage, sender: Sender, conversation_id: str, message_id: str,
    context: Context,
) -> None:  # fmt: skip
    """Let whoever should answer know, or answer. ``inbound.button`` is what was chosen."""
    if inbound.automatic:
        return
    row = (await connection.execute(select(_CONVERSATIONS).where(_CONVERSATIONS.c.id == conversation_id))).one()
    if row.blocked_at is not None:
        return
    turn = _Turn(connection, inbound, sender, row, message_id, context)
    if sender.verified:
        await learn_language(connection, sender.customer_id, inbound.text, context.now)
        if await turn.prove():
            return
    verdict = said_of_answer(inbound.button) is not None
    if row.state in LIVE_CHAT and not verdict:
        await _reach_people(connection, row, context)
        return
    people = bool(await connection.scalar(select(exists().where(_AGENTS.c.disabled_at.is_(None)))))
    if verdict:
        await turn.answer(people=people)
    elif sender.verified:
        await turn.talk(people=people)
    elif people:
        await turn.hand_over(FROM_ONLY)


async def begins_a_flow(
    connection: AsyncConnection, inbound: InboundMessage, sender: Sender, conversation_id: str, context: Context
) -> bool:
    """Let the flow that a deep link names begin; False where it names none."""
    live = await live_flows(connection)
    if not live.called_by("", start=inbound.start_token):
        return False
    answers = context.voice.answers or no_answers
    return await flows.take(connection, inbound, sender, conversation_id, context, answers=answers)


async def _reach_people(connection: AsyncConnection, row: Any, context: Context) -> None:
    """They wait again: out of a snooze, and with a promise to the first message that nobody has answered."""
    if row.state is ConversationState.SNOOZED:
        await ownership.wake(connection, row.id, actor=SYSTEM, now=context.now)
    if row.waiting_since is None:
        hours = WorkingHours.of(context.config.staff, context.config.zone)
        promise = promised(context.config.desk.queue(row.queue), hours, context.now)
        await connection.execute(
            update(_CONVERSATIONS)
            .where(_CONVERSATIONS.c.id == row.id)
            .values(waiting_since=context.received_at, answer_due=promise.answer)
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    """One message that the bot may answer, or hand to people."""

    connection: AsyncConnection
    inbound: InboundMessage
    sender: Sender
    conversation: Any
    message_id: str
    context: Context

    async def talk(self, *, people: bool) -> None:
        """A flow that runs, a person who is asked for, a flow that begins, or the answers."""
        if await flows.running(self.connection, [self.sender.customer_id], self.context.now) and await self.flow():
            return
        why = await self.wish() if people else ""
        if not why and people and self.ended_lately():
            why = REOPENED
        if why:
            await self.hand_over(why)
        elif not await self.flow():
            await self.answer(people=people)

    async def prove(self) -> bool:
        """Take it for a code that proves an address, where one was asked for; the two customers may be one after it."""
        proof = await answer_proof(self.connection, self.sender.customer_id, self.inbound.text, self.context)
        if proof is None:
            return False
        sender = replace(self.sender, customer_id=proof.customer_id)
        await plan_answer(
            self.connection, self.inbound, sender, self.conversation.id, self.context,
            client_token=f"proof:{self.message_id}", purpose=Purpose.CONVERSATION, text=proof.said,
            subject=catalogue.text(await self._language(), "answers.subject"),
        )  # fmt: skip
        if proof.outcome != "wrong":  # a flow may have asked for it
            answers, ok = self.context.voice.answers or no_answers, proof.outcome == "proven"
            await flows.proved(self.connection, proof.customer_id, self.context.now, ok=ok, answers=answers)
        return True

    async def flow(self) -> bool:
        """Let a flow have it."""
        return await flows.take(
            self.connection, self.inbound, self.sender, self.conversation.id, self.context,
            answers=self.context.voice.answers or no_answers,
        )  # fmt: skip

    async def answer(self, *, people: bool) -> None:
        """Say what the answers know; else people have it, if there are any. Small talk is left alone by answers."""
        voice = self.context.voice
        outcome = await take_turn(
            self.connection, self.inbound, self.sender, self.conversation.id, self.message_id, self.context,
            voice.index, endpoint=voice.endpoint,
        )  # fmt: skip
        nobody_knows = not (len(voice.index) or outcome.said or self.inbound.button)
        if people and self.conversation.state not in LIVE_CHAT and (outcome.person or nobody_knows):
            await self.hand_over(outcome.person or NO_ANSWER)

    async def wish(self) -> str:
        """Why the message, or who wrote it, wants a person."""
        if self.inbound.button:
            return ""
        desk = self.context.config.desk
        return wish(self.inbound.text, desk) or (VIP if await self._is_vip() else "")

    def ended_lately(self) -> bool:
        """Whether people ended this conversation so lately that it comes back to them."""
        if not self.conversation.agent:
            return False
        config = self.context.config
        ended = self.conversation.resolved_at
        return ended is not None and ended >= config.desk.reopen.before(self.context.now, zone_named(config.zone))

    async def hand_over(self, why: str) -> None:
        """Let them wait for a person, and say honestly by when one answers."""
        vip = why == VIP or await self._is_vip()
        language = await self._language()
        request = Request(
            why, priority=VIP_PRIORITY if vip else NORMAL, note=clipped(self.inbound.text, LONGEST_NOTE),
            language=catalogue.language_of(language),
        )  # fmt: skip
        actor = Actor("customer", self.sender.customer_id)
        due = await request_person(
            self.connection, self.conversation.id, request, self.context.config, actor=actor, now=self.context.now
        )
        by_mail_of_a_stranger = self.sender.new and self.inbound.sender.channel == EMAIL
        if due is None or why == REOPENED or not self.sender.verified or by_mail_of_a_stranger:
            return
        await plan_answer(
            self.connection, self.inbound, self.sender, self.conversation.id, self.context,
            client_token=f"{PROMISED}{self.message_id}", purpose=Purpose.CONVERSATION,
            text=catalogue.text(language, "handoff.wait", when=await self._when(due, language)),
            subject=catalogue.text(language, "answers.subject"), fenced=False,
        )  # fmt: skip

    async def _is_vip(self) -> bool:
        segment = self.context.config.desk.vip
        if not segment:
            return False
        return bool(
            await in_segment(self.connection, segment, [self.sender.customer_id], self.context.config, self.context.now)
        )

    async def _language(self) -> str:
        locale = await self.connection.scalar(
            select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == self.sender.customer_id)
        )
        return language_for(str(locale or ""), self.inbound, self.context)

    async def _when(self, due: datetime, language: str) -> str:
        """A time of today, or a day with its time, on the customer's wall clock."""
        row = (
            await self.connection.execute(
                select(_CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess).where(_CUSTOMERS.c.id == self.sender.customer_id)
            )
        ).one()
        zone = zone_named(row.zone or row.zone_guess or self.context.config.zone)
        local, today = due.astimezone(zone), self.context.now.astimezone(zone)
        clock = local_digits(f"{local:%H:%M}", language)
        return clock if local.date() == today.date() else f"{local_date(local.date(), language)}, {clock}"
