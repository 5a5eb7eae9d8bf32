"""The letters of one batch of claims, rendered and addressed. Pure, and able to do so in a process of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from campaigns.composing.finishing import Occasion, finished, finished_words
from campaigns.composing.links import MessageLinks
from campaigns.composing.tagging import Tags, tags_for
from campaigns.definition import CampaignBody, Leg, WorkspaceConfig
from campaigns.periods import zone_named
from campaigns.templates.adapting import Adapted
from campaigns.templates.attachments import attached
from campaigns.templates.content import Letter, Manner, Rendered, letter_for
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.names import NOTHING_ASKED, Asks
from campaigns.templates.variables import NO_ORDERS, NOTHING_KNOWN, Known, OrderFigures, variables_for
from core.dispatching import Claim
from core.messages import EMAIL, WHATSAPP, Attachment, Button, OutboundMessage, ProviderTemplate, Span
from core.purposes import Purpose
from core.values import value

WHATSAPP_WINDOW = timedelta(hours=24)


def ready(
    claim: Claim,
    customer: Mapping[str, Any],
    config: WorkspaceConfig,
    links: MessageLinks,
    made: "Made",
) -> OutboundMessage:
    """A message whose words are already chosen: an answer, a confirmation, a test of a campaign's."""
    content = claim.content or {}
    template = content.get("template")
    said = _chosen_words(claim, content, customer, config, links, made.targets)
    if said.choices:
        made.choices[claim.message_id] = said.choices
    return OutboundMessage(
        id=claim.message_id,
        to=claim.to,
        to_name=_name(customer),
        purpose=claim.purpose,
        text=said.text,
        html=said.html,
        spans=said.spans,
        subject=str(content.get("subject", "")),
        buttons=said.buttons,
        keyboard=said.keyboard,
        attachments=said.attachments,
        template=ProviderTemplate(**template) if template else None,
        in_reply_to=str(content.get("in_reply_to", "")),
        replaces=str(content.get("replaces", "")),
        references=tuple(content.get("references", ())),
        reply_to=links.reply_to(claim.message_id) if claim.to.channel == EMAIL else "",
        unsubscribe_url=str(content.get("unsubscribe_url", "")),
    )


def _chosen_words(
    claim: Claim,
    content: Mapping[str, Any],
    customer: Mapping[str, Any],
    config: WorkspaceConfig,
    links: MessageLinks,
    targets: dict[str, str],
) -> Adapted:
    buttons = tuple(Button(**button) for button in content.get("buttons", ()))
    text, html = str(content.get("text", "")), str(content.get("html", ""))
    spans = tuple(Span(**span) for span in content.get("spans", ()))
    files = tuple(_file(noted) for noted in content.get("attachments", ()))
    if not (buttons or spans or files):
        return Adapted(text, html)
    locale = str(customer.get("locale") or config.locale)
    rendered = Rendered(
        text, str(content.get("subject", "")), html, buttons=buttons, spans=spans, locale=locale,
        manner=Manner(
            is_formatted=bool(content.get("formatted")), long="shorten",
            keyboard="reply" if content.get("keyboard") == "reply" else "inline",
        ),
    )  # fmt: skip
    occasion = Occasion(claim.message_id, claim.to.channel, approved=bool(content.get("template")), files=files)
    return finished_words(rendered, occasion, config.brand, links, targets)


def _file(noted: Mapping[str, Any]) -> Attachment:
    """A file as a message's content notes it."""
    content_id = str(noted.get("content_id", ""))
    return Attachment(noted["name"], noted["media_type"], noted["size"], blob=noted["blob"], content_id=content_id)


@value(frozen=True, slots=True)
class Reader:
    """Whom a message is for: the customer's columns, what their orders come to, what else is known."""

    customer: Mapping[str, Any]
    orders: OrderFigures = NO_ORDERS
    known: Known = NOTHING_KNOWN


@dataclass(slots=True)
class Made:
    """What became of a batch, by message id: what to send, or in words why it cannot be composed.

    ``targets`` are where its links lead, by their ids; ``choices`` what answers to its messages may mean.
    """

    messages: dict[str, OutboundMessage | str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Sequence[Button]] = field(default_factory=dict)


