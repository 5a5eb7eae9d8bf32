"""A campaign's messages to our own addresses: composed as for a customer, marked, written to the outbox as claimed.

They belong to no campaign and no enrolment, and their purpose is ``staff``: no report, cap, budget or score counts
them. Like every message they have a row, an attempt that is committed before the socket, and an outcome.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.composing.batch import Batch
from campaigns.composing.links import MessageLinks
from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.previewing.advice import base_direction
from campaigns.previewing.readers import Audience
from campaigns.previewing.shown import Speech
from campaigns.previewing.speeches import speeches
from campaigns.templates.errors import TemplateFailure
from core.addresses import identity_key, normalised
from core.dispatching import Claim
from core.draws import customer_draw
from core.errors import Refused
from core.ids import new_id
from core.installed import channel_names
from core.machines.message import CLAIM, MESSAGE
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP, Address, OutboundMessage
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.statements import insert_missing, lease_clock
from storage.tables import Customer, Identity, Message

MARK = "[test] "
FOR_MINUTES = timedelta(minutes=10)
"""After that a test that did not leave is of no use to whoever waits for it."""
TESTERS = "otklik-testers"
"""The external id of the one customer to whom addresses belong that are nobody's yet."""
_RTL_MARK = "\u200f"
_MICROSECONDS = 1_000_000
_CUSTOMERS, _IDENTITIES, _MESSAGES = table(Customer), table(Identity), table(Message)


@dataclass(frozen=True, slots=True)
class Trial:
    """One message on its way to a tester, or in words why there is none."""

    speech: Speech
    to: Address | None = None
    claim: Claim | None = None
    problem: str = ""


def own_addresses(text: str, *, bot: str = "") -> list[Address]:
    """The addresses of ``me@example.org,+442025550100,telegram:12345``; a phone number is SMS and WhatsApp.

    ``bot`` is the id of our bot, whose chats Telegram's numbers are.

    Raises:
        Refused: naming what is no address.
    """
    found: list[Address] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        prefix, colon, value = part.partition(":")
        try:
            if colon and prefix in channel_names():
                found.append(normalised(prefix, value, scope=bot if prefix == TELEGRAM else ""))
            elif "@" in part.lstrip("@"):
                found.append(normalised(EMAIL, part))
            elif part.startswith("+"):
                found += [normalised(channel, part) for channel in (SMS, WHATSAPP)]
            else:
                hint = "write me@example.org, +442025550100, or a channel before it, such as telegram:12345678"
                raise Refused(f"{part!r} is no address; {hint}", name="no_address", address=part)
        except ValueError as error:
            raise Refused(str(error)) from None
    if not found:
        words = "--to names nobody; write your own addresses, such as --to me@example.org,+442025550100"
        raise Refused(words, name="no_address", address=text)
    return list(dict.fromkeys(found))


def compose_trials(
    body: CampaignBody,
    config: WorkspaceConfig,
    audience: Audience,
    addresses: Sequence[Address],
    links: MessageLinks,
    now: datetime,
    *,
    step: str = "",
) -> tuple[list[Trial], dict[str, str]]:
    """What to send, in the campaign's order, and the targets of its links. Pure but for new ids.

    Raises:
        Refused: if there is no such step.
    """
    batch = Batch(config, {"": body}, now)
    targets: dict[str, str] = {}
    trials = []
    for speech in speeches(body, step):
        places = [address for address in addresses if address.channel == speech.channel]
        if not places:
            trials.append(Trial(speech, problem=f"no {speech.channel} address among --to"))
        for place in places:
            claim = Claim(
                message_id=new_id(),
                fence=1,
                customer_id="",
                identity_id="",
                to=place,
                purpose=body.definition.purpose,
                step=speech.step,
                leg=speech.leg,
                template=speech.template,
            )
            try:
                rendered = batch.rendered(claim, audience.reader, links)
                message = batch.addressed(claim, rendered, audience.reader.customer, links, targets)
            except (TemplateFailure, KeyError, ValueError) as error:
                trials.append(Trial(speech, place, problem=str(error)))
                continue
            staffed = replace(claim, purpose=Purpose.STAFF, content=marked(message))
            trials.append(Trial(speech, place, staffed))
    return trials, targets


