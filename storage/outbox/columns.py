"""What a gate's SQL predicate may look at: one joined row per outgoing message."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from core.purposes import TOPIC
from storage.tables import Campaign, Consent, Enrolment, Identity, Message, Setting, Suppression
from storage.types import Instant

EMERGENCY_STOP = "emergency_stop"


def table(model: Any) -> Table:
    """The Core table of a SQLModel class."""
    result: Table = model.__table__
    return result


def inline(word: str) -> ColumnElement[str]:
    """A word of ours as an SQL literal: SQLite uses a partial index only for conditions that it can read."""
    if not word.replace("_", "").isalnum():
        raise ValueError(f"{word!r} is not a word")
    return literal_column(f"'{word}'")


def is_planned(message: FromClause) -> ColumnElement[bool]:
    """The condition of ``ix_messages_planned``, word for word."""
    return and_(message.c.state == inline("planned"), message.c.direction == inline("out"))


def is_in_flight(message: FromClause) -> ColumnElement[bool]:
    """The condition of ``ix_messages_in_flight``, word for word."""
    return and_(message.c.state.in_([inline("claimed"), inline("dispatching")]), message.c.direction == inline("out"))


def opens_flow(message: FromClause) -> ColumnElement[bool]:
    """Whether the message is the first words of a flow: its template is ``@FLOW``."""
    return message.c.template.startswith("@", autoescape=True)


def is_stored(inbound: FromClause) -> ColumnElement[bool]:
    """The condition of ``ix_inbound_stored``."""
    return inbound.c.state == inline("stored")


@dataclass(frozen=True, slots=True)
class SendColumns:
    """Columns and ready-made conditions; ``now`` is the business instant, bound once a statement."""

    message: FromClause
    enrolment: FromClause
    campaign: FromClause
    identity: FromClause
    consented: ColumnElement[bool]
    topic_refused: ColumnElement[bool]
    suppressed: ColumnElement[bool]
    emergency_stop: ColumnElement[bool]
    now: BindParameter[datetime]

    def joined(self) -> FromClause:
        """The FROM clause that these columns live in."""
        message, enrolment, campaign, identity = self.message, self.enrolment, self.campaign, self.identity
        return (
            message.join(identity, identity.c.id == message.c.identity_id)
            .outerjoin(enrolment, enrolment.c.id == message.c.enrolment_id)
            .outerjoin(campaign, campaign.c.id == message.c.campaign_id)
        )


def send_columns() -> SendColumns:
    """The columns of one statement; bind ``business_now`` when it is executed."""
    message = table(Message).alias("m")
    identity = table(Identity).alias("i")
    campaign, consent, suppression = table(Campaign).alias("c"), table(Consent), table(Suppression)
    return SendColumns(
        message=message,
        enrolment=table(Enrolment).alias("e"),
        campaign=campaign,
        identity=identity,
        consented=exists(
            select(consent.c.identity_id).where(
                consent.c.identity_id == message.c.identity_id,
                consent.c.purpose == message.c.purpose,
                consent.c.granted.is_(True),
            )
        ),
        topic_refused=topic_refused(message.c.customer_id, campaign),
        suppressed=exists(
            select(suppression.c.key).where(
                and_(
                    suppression.c.key == identity.c.key,
                    or_(suppression.c.purpose == "*", suppression.c.purpose == message.c.purpose),
                )
            )
        ),
        emergency_stop=emergency_stop(),
        now=bindparam("business_now", type_=Instant()),
    )


def topic_in_force(campaign: FromClause) -> ColumnElement[str]:
    """What the campaign is about: its topic, by default its name."""
    return func.coalesce(func.nullif(campaign.c.topic, ""), campaign.c.name)


def is_topic(purpose: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a consent is about one topic; as a range, which an index can answer."""
    return and_(purpose > TOPIC, purpose < f"{TOPIC[:-1]}{chr(ord(TOPIC[-1]) + 1)}")


def topic_refused(customer_id: ColumnElement[str], campaign: FromClause) -> ColumnElement[bool]:
    """Whether the customer refused the campaign's topic, on whichever of their addresses; never without a campaign."""
    consent, identity = table(Consent).alias("tc"), table(Identity).alias("ti")
    return exists(
        select(consent.c.identity_id)
        .join(identity, identity.c.id == consent.c.identity_id)
        .where(
            identity.c.customer_id == customer_id,
            consent.c.purpose == literal(TOPIC, Text()).concat(topic_in_force(campaign)),
            consent.c.granted.is_(False),
        )
    )


def emergency_stop() -> ColumnElement[bool]:
    """True while an operator has stopped everything: the setting exists."""
    setting = table(Setting)
    return exists(select(setting.c.name).where(setting.c.name == EMERGENCY_STOP))