class Batch:
    """What the letters of one batch share; each template is chosen once. Pure."""

    def __init__(self, config: WorkspaceConfig, by_version: Mapping[str, CampaignBody], now: datetime) -> None:
        self.config = config
        self.by_version = by_version
        self.now = now
        self._letters: dict[tuple[str, ...], tuple[str, Letter]] = {}
        self._tags_of: dict[tuple[str, str, str], Tags] = {}

    @property
    def asks(self) -> Asks:
        """What the letters that were chosen so far want to know beyond the customers."""
        return reduce(or_, (letter.asks for _, letter in self._letters.values()), NOTHING_ASKED)

    def make(self, claim: Claim, reader: Reader, links: MessageLinks, made: Made) -> None:
        """Compose one message into ``made``."""
        if claim.content is not None:
            made.messages[claim.message_id] = ready(claim, reader.customer, self.config, links, made)
            return
        try:
            rendered = self.rendered(claim, reader, links)
            message = self.addressed(claim, rendered, reader.customer, links, made.targets, made.choices)
            made.messages[claim.message_id] = message
        except (TemplateFailure, KeyError, ValueError) as error:
            made.messages[claim.message_id] = f"template: {error}"

    def rendered(self, claim: Claim, reader: Reader, links: MessageLinks) -> Rendered:
        """What the customer reads, its links still as they were written.

        Raises:
            TemplateFailure, KeyError, ValueError: if it cannot be rendered.
        """
        customer = reader.customer
        campaign, letter = self.letter(claim, str(customer.get("locale") or ""))
        data = variables_for(
            customer,
            brand=self.config.brand,
            campaign=campaign,
            now=self.now,
            zone=zone_named(customer.get("zone") or customer.get("zone_guess") or self.config.zone),
            orders=reader.orders,
            links={
                "unsubscribe": links.unsubscribe(claim.message_id),
                "not_now": links.not_now(claim.message_id),
                "preferences": links.preferences(claim.customer_id),
                "telegram": links.telegram(claim.message_id),
            },
            asks=letter.asks,
            known=reader.known,
        )
        return letter.render(data)

    def addressed(
        self,
        claim: Claim,
        rendered: Rendered,
        customer: Mapping[str, Any],
        links: MessageLinks,
        targets: dict[str, str],
        choices: dict[str, Sequence[Button]] | None = None,
    ) -> OutboundMessage:
        """The message with its envelope; its links are tagged and lead through us, to ``targets``.

        What an answer to it may mean is added to ``choices``.

        Raises:
            TemplateFailure: if it is too long for its channel.
            ValueError: if its version does not keep a file that it carries.
        """
        id_, channel = claim.message_id, claim.to.channel
        outside_window = channel == WHATSAPP and not window_is_open(claim.window_from, self.now)
        approved = outside_window and bool(rendered.template_id)
        marketing = claim.purpose is Purpose.MARKETING
        files = self._files(claim, rendered)
        occasion = Occasion(id_, channel, claim.customer_id, marketing, approved, self._tags(claim), files)
        said = finished(rendered, occasion, self.config.brand, links, targets)
        if said.choices and choices is not None:
            choices[id_] = said.choices
        return OutboundMessage(
            id=id_,
            to=claim.to,
            to_name=_name(customer),
            purpose=claim.purpose,
            text=said.text,
            html=said.html,
            spans=said.spans,
            subject=rendered.subject,
            buttons=said.buttons,
            keyboard=said.keyboard,
            attachments=said.attachments,
            template=ProviderTemplate(rendered.template_id, dict(rendered.template_variables)) if approved else None,
            reply_to=links.reply_to(id_) if channel == EMAIL else "",
            repeats=claim.repeats,
            unsubscribe_url=links.unsubscribe(id_) if marketing and channel == EMAIL else "",
        )

    def letter(self, claim: Claim, locale: str) -> tuple[str, Letter]:
        """The campaign's name and the letter that speaks for the claim.

        Raises:
            KeyError: if the version has no such step.
            TemplateFailure: if there is no template, or it is broken.
        """
        channel = claim.to.channel
        key = (claim.version, claim.step, claim.leg, claim.template, channel, locale)
        found = self._letters.get(key)
        if found is None:
            body = self.by_version.get(claim.version)
            step = body.definition.send_step(claim.step) if body is not None else None
            leg = step.leg(claim.leg) if step is not None else None
            if body is None or leg is None:
                raise KeyError(f"version {claim.version[:12]} has no step {claim.step!r}")
            # which channel and template was decided when the message was planned: best, a variant, less money
            leg = Leg(channel=channel, template=claim.template or leg.template)
            config = self.config
            letter = letter_for(body.templates, leg, locale, default_locale=config.locale, currency=config.currency)
            found = self._letters[key] = body.definition.name, letter
        return found

    def _files(self, claim: Claim, rendered: Rendered) -> tuple[Attachment, ...]:
        body = self.by_version.get(claim.version)
        if not rendered.attach or body is None:
            return ()
        return attached(body.files, rendered.manner.path, rendered.attach)

    def _tags(self, claim: Claim) -> Tags:
        key = claim.version, claim.step, claim.to.channel
        found = self._tags_of.get(key)
        if found is None:
            body = self.by_version.get(claim.version)
            campaign = body.definition.name if body is not None else ""
            found = tags_for(self.config, channel=claim.to.channel, campaign=campaign, step=claim.step)
            self._tags_of[key] = found
        return found


def _name(customer: Mapping[str, Any]) -> str:
    return f"{customer.get('first_name') or ''} {customer.get('last_name') or ''}".strip()


def window_is_open(window_from: datetime | None, now: datetime) -> bool:
    """Whether free text may go to somebody whose last message on WhatsApp came at ``window_from``."""
    return window_from is not None and now - window_from < WHATSAPP_WINDOW
