"""What the API reads, and campaigns that are started for named customers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.api.access import STORE_SECONDS, Door
from campaigns.api.experimenting import experiment_out
from campaigns.api.keys import Caller
from campaigns.api.problems import Problem
from campaigns.api.shapes import TriggerIn, TriggerOut
from campaigns.api.taking import customer_ids
from campaigns.customers.card import customer_card
from campaigns.experiments.results import result_if_any
from campaigns.live import workspace_config
from campaigns.reporting.report import campaign_report
from campaigns.starting.entry import enrol_group
from campaigns.versions import definitions
from core.errors import Refused
from core.ids import new_ids
from core.machines.campaign import CampaignState
from core.money import MICRO, Money
from storage.merging.tombstones import known_by
from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import Campaign, Event

_CAMPAIGNS, _EVENTS = table(Campaign), table(Event)
SOURCE, TRIGGERED = "api", "campaign_triggered"
_FIELDS = ("external_id", "first_name", "last_name", "locale", "zone", "country", "city", "gender", "birthday", "stage",
           "attributes", "created_at", "updated_at")  # fmt: skip


@asynccontextmanager
async def _reading(door: Door) -> AsyncIterator[AsyncConnection]:
    async with asyncio.timeout(STORE_SECONDS), door.store.read() as connection:
        yield connection


async def customer_out(door: Door, external_id: str) -> dict[str, Any]:
    """One customer.

    Raises:
        Problem: 404 if the store does not know them.
    """
    async with _reading(door) as connection:
        id_ = await known_by(connection, external_id)
        if id_ is None:
            raise Problem(404, f"there is no customer {external_id!r}")
        card = await customer_card(connection, id_)
    return {
        **{name: card.customer[name] for name in _FIELDS},
        "addresses": [
            {"channel": one["channel"], "address": one["address"], "reachable": one["reachable"],
             "suppressed": bool(one["suppressed"])}
            for one in card.identities
        ],
        "consents": [
            {name: one[name] for name in ("channel", "address", "purpose", "granted", "at", "source", "wording",
                                          "document")}
            for one in card.consents
        ],
        "segments": card.segments,
        "journeys": [
            {"campaign": one["campaign"], "state": one["state"].value, "reason": one["reason"], "step": one["step"],
             "entered_at": one["entered_at"], "closed_at": one["closed_at"]}
            for one in card.enrolments
        ],
    }  # fmt: skip


async def list_campaigns(door: Door) -> list[dict[str, Any]]:
    """The applied campaigns by name."""
    async with _reading(door) as connection:
        rows = (await connection.execute(_CAMPAIGNS.select().order_by(_CAMPAIGNS.c.name))).all()
        known = await definitions(connection, {row.version for row in rows})
    return [
        {
            "name": row.name,
            "state": row.state.value,
            "start": known[row.version].start.kind if row.version in known else "",
            "started_at": row.started_at,
            "version": row.version,
        }
        for row in rows
    ]


async def report_out(door: Door, name: str) -> dict[str, Any]:
    """The report of a campaign, with the result of its experiment; None where it has none.

    Raises:
        Problem: 404 if there is none of the name.
    """
    async with _reading(door) as connection:
        try:
            report = await campaign_report(connection, name, now=door.clock.now())
            experiment = await result_if_any(connection, name, door.clock.now())
        except Refused as error:
            raise Problem(404, str(error)) from None
    return {**_plain(report), "experiment": experiment_out(experiment) if experiment is not None else None}


async def trigger_campaign(door: Door, caller: Caller, name: str, asked: TriggerIn) -> TriggerOut:
    """Let customers enter the campaign; what the call says is kept as an event of each who does.

    Raises:
        Problem: 404, or 409 if the campaign does not take anybody by this road now.
    """
    async with _reading(door) as connection:
        row = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == name))).first()
        if row is None:
            raise Problem(404, f"there is no campaign {name!r}")
        definition = (await definitions(connection, [row.version]))[row.version]
        config = await workspace_config(connection)
        ids = await customer_ids(connection, asked.customers)
    if definition.start.kind != "api":
        raise Problem(409, f"campaign {name!r} starts by {definition.start.kind}; write start: api to trigger it")
    if row.state is not CampaignState.ACTIVE:
        raise Problem(409, f"campaign {name!r} is {row.state.value}; only an active one takes customers")
    campaign = Campaign(**row._mapping)  # noqa: SLF001  public API of Row
    now = door.clock.now()
    entered: set[str] = set()
    for group in chunks(sorted(ids.values()), 250):
        events = dict(zip(group, new_ids(len(group)), strict=True))
        async with asyncio.timeout(STORE_SECONDS), door.store.write() as connection:
            came = await enrol_group(connection, campaign, definition, config, group, now, trigger=events)
            if came:
                await connection.execute(
                    _EVENTS.insert(),
                    [
                        {
                            "id": events[id_], "customer_id": id_, "name": TRIGGERED, "at": now, "currency": "",
                            "source": SOURCE, "external_id": f"{TRIGGERED}:{events[id_]}", "content_hash": "",
                            "properties": {**asked.data, "campaign": name, "by": caller.name}, "recorded_at": now,
                        }
                        for id_ in came
                    ],
                )  # fmt: skip
        entered.update(came)
    if entered:
        await door.on_event()
    wanted = list(dict.fromkeys(asked.customers))
    return TriggerOut(
        entered=[one for one in wanted if ids.get(one) in entered],
        not_entered=[one for one in wanted if one in ids and ids[one] not in entered],
        unknown=[one for one in wanted if one not in ids],
    )


def _plain(value: Any) -> Any:
    """A report's values as JSON has them; money as decimal text with its currency."""
    if isinstance(value, Money):
        return {"amount": str(Decimal(value.micros) / MICRO), "currency": value.currency}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value
