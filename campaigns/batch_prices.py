"""The prices of a batch's messages. An SMS costs as many parts as its text has, so it is rendered to be counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.definition import CampaignBody, Leg, SendStep
from campaigns.engine.journey import IdentityFacts, Price, PriceOf
from campaigns.links import MessageLinks
from campaigns.periods import zone_named
from campaigns.prices import PriceList
from campaigns.templates.content import Letter, letter_for
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.variables import NO_ORDERS, OrderFigures, variables_for
from core.ids import ID_LENGTH
from core.messages import SMS
from core.sms import sms_parts

_SOME_ID = "0" * ID_LENGTH
"""Stands for the message's id, which is not known yet: every link of ours is as long."""


def speaks_sms(body: CampaignBody) -> bool:
    """Whether the campaign can send SMS: only then are customers' data needed for its prices."""
    sends = (step for step in body.definition.steps if isinstance(step, SendStep))
    return any(SMS in (leg.channel, *leg.among) for step in sends for leg in step.legs)


@dataclass(slots=True)
class BatchPrices:
    """Prices for the customers of a batch, whose columns are in ``customers`` and whose orders are in ``orders``.

    Give ``links`` where there are any: a tracked link is longer than what the template says.
    """

    prices: PriceList
    now: datetime
    customers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    orders: Mapping[str, OrderFigures] = field(default_factory=dict)
    links: MessageLinks | None = None
    _parts: dict[tuple[int, str, str], int] = field(default_factory=dict)
    _letters: dict[tuple[int, str, str], Letter] = field(default_factory=dict)

    def price_of(self, customer_id: str, body: CampaignBody) -> PriceOf:
        """The engine's question for one customer of one campaign. Deterministic.

        Raises (when asked):
            ConfigurationError: if the channel is priced in a currency without a rate.
        """

        def price_of(channel: str, identity: IdentityFacts, template: str) -> Price:
            parts = self._sms_parts(customer_id, body, template) if channel == SMS else 1
            return Price(self.prices.price(channel, identity.country, parts), parts)

        return price_of

    def _sms_parts(self, customer_id: str, body: CampaignBody, template: str) -> int:
        key = id(body), customer_id, template
        known = self._parts.get(key)
        if known is None:
            known = self._parts[key] = max(1, sms_parts(self._text(customer_id, body, template)).parts)
        return known

    def _text(self, customer_id: str, body: CampaignBody, template: str) -> str:
        """The SMS as the customer will read it; empty where it cannot be rendered: composing it will say why."""
        config, links = self.prices.config, self.links
        customer = self.customers.get(customer_id, {})
        try:
            data = variables_for(
                customer,
                brand=config.brand,
                campaign=body.definition.name,
                now=self.now,
                zone=zone_named(customer.get("zone") or customer.get("zone_guess") or config.zone),
                orders=self.orders.get(customer_id, NO_ORDERS),
                links={"unsubscribe": links.unsubscribe(_SOME_ID), "telegram": links.telegram(_SOME_ID)}
                if links is not None
                else {},
            )
            text = self._letter(body, template, str(customer.get("locale") or "")).render(data).text
        except (TemplateFailure, KeyError, ValueError):
            return ""
        return links.tracked_text(text, _SOME_ID, {}) if links is not None else text

    def _letter(self, body: CampaignBody, template: str, locale: str) -> Letter:
        key = id(body), template, locale
        if key not in self._letters:
            config, leg = self.prices.config, Leg(channel=SMS, template=template)
            self._letters[key] = letter_for(
                body.templates, leg, locale, default_locale=config.locale, currency=config.currency
            )
        return self._letters[key]
