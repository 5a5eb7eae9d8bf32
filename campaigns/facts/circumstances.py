"""What a batch knows around its journeys: chats, caps, conditions, grants, money, quotas.

Loaded once a batch, set-based, and only what its campaigns ask about. What a decision uses up is counted here at once,
so that the next one of the same batch sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.engine import (
    ChannelHistory,
    Decision,
    Effect,
    Facts,
    GrantFacts,
    GrantOffer,
    MessageFacts,
    Reschedule,
    SendMessage,
    Sent,
    SkipMessage,
    Standstill,
    TakeQuota,
)
from campaigns.facts.journeys import DueJourney
from campaigns.limits.batch_prices import BatchPrices
from campaigns.limits.budgets import Limit
from campaigns.limits.hours import chosen_hours
from core.purposes import NEEDS_CONSENT

Served = Mapping[str, frozenset[str]]
_NONE: Mapping[str, Any] = {}


@dataclass(slots=True)
class Circumstances:
    """By customer id where nothing else is said; ``refused`` are (customer, campaign), ``holding`` by (version or
    empty, condition), ``quota_left`` by (campaign, step), ``limits`` by version, ``beside`` by enrolment,
    ``money_left`` by (budget, period's beginning), ``pauses`` by campaign."""

    config: WorkspaceConfig
    prices: BatchPrices
    unserved: Served = field(default_factory=dict)
    refused: frozenset[tuple[str, str]] = frozenset()
    sent: dict[str, list[Sent]] = field(default_factory=dict)
    live_chats: frozenset[str] = frozenset()
    quiet_until: Mapping[str, datetime] = field(default_factory=dict)
    listed: frozenset[str] | None = None
    holding: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    grants: dict[str, list[GrantFacts]] = field(default_factory=dict)
    codes_left: dict[str, int] = field(default_factory=dict)
    history: Mapping[str, Mapping[str, ChannelHistory]] = field(default_factory=dict)
    quota_left: dict[tuple[str, str], int] = field(default_factory=dict)
    limits: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    money_left: dict[tuple[str, datetime], int] = field(default_factory=dict)
    tomorrow: datetime | None = None
    beside: Mapping[str, tuple[MessageFacts, ...]] = field(default_factory=dict)
    pauses: Mapping[str, tuple[Standstill, ...]] = field(default_factory=dict)
    _served: Served = field(init=False)
    _keeps_days: bool = field(init=False)
    _conditions: dict[str, list[tuple[str, frozenset[str]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keeps_days = bool(self.config.no_send.days or self.config.no_send.weekdays)
        self._served = {name: policy.countries for name, policy in self.config.channels.items() if policy.countries}

    def facts(self, item: DueJourney, body: CampaignBody) -> Facts:
        """What the engine may know for this journey, as of now."""
        customer, prices = item.customer_id, self.prices
        return Facts(
            zone=item.zone,
            sending_hours=chosen_hours(self.config.sending_hours, item.hours),
            identities=item.identities,
            message=item.message,
            beside=self.beside.get(item.enrolment_id, ()),
            countries=self._served,
            unserved=self.unserved,
            country=_country(item) if self._keeps_days else "",
            no_send=self.config.no_send,
            caps=self.config.caps,
            sent=tuple(self.sent.get(customer, ())),
            conditions={name: customer in who for name, who in self._asked(item.version)} if self.holding else _NONE,
            topic_refused=(customer, item.campaign_id) in self.refused,
            live_chat=customer in self.live_chats,
            quiet_until=self.quiet_until.get(customer),
            not_now_until=item.not_now_until,
            listed=self.listed is None or customer in self.listed,
            when_short=self._when_short(body),
            price_of=prices.price_of(customer, body, item.enrolment_id),
            money_left=self._money(item.version) if self.limits else None,
            offers=body.offers,
            grants=tuple(self.grants.get(customer, ())),
            codes_left=self.codes_left,
            attributes=(prices.customers.get(customer, _NONE).get("attributes") or _NONE)
            if prices.customers
            else _NONE,
            history=self.history.get(customer, _NONE),
            quota_left=self._left_of(item.campaign_id) if self.quota_left else _NONE,
            tomorrow=self.tomorrow,
            pauses=self.pauses.get(item.campaign_id, ()) if self.pauses else (),
        )

    def _asked(self, version: str) -> list[tuple[str, frozenset[str]]]:
        """Conditions that a version's campaign may ask about, with those for whom they hold."""
        known = self._conditions.get(version)
        if known is None:
            known = [(name, who) for (mine, name), who in self.holding.items() if mine in ("", version)]
            self._conditions[version] = known
        return known

    def _money(self, version: str) -> int | None:
        """What is left for a version's next message: that of the budget which has the least."""
        return min((self.money_left[limit.key] for limit in self.limits.get(version, ())), default=None)

    def _left_of(self, campaign: str) -> dict[str, int]:
        return {step: left for (mine, step), left in self.quota_left.items() if mine == campaign}

    def _when_short(self, body: CampaignBody) -> str:
        """By the campaign's own budget, else by the shared one that it names."""
        budget = body.definition.budget
        if budget is not None and budget.amount is None:
            budget = self.config.budget(budget.name)
        return budget.when_short if budget is not None else "cheaper"

    def used(self, item: DueJourney, decision: Decision) -> None:
        """Count what ``decision`` took."""
        for effect in decision.effects:
            self.used_by(item, effect)

    def used_by(self, item: DueJourney, effect: Effect) -> None:
        """Count what one effect took."""
        match effect:
            case SendMessage():
                if effect.purpose in NEEDS_CONSENT and self.config.caps:
                    self.sent.setdefault(item.customer_id, []).append(Sent("", effect.channel, effect.send_at))
                for limit in self.limits.get(item.version, ()):
                    self.money_left[limit.key] -= effect.price_micros
            case Reschedule() | SkipMessage():
                self._moved(item.customer_id, effect)
            case GrantOffer():
                grant = GrantFacts(effect.offer, effect.product, item.enrolment_id)
                self.grants.setdefault(item.customer_id, []).append(grant)
                if effect.offer in self.codes_left:
                    self.codes_left[effect.offer] -= 1
            case TakeQuota():
                key = item.campaign_id, effect.step
                self.quota_left[key] = self.quota_left.get(key, 0) - 1

    def _moved(self, customer: str, effect: Reschedule | SkipMessage) -> None:
        """A message that counts for caps counts at another instant, or no more."""
        known = [one for one in self.sent.get(customer, ()) if one.message_id != effect.message_id]
        if isinstance(effect, Reschedule):
            known += [
                replace(one, at=effect.send_at)
                for one in self.sent.get(customer, ())
                if one.message_id == effect.message_id
            ]
        if customer in self.sent:
            self.sent[customer] = known


def _country(item: DueJourney) -> str:
    """The customer's own country, else that of their phone: whose holidays are kept."""
    if item.country:
        return item.country
    for identity in item.identities:
        if identity.where:
            return identity.where
    return ""
