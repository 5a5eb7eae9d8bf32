"""Tests: a campaign's messages to one's own addresses, planned in the outbox like any other, and what became of them.

They belong to no campaign and no journey and their purpose is ``staff``: no figure, cap or budget counts them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from campaigns.composing.files import keep_contents
from campaigns.composing.links import MessageLinks
from campaigns.composing.targets import LinkTargets
from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.operating.emergency import standing_stop
from campaigns.previewing.readers import Audience, example_audience, load_audience
from campaigns.previewing.trial import Trial, compose_trials, own_addresses, plan_trial
from campaigns.reporting.story import find_customer
from core.actors import Actor
from core.catalogue import text
from core.errors import Refused
from core.ids import new_id
from core.machines.message import MessageState
from core.purposes import Purpose
from core.wakeup import Wakeup
from core.wakeup import outbox as outbox_topic
from desk.campaigns.editing.workbench import Workbench
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Identity, Message

_MESSAGES, _IDENTITIES, _AUDIT = table(Message), table(Identity), table(Audit)
MOST_ADDRESSES, MOST_MESSAGES = 6, 40
ON_THE_WAY = frozenset({MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING})


@dataclass(frozen=True, slots=True)
class Content:
    """What is tested: a campaign's body, the settings around it, the bytes of its files by their hash."""

    body: CampaignBody
    config: WorkspaceConfig
    contents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who asks for what: ``customer`` as whom (empty: an example), ``to`` as typed, one ``step`` or all."""

    customer: str
    to: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a test."""

    id: str
    channel: str
    address: str
    subject: str
    state: MessageState
    reason: str

    @property
    def under_way(self) -> bool:
        """Whether more will be known soon."""
        return self.state in ON_THE_WAY


async def audience_of(store: Store, content: Content, customer: str, now: datetime, locale: str) -> Audience:
    """As whom the texts are read; an example reader of ``locale`` where nobody is named.

    Raises:
        Refused: if there is no such customer, or several.
    """
    if not customer:
        made_up = example_audience(content.config.locale, content.body, content.config, now, locale)
        return replace(made_up, notes=(text(locale, "desk.editor_example_note"),))
    async with store.read() as connection:
        id_ = await find_customer(connection, customer)
        return await load_audience(connection, id_, content.body, content.config, now, locale)


async def plan_tests(
    store: Store, wakeup: Wakeup, bench: Workbench, content: Content, wanted: Wanted, actor: Actor, now: datetime
) -> Sequence[Trial]:
    """Plan them, and say of each that cannot be sent why. Who asked for it, and as whom, is in the audit.

    Raises:
        Refused: in words; nothing is planned then.
    """
    async with store.read() as connection:
        stop = await standing_stop(connection)
    if stop is not None:
        words = f"everything is stopped ({stop.reason or 'no reason given'}); nothing gets past it"
        raise Refused(words, name="all_stopped", why=stop.reason or "–")
    to = own_addresses(wanted.to, bot=bench.bot_id)
    if len(to) > MOST_ADDRESSES:
        words = f"a test goes to {MOST_ADDRESSES} addresses at most"
        raise Refused(words, name="many_addresses", most=MOST_ADDRESSES)
    audience = await audience_of(store, content, wanted.customer, now, "en")
    links = MessageLinks(bench.addresses)

    def composed() -> tuple[list[Trial], dict[str, str]]:
        return compose_trials(content.body, content.config, audience, to, links, now, step=wanted.step)

    trials, targets = await asyncio.to_thread(composed)
    claims = [trial.claim for trial in trials if trial.claim is not None]
    if len(claims) > MOST_MESSAGES:
        words = f"these would be {len(claims)} messages, {MOST_MESSAGES} at most; choose a step"
        raise Refused(words, name="many_messages", count=len(claims), most=MOST_MESSAGES)
    kinds = {file.blob: file.media_type for file in content.body.files.values()}
    kept = {hash_: content.contents[hash_] for hash_ in kinds.keys() & content.contents}
    await keep_contents(store, kept, kinds, now)
    await LinkTargets(store).keep(targets, now)
    if claims:
        async with store.write() as connection:
            for claim in claims:
                await plan_trial(connection, claim, now)
            detail = {
                "as": str(audience.reader.customer.get("id") or ""),
                "messages": [one.message_id for one in claims],
            }
            await connection.execute(
                _AUDIT.insert().values(
                    id=new_id(), at=now, actor=str(actor), action="test", subject="campaign",
                    subject_id=content.body.definition.name, detail=detail,
                )
            )  # fmt: skip
        for channel in {claim.to.channel for claim in claims}:
            wakeup.notify(outbox_topic(channel))
    return trials


async def tests_sent(store: Store, ids: Sequence[str]) -> Sequence[Sent]:
    """What became of the tests of these ids; other messages are nobody's business here."""
    async with store.read() as connection:
        rows = await connection.execute(
            select(
                _MESSAGES.c.id, _MESSAGES.c.channel, _IDENTITIES.c.address, _MESSAGES.c.subject, _MESSAGES.c.content,
                _MESSAGES.c.state, _MESSAGES.c.reason,
            )
            .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
            .where(_MESSAGES.c.id.in_(ids), _MESSAGES.c.purpose == Purpose.STAFF, _MESSAGES.c.direction == "out")
            .order_by(_MESSAGES.c.id)
        )  # fmt: skip
        return [
            Sent(row.id, row.channel, row.address, row.subject or str((row.content or {}).get("subject", "")),
                 row.state, row.reason)
            for row in rows
        ]  # fmt: skip
