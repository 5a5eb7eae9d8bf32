"""The prices of a batch's messages. An SMS costs as many parts as its text has, so it is rendered to be counted."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from campaigns.composing.finishing import Occasion, finished
from campaigns.composing.happenings import Happenings, likely_grant
from campaigns.composing.links import MessageLinks
from campaigns.composing.tagging import Tags, tags_for
from campaigns.definition import CampaignBody, Leg, SendStep
from campaigns.engine.journey import IdentityFacts, Price, PriceOf
from campaigns.limits.prices import PriceList
from campaigns.periods import zone_named
from campaigns.templates.adapting import Envelope, adapt
from campaigns.templates.attachments import attached
from campaigns.templates.content import Letter, asks_of, letter_for
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.names import NOTHING_ASKED, Asks
from campaigns.templates.sources import MESSAGE
from campaigns.templates.variables import NO_ORDERS, OrderFigures, variables_for
from core.ids import ID_LENGTH
from core.messages import SMS
from core.purposes import Purpose
from core.sms import sms_parts

_SOME_ID = "0" * ID_LENGTH
"""Stands for the message's id, which is not known yet: every link of ours is as long."""


def asked_by_sms(body: CampaignBody) -> Asks:
    """What the campaign's SMS tell beyond the customer: their length depends on it."""
    found = NOTHING_ASKED
    for path, text in body.templates.items():
        if path.rpartition("/")[2].startswith((f"{SMS}.", f"{MESSAGE}.")):
            with suppress(TemplateFailure):
                found |= asks_of(path, text)
    return found


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
    happenings: Happenings = field(default_factory=Happenings)
    _parts: dict[tuple[int, str, str], int] = field(default_factory=dict)
    _letters: dict[tuple[int, str, str], Letter] = field(default_factory=dict)
    _by_country: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        channels = self.prices.config.channels
        self._by_country = frozenset(name for name, policy in channels.items() if policy.prices)

    def price_of(self, customer_id: str, body: CampaignBody, enrolment_id: str = "") -> PriceOf:
        """The engine's question for one customer's journey through one campaign. Deterministic.

        Raises (when asked):
            ConfigurationError: if the channel is priced in a currency without a rate.
        """

        by_country = self._by_country

        def price_of(channel: str, identity: IdentityFacts, template: str) -> Price:
            parts = self._sms_parts(customer_id, body, template, enrolment_id) if channel == SMS else 1
            country = identity.where if channel in by_country else ""
            return Price(self.prices.price(channel, country, parts), parts)

        return price_of

    def _sms_parts(self, customer_id: str, body: CampaignBody, template: str, enrolment_id: str) -> int:
        key = id(body), enrolment_id or customer_id, template
        known = self._parts.get(key)
        if known is None:
            text = self._text(customer_id, body, template, enrolment_id)
            known = self._parts[key] = max(1, sms_parts(text).parts)
        return known

    def _text(self, customer_id: str, body: CampaignBody, template: str, enrolment_id: str) -> str:
        """The SMS as the customer will read it; empty where it cannot be rendered: composing it will say why."""
        config, links = self.prices.config, self.links
        customer = self.customers.get(customer_id, {})
        zone = zone_named(customer.get("zone") or customer.get("zone_guess") or config.zone)
        known = self.happenings.known(customer_id, enrolment_id)
        try:
            letter = self._letter(body, template, str(customer.get("locale") or ""))
            if letter.asks.offer and known.offer is None:  # granted only when this message is planned
                known = replace(known, offer=likely_grant(body, self.now, zone))
            data = variables_for(
                customer,
                brand=config.brand,
                campaign=body.definition.name,
                now=self.now,
                zone=zone,
                orders=self.orders.get(customer_id, NO_ORDERS),
                links={
                    "unsubscribe": links.unsubscribe(_SOME_ID),
                    "not_now": links.not_now(_SOME_ID),
                    "preferences": links.preferences(_SOME_ID),
                    "telegram": links.telegram(_SOME_ID),
                }
                if links is not None
                else {},
                asks=letter.asks,
                known=known,
            )
            rendered = letter.render(data)
            marketing = body.definition.purpose is Purpose.MARKETING
            if links is None:
                return adapt(rendered, Envelope(SMS, config.brand, marketing=marketing)).text
            tags = self._tags(body)
            files = attached(body.files, rendered.manner.path, rendered.attach)
            occasion = Occasion(_SOME_ID, SMS, "", marketing, tags=tags, files=files)
            return finished(rendered, occasion, config.brand, links, {}).text
        except (TemplateFailure, KeyError, ValueError):
            return ""

    def _tags(self, body: CampaignBody) -> Tags:
        # tags count where clicks are not tracked; no step has a longer name than the longest
        step = max((step.id for step in body.definition.steps), key=len)
        return tags_for(self.prices.config, channel=SMS, campaign=body.definition.name, step=step)

    def _letter(self, body: CampaignBody, template: str, locale: str) -> Letter:
        key = id(body), template, locale
        if key not in self._letters:
            config, leg = self.prices.config, Leg(channel=SMS, template=template)
            self._letters[key] = letter_for(
                body.templates, leg, locale, default_locale=config.locale, currency=config.currency
            )
        return self._letters[key]
