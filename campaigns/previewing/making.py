"""Making the preview: each text composed as a send is, and put through its adapter's own rendering. Pure."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from campaigns.composing.batch import Batch, window_is_open
from campaigns.composing.files import filled
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.limits.prices import PriceList
from campaigns.previewing.advice import advice, is_right_to_left
from campaigns.previewing.readers import Audience, Place
from campaigns.previewing.shown import Preview, Shown, Speech
from campaigns.previewing.speeches import speeches
from campaigns.previewing.words import say
from campaigns.templates.errors import TemplateFailure
from core.addresses import phone_country
from core.dispatching import Claim
from core.errors import PermanentFailure
from core.formatting import Formatted, html
from core.ids import ID_LENGTH
from core.marks import parsed
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP, Address, Attachment, Button, OutboundMessage
from core.money import Money
from core.sms import sms_parts

_NO_ID = "0" * ID_LENGTH
"""Of a message that is never sent: its links are as long as real ones and lead nowhere."""
_VERSION = "preview"
_STAND_INS = {EMAIL: "reader@example.org", SMS: "+12025550100", WHATSAPP: "+12025550100", TELEGRAM: "1"}
_PRICED_BY_NUMBER = (SMS, WHATSAPP)


def make_preview(
    body: CampaignBody,
    config: WorkspaceConfig,
    audience: Audience,
    addresses: Addresses,
    now: datetime,
    *,
    contents: Mapping[str, bytes] = MappingProxyType({}),
    step: str = "",
    lang: str = "en",
) -> Preview:
    """Everything that the campaign can send to the audience, or one step of it; told in ``lang``.

    ``contents`` are the bytes of the campaign's files, by their hash.

    Raises:
        Refused: if there is no such step.
    """
    batch = Batch(config, {_VERSION: body}, now)
    maker = _Maker(body, config, batch, audience, addresses, now, lang, contents)
    locale = str(audience.reader.customer.get("locale") or config.locale)
    return Preview(
        campaign=body.definition.name,
        customer=audience.name,
        locale=locale,
        brand=config.brand.name,
        messages=tuple(one for speech in speeches(body, step) for one in maker.shown(speech)),
        notes=audience.notes,
        lang=lang,
    )


class _Maker:
    def __init__(
        self,
        body: CampaignBody,
        config: WorkspaceConfig,
        batch: Batch,
        audience: Audience,
        addresses: Addresses,
        now: datetime,
        lang: str,
        contents: Mapping[str, bytes],
    ) -> None:
        self._body, self._config, self._batch, self._audience, self._now = body, config, batch, audience, now
        self._lang, self._contents = lang, contents
        self._links = MessageLinks(addresses)
        self._straight = MessageLinks(replace(addresses, track_clicks=False, track_opens=False))

    def shown(self, speech: Speech) -> Iterator[Shown]:
        """One text, or why there is none; WhatsApp's as it is now, and as it is with its window the other way."""
        place = self._audience.places.get(speech.channel)
        claim = self._claim(speech, place)
        now = self._shown(speech, place, claim)
        yield now
        if speech.channel == WHATSAPP and now.has_approved:
            turned = None if now.window_open else self._now
            yield replace(self._shown(speech, place, replace(claim, window_from=turned)), elsewhen=True)

    def _shown(self, speech: Speech, place: Place | None, claim: Claim) -> Shown:
        customer = self._audience.reader.customer
        try:
            _, letter = self._batch.letter(claim, str(customer.get("locale") or ""))
            rendered = self._batch.rendered(claim, self._audience.reader, self._links)
            targets: dict[str, str] = {}
            choices: dict[str, Sequence[Button]] = {}
            message = self._batch.addressed(claim, rendered, customer, self._links, targets, choices)
            message = filled(message, self._contents)
            straight = self._batch.addressed(claim, rendered, customer, self._straight, {})
        except (TemplateFailure, KeyError, ValueError) as error:
            return Shown(speech, problems=(str(error),))
        problems, text = [], straight.text
        try:
            if speech.channel in _RENDERINGS:
                text = _RENDERINGS[speech.channel](message)
        except PermanentFailure as failure:
            problems.append(failure.detail)
        window = window_is_open(claim.window_from, self._now) if speech.channel == WHATSAPP else None
        if window is False and message.template is None:
            problems.append("WhatsApp's window is closed and the text has no content_sid: it would be refused")
        told = advice(speech.channel, rendered, message, letter.locale, self._lang)
        counted = sms_parts(text) if speech.channel == SMS else None
        return Shown(
            speech=speech,
            locale=letter.locale,
            right_to_left=is_right_to_left(letter.locale),
            to=place.address.value if place else "",
            path=letter.main.path,
            message=message,
            text=text,
            subject=message.subject,
            preview=rendered.preview,
            html=_with_pictures(straight.html, message.attachments),
            rich=_rich(speech.channel, message, straight),
            buttons=straight.buttons if message.template is None else tuple(choices.get(_NO_ID, ())),
            has_approved=bool(rendered.template_id),
            links=_targets(message, straight, targets),
            sms=counted,
            price=self._price(speech.channel, place, counted.parts if counted else 1),
            window_open=window,
            problems=tuple(problems),
            notes=tuple(dict.fromkeys([*self._whereabouts(place), *told])),
        )

    def _claim(self, speech: Speech, place: Place | None) -> Claim:
        address = place.address if place else Address(speech.channel, _STAND_INS.get(speech.channel, "reader"))
        return Claim(
            message_id=_NO_ID,
            fence=0,
            customer_id=str(self._audience.reader.customer.get("id") or _NO_ID),
            identity_id="",
            to=address,
            purpose=self._body.definition.purpose,
            version=_VERSION,
            step=speech.step,
            leg=speech.leg,
            template=speech.template,
            window_from=place.window_from if place else None,
        )

    def _price(self, channel: str, place: Place | None, parts: int) -> Money:
        country = phone_country(place.address.value) if place and channel in _PRICED_BY_NUMBER else ""
        micros = PriceList.of(self._config, self._now).price(channel, country, max(1, parts))
        return Money(micros, self._config.currency)

    def _whereabouts(self, place: Place | None) -> tuple[str, ...]:
        if place is None:
            return (say(self._lang, "no_address"),) if self._audience.places else ()
        return (say(self._lang, "barred", reason=place.barred),) if place.barred else ()