def marked(message: OutboundMessage) -> dict[str, Any]:
    """The content of a message, told apart by its subject, or by its first word where it has none.

    An approved template's words are the provider's: they stay as they are.
    """
    content: dict[str, Any] = {
        "text": message.text,
        "html": message.html,
        "subject": message.subject,
        "buttons": [asdict(button) for button in message.buttons],
        "keyboard": message.keyboard,
        "attachments": [
            {
                "name": one.name,
                "media_type": one.media_type,
                "size": one.size,
                "blob": one.blob,
                "content_id": one.content_id,
            }
            for one in message.attachments
        ],
        "unsubscribe_url": message.unsubscribe_url,
        "template": {"id": message.template.id, "variables": dict(message.template.variables)}
        if message.template
        else None,
    }
    key = "subject" if message.to.channel == EMAIL else "text"
    # the mark's letters must not turn a right-to-left line around
    turned = _RTL_MARK if base_direction(content[key]) == "rtl" else ""
    mark = f"{turned}{MARK}"
    content[key] = f"{mark}{content[key]}"
    if message.spans:
        content["spans"] = [
            asdict(replace(span, start=span.start + len(mark), end=span.end + len(mark))) for span in message.spans
        ]
    return content


async def write_trial(
    connection: AsyncConnection, claim: Claim, *, worker: str, lease_seconds: float, now: datetime
) -> Claim:
    """Write the message as claimed by ``worker``: nobody else can take on its sending meanwhile."""
    held = {"worker": worker, "lease_until": lease_clock() + int(lease_seconds * _MICROSECONDS)}
    return await _written(connection, claim, now, state=CLAIM.target, fence=claim.fence, **held)


async def plan_trial(connection: AsyncConnection, claim: Claim, now: datetime) -> Claim:
    """Write the message as planned: whoever sends for its channel takes it like any other, through the same gates."""
    return await _written(connection, claim, now, state=MESSAGE.initial, fence=0, worker="", lease_until=None)


async def _written(connection: AsyncConnection, claim: Claim, now: datetime, **standing: Any) -> Claim:
    identity_id, customer_id = await _identity(connection, claim.to, now)
    row = {
        "id": claim.message_id, "direction": "out", "customer_id": customer_id, "identity_id": identity_id,
        "channel": claim.to.channel, "account": "", "purpose": claim.purpose, "reason": "",
        "version": "", "step": "", "leg": "", "template": "", "lane": 0, "send_at": now, "not_before": now,
        "not_after": now + FOR_MINUTES, "tries": 0, "subject": "", "body": "",
        "content": claim.content, "raw_blob": "", "created_at": now, **standing,
    }  # fmt: skip
    await connection.execute(_MESSAGES.insert().values(**row))
    return replace(claim, customer_id=customer_id, identity_id=identity_id)


async def _identity(connection: AsyncConnection, address: Address, now: datetime) -> tuple[str, str]:
    """(identity, customer) of an address: whoever has it, else the testers' own customer, who agreed to nothing."""
    known = select(_IDENTITIES.c.id, _IDENTITIES.c.customer_id).where(
        _IDENTITIES.c.channel == address.channel,
        _IDENTITIES.c.scope == address.scope,
        _IDENTITIES.c.address == address.value,
    )
    found = (await connection.execute(known)).first()
    if found is None:
        testers = await _testers(connection, now)
        row = Identity(
            customer_id=testers, channel=address.channel, scope=address.scope, address=address.value,
            key=identity_key(address), source="test", created_at=now,
        ).model_dump()  # fmt: skip
        await insert_missing(connection, _IDENTITIES, [row])
        found = (await connection.execute(known)).one()
    return found.id, found.customer_id


async def _testers(connection: AsyncConnection, now: datetime) -> str:
    id_ = new_id()
    row = Customer(
        id=id_, external_id=TESTERS, first_name="Testers", stage="staff", draw=customer_draw(id_), created_at=now,
        updated_at=now,
    ).model_dump()  # fmt: skip
    await insert_missing(connection, _CUSTOMERS, [row])
    return str(await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.external_id == TESTERS)))


async def states_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """(state, reason) by message."""
    columns = (_MESSAGES.c.id, _MESSAGES.c.state, func.coalesce(_MESSAGES.c.reason, "").label("reason"))
    rows = await connection.execute(select(*columns).where(_MESSAGES.c.id.in_(ids)))
    return {row.id: (row.state.value, row.reason) for row in rows}
