"""Composing: claimed messages become what the provider gets. Satisfies ``channels.dispatch.Composer``.

A batch needs two queries; rendering is pure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns.customers import customers_by_id, orders_of
from campaigns.definition import CampaignBody, Leg, WorkspaceConfig
from campaigns.links import LinkTargets, MessageLinks
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.templates.content import Letter, Rendered, letter_for
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.variables import NO_ORDERS, OrderFigures, variables_for
from campaigns.versions import bodies
from core.clock import Clock
from core.dispatching import Claim
from core.messages import EMAIL, WHATSAPP, Button, OutboundMessage, ProviderTemplate
from core.purposes import Purpose
from storage.store import Store

WHATSAPP_WINDOW = timedelta(hours=24)


class Composer:
    """Composes for one worker."""

    def __init__(self, store: Store, clock: Clock, links: MessageLinks) -> None:
        self._store = store
        self._clock = clock
        self._links = links
        self._targets = LinkTargets(store)

    async def compose(self, claims: Sequence[Claim]) -> Mapping[str, OutboundMessage | str]:
        """Per message id: what to send, or in words why it cannot be composed."""
        now = self._clock.now()
        customer_ids = {claim.customer_id for claim in claims}
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            by_version = await bodies(connection, {claim.version for claim in claims})
            customers = await customers_by_id(connection, customer_ids)
            orders = await orders_of(connection, customer_ids, now)
        batch = _Batch(config, by_version, now)
        targets: dict[str, str] = {}
        composed: dict[str, OutboundMessage | str] = {}
        for claim in claims:
            customer = customers.get(claim.customer_id, {})
            try:
                if claim.content is not None:
                    composed[claim.message_id] = self._ready(claim, customer)
                    continue
                bought = orders.get(claim.customer_id, NO_ORDERS)
                links = {
                    "unsubscribe": self._links.unsubscribe(claim.message_id),
                    "telegram": self._links.telegram(claim.message_id),
                }
                rendered = batch.rendered(claim, customer, bought, links)
                composed[claim.message_id] = self._addressed(claim, rendered, customer, now, targets)
            except (TemplateFailure, KeyError, ValueError) as error:
                composed[claim.message_id] = f"template: {error}"
        await self._targets.keep(targets, now)
        return composed

    def _addressed(
        self, claim: Claim, rendered: Rendered, customer: Mapping[str, Any], now: datetime, targets: dict[str, str]
    ) -> OutboundMessage:
        id_ = claim.message_id
        html = self._links.tracked_html(rendered.html, id_, targets)
        if html:
            pixel = self._links.pixel(id_)
            end = html.rfind("</body>")
            html = f"{html[:end]}{pixel}{html[end:]}" if end >= 0 else html + pixel
        outside_window = claim.to.channel == WHATSAPP and not _window_is_open(claim, now)
        marketing = claim.purpose is Purpose.MARKETING
        return OutboundMessage(
            id=id_,
            to=claim.to,
            to_name=_name(customer),
            purpose=claim.purpose,
            text=self._links.tracked_text(rendered.text, id_, targets),
            html=html,
            subject=rendered.subject,
            buttons=tuple(
                Button(button.label, button.value, self._links.tracked_url(button.url, id_, targets))
                for button in rendered.buttons
            ),
            template=(
                ProviderTemplate(rendered.template_id, dict(rendered.template_variables))
                if outside_window and rendered.template_id
                else None
            ),
            reply_to=self._links.reply_to(id_) if claim.to.channel == EMAIL else "",
            unsubscribe_url=self._links.unsubscribe(id_) if marketing and claim.to.channel == EMAIL else "",
        )

    def _ready(self, claim: Claim, customer: Mapping[str, Any]) -> OutboundMessage:
        """A message whose words are already chosen: an answer, a confirmation."""
        content = claim.content or {}
        return OutboundMessage(
            id=claim.message_id,
            to=claim.to,
            to_name=_name(customer),
            purpose=claim.purpose,
            text=str(content.get("text", "")),
            subject=str(content.get("subject", "")),
            buttons=tuple(Button(**button) for button in content.get("buttons", ())),
            in_reply_to=str(content.get("in_reply_to", "")),
            references=tuple(content.get("references", ())),
            reply_to=self._links.reply_to(claim.message_id) if claim.to.channel == EMAIL else "",
        )


class _Batch:
    """What the letters of one batch share; each template is chosen once."""

    def __init__(self, config: WorkspaceConfig, by_version: Mapping[str, CampaignBody], now: datetime) -> None:
        self._config = config
        self._by_version = by_version
        self._now = now
        self._letters: dict[tuple[str, ...], tuple[str, Letter]] = {}

    def rendered(
        self, claim: Claim, customer: Mapping[str, Any], orders: OrderFigures, links: Mapping[str, str]
    ) -> Rendered:
        campaign, letter = self._letter(claim, str(customer.get("locale") or ""))
        data = variables_for(
            customer,
            brand=self._config.brand,
            campaign=campaign,
            now=self._now,
            zone=zone_named(customer.get("zone") or customer.get("zone_guess") or self._config.zone),
            orders=orders,
            links=links,
        )
        return letter.render(data)

    def _letter(self, claim: Claim, locale: str) -> tuple[str, Letter]:
        """(campaign, letter)."""
        channel = claim.to.channel
        key = (claim.version, claim.step, claim.leg, claim.template, channel, locale)
        found = self._letters.get(key)
        if found is None:
            body = self._by_version.get(claim.version)
            step = body.definition.send_step(claim.step) if body is not None else None
            leg = step.leg(claim.leg) if step is not None else None
            if body is None or leg is None:
                raise KeyError(f"version {claim.version[:12]} has no step {claim.step!r}")
            # which channel and template was decided when the message was planned: best, a variant, less money
            leg = Leg(channel=channel, template=claim.template or leg.template)
            config = self._config
            letter = letter_for(body.templates, leg, locale, default_locale=config.locale, currency=config.currency)
            found = self._letters[key] = body.definition.name, letter
        return found


def _name(customer: Mapping[str, Any]) -> str:
    return f"{customer.get('first_name') or ''} {customer.get('last_name') or ''}".strip()


def _window_is_open(claim: Claim, now: datetime) -> bool:
    return claim.window_from is not None and now - claim.window_from < WHATSAPP_WINDOW
