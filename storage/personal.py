"""Where the store holds what belongs to a person, and what becomes of it when they are erased.

Every table is named once: its rows of a customer are *removed*, *made anonymous* (the rest of the row stays, for
reports, under an id that leads to nobody), *searched* for traces (:mod:`storage.traces`), or there are none. A test
holds this list against all tables and columns, so that a new one cannot be forgotten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Table, case, literal, select

from core.machines.message import MessageState
from core.messages import WEBCHAT
from storage.outbox.columns import table
from storage.tables import (
    AddressProof,
    Attempt,
    BlobOwner,
    ChatLine,
    Consent,
    ConsentRecord,
    Conversation,
    ConversationEvent,
    Customer,
    CustomerTag,
    DeskTopic,
    DistinctPair,
    Enrolment,
    EnrolmentHistory,
    Event,
    FlowRun,
    Grant,
    Hold,
    Identity,
    Merge,
    MergedCustomer,
    MergeMove,
    Message,
    MessageChoice,
    OfferCode,
    Question,
    ReceiptRow,
    Response,
    SearchText,
    SegmentMembership,
    Task,
)

_MESSAGES, _ENROLMENTS, _IDENTITIES = table(Message), table(Enrolment), table(Identity)
_EVENTS, _RESPONSES, _HISTORY, _GRANTS = table(Event), table(Response), table(EnrolmentHistory), table(Grant)
_MERGES, _TOMBSTONES = table(Merge), table(MergedCustomer)
SEARCHED = frozenset({"inbound", "blobs", "links", "commands", "audit", "api_responses"})
"""Tables without a column for the customer that may mention them."""
IMPERSONAL = frozenset(
    {
        "agent_recovery_codes", "agent_sessions", "agents",  # people of ours, who are told of by name in what they did
        "api_keys", "budget_uses", "canned_replies", "campaign_versions", "campaigns", "cursors", "experiment_weights",
        "flow_versions", "flows", "occurrences",
        "pauses", "quota_uses", "rate_slots", "segment_refreshes", "segments", "settings", "workers",
        "suppressions",  # hashes, kept on purpose: who was erased must not be written to again
    }
)  # fmt: skip
ERASED = "erased"

Find = Callable[[str], ColumnElement[bool]]
"""From a customer's id to the condition of their rows."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A table's rows of a customer. ``removed``: they go; else ``emptied`` gets these values and ``kept`` stays.

    A value may be a function of the table's columns and the anonymous customer's id.
    """

    table: Table
    find: Find
    removed: bool = True
    emptied: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


def _own(model: Any) -> Find:
    column = table(model).c.customer_id
    return lambda customer_id: column == customer_id


def _of_messages(column: ColumnElement[Any]) -> Find:
    return lambda customer_id: column.in_(select(_MESSAGES.c.id).where(_MESSAGES.c.customer_id == customer_id))


def _anonymous(_: Table, customer_id: str) -> str:
    return customer_id


def _by_id(told: Table, _: str) -> ColumnElement[str]:
    return literal(f"{ERASED}:").concat(told.c.id)


def _reason_of_ours(told: Table, _: str) -> ColumnElement[str]:
    """Why we did not send is our own word; why a provider refused may quote the address."""
    ours = told.c.state.in_([MessageState.CANCELLED, MessageState.SKIPPED])
    return case((ours, told.c.reason), else_="")


def _detail_of_ours(told: Table, _: str) -> ColumnElement[str]:
    return case((told.c.event == "SendDiverted", told.c.detail), else_="")


def _of_merges(column: ColumnElement[Any]) -> Find:
    """The merges that the customer came out of, or went through and was taken out of again."""
    return lambda customer_id: column.in_(select(_MERGES.c.id).where(_is_of_merge(customer_id)))


def _is_of_merge(customer_id: str) -> ColumnElement[bool]:
    ids = (
        select(_TOMBSTONES.c.id).where(_TOMBSTONES.c.survivor_id == customer_id).union_all(select(literal(customer_id)))
    )
    return _MERGES.c.survivor_id.in_(ids) | _MERGES.c.merged_id.in_(ids)


HOLDINGS: tuple[Holding, ...] = (
    Holding(table(MergeMove), _of_merges(table(MergeMove).c.merge_id)),
    Holding(_MERGES, _is_of_merge),
    Holding(_TOMBSTONES, lambda customer_id: _TOMBSTONES.c.survivor_id == customer_id),
    Holding(
        table(DistinctPair),
        lambda customer_id: (table(DistinctPair).c.one_id == customer_id)
        | (table(DistinctPair).c.other_id == customer_id),
    ),
    Holding(table(AddressProof), _own(AddressProof)),
    Holding(
        table(Consent),
        lambda customer_id: table(Consent).c.identity_id.in_(
            select(_IDENTITIES.c.id).where(_IDENTITIES.c.customer_id == customer_id)
        ),
    ),
    Holding(table(ConsentRecord), _own(ConsentRecord)),
    Holding(table(CustomerTag), _own(CustomerTag)),
    Holding(table(SegmentMembership), _own(SegmentMembership)),
    Holding(table(DeskTopic), _own(DeskTopic)),
    Holding(table(ConversationEvent), _own(ConversationEvent)),
    Holding(table(Question), _own(Question)),
    Holding(table(Conversation), _own(Conversation)),
    Holding(table(Task), _own(Task)),
    Holding(table(FlowRun), _own(FlowRun)),
    Holding(table(ReceiptRow), _of_messages(table(ReceiptRow).c.message_id)),
    Holding(table(MessageChoice), _of_messages(table(MessageChoice).c.message_id)),
    Holding(table(SearchText), _of_messages(table(SearchText).c.message_id)),
    Holding(
        table(BlobOwner),
        lambda customer_id: (table(BlobOwner).c.owner == "customer") & (table(BlobOwner).c.owner_id == customer_id),
    ),
    Holding(
        table(Attempt),
        _of_messages(table(Attempt).c.message_id),
        removed=False,
        emptied={"detail": ""},
        kept=("id", "message_id", "fence", "worker", "started_at", "ended_at", "outcome", "code"),
    ),
    Holding(
        table(Hold),
        _own(Hold),
        removed=False,
        emptied={"customer_id": _anonymous},
        kept=("message_id", "budget", "amount_micros", "actual_micros", "parts", "currency", "send_at", "state",
              "period_from", "shared_budget", "shared_from"),
    ),
    Holding(
        _HISTORY,
        lambda customer_id: _HISTORY.c.enrolment_id.in_(
            select(_ENROLMENTS.c.id).where(_ENROLMENTS.c.customer_id == customer_id)
        ),
        removed=False,
        emptied={"detail": _detail_of_ours},
        kept=("id", "enrolment_id", "at", "event", "step", "leg"),
    ),
    Holding(
        table(OfferCode),
        lambda customer_id: table(OfferCode).c.grant_id.in_(
            select(_GRANTS.c.id).where(_GRANTS.c.customer_id == customer_id)
        ),
        removed=False,
        emptied={"grant_id": None},
        kept=("offer", "code", "imported_at", "taken_at"),
    ),
    Holding(
        _GRANTS,
        _own(Grant),
        removed=False,
        emptied={"customer_id": _anonymous, "code": ""},
        kept=("id", "product", "offer", "campaign_id", "enrolment_id", "granted_at", "expires_at", "ended_at",
              "ended_by"),
    ),
    Holding(
        _RESPONSES,
        _own(Response),
        removed=False,
        emptied={"customer_id": _anonymous, "key": _by_id, "detail": {}, "inbound_message_id": None},
        kept=("id", "kind", "channel", "message_id", "enrolment_id", "campaign_id", "step", "attributed_by", "answered",
              "at"),
    ),
    Holding(
        _EVENTS,
        _own(Event),
        removed=False,
        emptied={"customer_id": _anonymous, "external_id": _by_id, "properties": {}, "content_hash": ""},
        kept=("id", "name", "at", "amount_micros", "currency", "source", "recorded_at"),
    ),
    Holding(
        _MESSAGES,
        lambda customer_id: (_MESSAGES.c.customer_id == customer_id) & (_MESSAGES.c.direction == "in"),
    ),
    Holding(
        _MESSAGES,
        lambda customer_id: (_MESSAGES.c.customer_id == customer_id) & (_MESSAGES.c.direction != "in"),
        removed=False,
        emptied={
            "customer_id": _anonymous, "identity_id": None,  # set to an anonymous address before
            "reason": _reason_of_ours, "conversation_id": None, "client_token": None, "provider_id": None,
            "subject": "", "body": "", "content": None, "raw_blob": "",
        },
        kept=("id", "direction", "channel", "account", "purpose", "state", "campaign_id", "enrolment_id", "version",
              "template", "step", "leg", "owner_token", "lane", "send_at", "not_before", "not_after", "retry_at",
              "tries", "fence", "lease_until", "worker", "sent_at", "settled_at", "created_at"),
    ),
    Holding(
        _ENROLMENTS,
        _own(Enrolment),
        removed=False,
        emptied={"customer_id": _anonymous},
        kept=("id", "campaign_id", "round", "version", "state", "reason", "variant", "ghost", "step", "leg", "step_at",
              "message_id", "event_id", "due_at", "entered_at", "closed_at", "revision"),
    ),
    Holding(
        table(ChatLine),
        lambda customer_id: table(ChatLine).c.visitor.in_(
            select(_IDENTITIES.c.address).where(
                _IDENTITIES.c.customer_id == customer_id, _IDENTITIES.c.channel == WEBCHAT
            )
        ),
    ),
    Holding(_IDENTITIES, _own(Identity)),
    Holding(table(Customer), lambda customer_id: table(Customer).c.id == customer_id),
)  # fmt: skip
"""In an order in which rows go before those that they refer to."""


def holdings_by_customer() -> tuple[Holding, ...]:
    """:data:`HOLDINGS`, and every other table with a ``customer_id``, which a plugin may have brought: its rows go."""
    named = {holding.table.name for holding in HOLDINGS}
    metadata = table(Customer).metadata
    others = [
        Holding(found, lambda customer_id, found=found: found.c.customer_id == customer_id)  # type: ignore[misc]
        for found in reversed(metadata.sorted_tables)
        if found.name not in named and "customer_id" in found.c
    ]
    return (*others, *HOLDINGS)