def _with_pictures(html: str, files: Sequence[Attachment]) -> str:
    """A letter whose own pictures stand in it: a page has no parts beside it."""
    for one in files:
        if one.content_id:
            data = base64.b64encode(one.content).decode()
            html = html.replace(f"cid:{one.content_id}", f"data:{one.media_type};base64,{data}")
    return html


def _targets(sent: OutboundMessage, straight: OutboundMessage, targets: dict[str, str]) -> tuple[str, ...]:
    """Where the message's links lead in the end, each once."""
    found = list(targets.values()) or [button.url for button in straight.buttons if button.url]
    return tuple(dict.fromkeys((*found, *([sent.unsubscribe_url] if sent.unsubscribe_url else []))))


def _rich(channel: str, message: OutboundMessage, straight: OutboundMessage) -> str:
    """How the text looks in its app, as safe HTML; empty where it is plain."""
    if straight.spans:
        return html(Formatted(straight.text, straight.spans))
    if channel == WHATSAPP and message.template is None:  # its signs are nearly ours
        return html(parsed(message.text.replace("```", "`")))
    return ""


def _telegram(message: OutboundMessage) -> str:
    from channels.telegram.rendering import render

    calls = render(message)
    said = (str(call.text or call.fields.get("caption", "")) for call in calls)
    return "\n\n".join(text for text in said if text)


def _twilio(message: OutboundMessage) -> str:
    from channels.twilio.rendering import render

    # a template's words are the provider's; the file's body says what they are
    return str(render(message, message.to.channel, lambda file: file.name).get("body", message.text))


_RENDERINGS: dict[str, Callable[[OutboundMessage], str]] = {TELEGRAM: _telegram, SMS: _twilio, WHATSAPP: _twilio}
"""What the adapters make of a message; they refuse what their provider would."""
