"""What was sent lately to many customers at once: what their next messages are credited to and which journeys they end.

The rules are those of :mod:`campaigns.responding.attribution` and :mod:`campaigns.responding.answers`, on rows that
were loaded for a whole batch; a property test holds the two ways equal.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition
from campaigns.responding.attribution import NOTHING, Attribution
from campaigns.versions import answers_of, definitions, hears_replies
from core.machines.message import MessageState
from core.statuses import SENT
from storage.outbox.columns import table
from storage.tables import Enrolment, Message

_ENROLMENTS, _MESSAGES = table(Enrolment), table(Message)
_SENT = select(
    _MESSAGES.c.id,
    _MESSAGES.c.customer_id,
    _MESSAGES.c.identity_id,
    _MESSAGES.c.enrolment_id,
    _MESSAGES.c.campaign_id,
    _MESSAGES.c.version,
    _MESSAGES.c.step,
    _MESSAGES.c.state,
    _MESSAGES.c.sent_at,
    _MESSAGES.c.account,
    _MESSAGES.c.provider_id,
).where(_MESSAGES.c.direction == "out")
_Quote = tuple[str, str]
"""An account and the provider's id of the message that is quoted there."""


@dataclass(slots=True)
class Sends:
    """The customers' sends of the attribution window, the newest first; what they quote; their open journeys."""

    of: dict[str, list[Row[*tuple[object, ...]]]] = field(default_factory=dict)
    quoted: dict[_Quote, Row[*tuple[object, ...]]] = field(default_factory=dict)
    journeys: dict[str, dict[str, str]] = field(default_factory=dict)
    """By customer, the version of each open enrolment."""
    versions: Mapping[str, CampaignDefinition] = field(default_factory=dict)

    def credited(self, customer_id: str, identity_id: str, quote: _Quote, since: datetime) -> Attribution:
        """What a messenger's message of that address is credited to: what it quotes, else the last of a campaign."""
        found = self.quoted.get(quote)
        if found is not None and found.customer_id == customer_id:
            return _attribution(found, "in_reply_to")
        for row in self.of.get(customer_id, ()):
            if row.sent_at < since:
                break
            if row.identity_id == identity_id and row.campaign_id is not None:
                return _attribution(row, "last_message")
        return NOTHING

    def unsettled(self, credited: Attribution, quote: _Quote) -> bool:
        """Whether nobody knew yet that the credited message arrived."""
        rows = (self.quoted.get(quote), *self.of.get(credited.customer_id or "", ()))
        return any(
            row is not None and row.id == credited.message_id and row.state is MessageState.UNKNOWN for row in rows
        )

    def answered(self, customer_id: str, credited: Attribution, quote: _Quote, since: datetime) -> list[str]:
        """The open journeys that a person's reply ends; they are open to no later reply of the batch."""
        journeys = self.journeys.get(customer_id)
        if not journeys:
            return []
        found: dict[str, None] = {}
        rows = list(self.of.get(customer_id, ()))
        if (one := self.quoted.get(quote)) is not None and one.state in SENT and one.sent_at is not None:
            rows.append(one)
        for row in rows:
            if row.enrolment_id not in journeys:
                continue
            definition = self.versions.get(journeys[row.enrolment_id])
            is_credited = row.id == credited.message_id and "reply" in answers_of(definition, row.step)
            if is_credited or (row.sent_at >= since and hears_replies(definition, row.step)):
                found[row.enrolment_id] = None
        for enrolment_id in found:
            del journeys[enrolment_id]
        return list(found)


async def load_sends(
    connection: AsyncConnection, customer_ids: Sequence[str], quotes: Iterable[_Quote], since: datetime
) -> Sends:
    """What the customers may answer; ``since`` is where the earliest attribution window of the batch begins.

    ``customer_ids`` are those of a batch, ``quotes`` what their messages quote.
    """
    sends = Sends()
    if customer_ids:
        of: dict[str, list[Row[*tuple[object, ...]]]] = defaultdict(list)
        recent = _SENT.where(
            _MESSAGES.c.customer_id.in_(customer_ids), _MESSAGES.c.state.in_(SENT), _MESSAGES.c.sent_at >= since
        )
        for row in await connection.execute(recent):
            of[row.customer_id].append(row)
        for rows in of.values():
            rows.sort(key=lambda row: (row.sent_at, row.id), reverse=True)
        sends.of = of
    by_account: dict[str, set[str]] = defaultdict(set)
    for account, provider_id in quotes:
        by_account[account].add(provider_id)
    for account, ids in by_account.items():
        wanted = _SENT.where(
            _MESSAGES.c.account == account,
            _MESSAGES.c.provider_id.in_(sorted(ids)),
            _MESSAGES.c.provider_id.is_not(None),  # SQLite asks a partial index only where its condition stands
        )
        for row in await connection.execute(wanted):
            sends.quoted[account, row.provider_id] = row
    sends.journeys = await _open_journeys(connection, sends)
    versions = {version for journeys in sends.journeys.values() for version in journeys.values()}
    if versions:
        sends.versions = await definitions(connection, versions)
    return sends


async def _open_journeys(connection: AsyncConnection, sends: Sends) -> dict[str, dict[str, str]]:
    """Of those that sent something of this, the open ones: {customer: {enrolment: version}}."""
    rows = [row for rows in sends.of.values() for row in rows] + list(sends.quoted.values())
    enrolment_ids = {row.enrolment_id for row in rows if row.enrolment_id is not None}
    journeys: dict[str, dict[str, str]] = defaultdict(dict)
    if enrolment_ids:
        wanted = select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id, _ENROLMENTS.c.version).where(
            _ENROLMENTS.c.id.in_(sorted(enrolment_ids)), _ENROLMENTS.c.closed_at.is_(None)
        )
        for row in await connection.execute(wanted):
            journeys[row.customer_id][row.id] = row.version
    return journeys


def _attribution(row: Row[*tuple[object, ...]], by: str) -> Attribution:
    return Attribution(
        row.id, row.customer_id, row.identity_id, row.enrolment_id, row.campaign_id, row.version, row.step, by
    )
