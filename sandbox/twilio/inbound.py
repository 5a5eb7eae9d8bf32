"""Messages that customers write: opt-out words, the signed webhook, and TwiML in its answer."""

from collections.abc import Callable, Sequence
from xml.etree import ElementTree as ET

from sandbox.clock import BusinessClock
from sandbox.faults import Faults
from sandbox.people import Message, People, Person
from sandbox.twilio.account import API_VERSION, Account, TwilioMessage
from sandbox.twilio.delivery import Delivery
from sandbox.twilio.segments import segments

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})

_ANSWERS = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number."
    " Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help."
    " Reply STOP to unsubscribe.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


class Inbound:
    """Carries a customer's SMS or WhatsApp message to the company's webhook."""

    def __init__(
        self, *, clock: BusinessClock, account: Account, people: People, faults: Faults, delivery: Delivery
    ) -> None:
        self._clock = clock
        self._account = account
        self._people = people
        self._faults = faults
        self._delivery = delivery
        self.on_twiml: Callable[[dict[str, list[str]]], object] | None = None

    async def write(
        self, person: Person, channel: str, text: str, *, answered: Message | None = None, button: bool = False,
        media: Sequence[tuple[str, str]] = (),
    ) -> bool:  # fmt: skip
        """Write ``text`` from the person's phone, perhaps in answer to a bubble or by pressing its quick reply.

        ``media`` are types and addresses of files, with a place for the message. True when the webhook took it (2xx).
        Keywords of SMS work as by default at Twilio, and reach the webhook too.
        """
        settings = self._account.settings
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        numbers = settings.whatsapp_numbers if prefix else settings.numbers
        ours = (answered.sender if answered else None) or prefix + (numbers or [""])[0]
        now = self._clock.micros()
        if prefix:
            person.whatsapp_heard_at = now
        keyword = _keyword(text) if not prefix else None
        if keyword in ("STOP", "START"):
            person.sms_stopped = keyword == "STOP"
        bubble = self._people.post(person, channel, "customer", text)
        message = TwilioMessage(
            sid=self._account.new_sid("SM", f"from {prefix}{person.phone}"),
            to=ours, sender=f"{prefix}{person.phone}", body=text, status="received", created=now, updated=now,
            direction="inbound", num_media=len(media), num_segments=1 if prefix else segments(text), sent=now,
        )  # fmt: skip
        bubble.provider_id = message.sid
        self._account.keep(message)
        if keyword is not None:
            self._people.post(person, channel, "provider", _ANSWERS[keyword])
            self._people.changed(person)
        if settings.inbound_url is None:
            bubble.status = "no webhook"
            return False
        parameters = self._parameters(message, person, keyword)
        if prefix and answered is not None and answered.provider_id:
            parameters["OriginalRepliedMessageSid"] = answered.provider_id
            parameters["OriginalRepliedMessageSender"] = ours
        for index, (media_type, url) in enumerate(media):
            parameters |= {f"MediaContentType{index}": media_type, f"MediaUrl{index}": url.format(message=message.sid)}
        if button:
            parameters |= {"ButtonText": text, "ButtonPayload": text, "MessageType": "button"}
        copies = self._faults.copies("twilio", channel, person.phone or "")
        answer = await self._delivery.call_back(settings.inbound_url, parameters, copies)
        bubble.status = "delivered" if answer.ok else f"webhook: {answer.status or answer.error}"
        self._people.changed(person, channel, bubble)
        if answer.ok and "xml" in answer.content_type and self.on_twiml is not None:
            for body in twiml_messages(answer.body):
                self.on_twiml({"To": [parameters["From"]], "From": [ours], "Body": [body]})
        return answer.ok

    def _parameters(self, message: TwilioMessage, person: Person, keyword: str | None) -> dict[str, str]:
        sender = message.sender or ""
        parameters = {
            "AccountSid": self._account.settings.account_sid,
            "ApiVersion": API_VERSION,
            "Body": message.body,
            "From": sender,
            "MessageSid": message.sid,
            "NumMedia": str(message.num_media),
            "NumSegments": str(message.num_segments),
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": message.to,
        }
        if sender.startswith("whatsapp:"):
            parameters |= {
                "ChannelMetadata": "{}",
                "MessageType": "text",
                "ProfileName": person.name,
                "WaId": sender.removeprefix("whatsapp:+"),
            }
        elif person.country:
            parameters |= {"FromCountry": person.country.upper(), "FromCity": "", "FromState": "", "FromZip": ""}
        if keyword is not None and self._account.settings.advanced_opt_out:
            parameters["OptOutType"] = keyword
        return parameters


def twiml_messages(body: bytes) -> list[str]:
    """The texts of ``<Response><Message>`` in a webhook's answer; nothing when it is not TwiML."""
    if b"<!" in body:  # no document types: nothing to expand
        return []
    try:
        root = ET.fromstring(body)  # noqa: S314 - documents with declarations were refused above
    except ET.ParseError:
        return []
    return [text for text in ("".join(node.itertext()).strip() for node in root.iter("Message")) if text]


def _keyword(text: str) -> str | None:
    word = text.strip().upper()
    if word in STOP_WORDS:
        return "STOP"
    if word in START_WORDS:
        return "START"
    return "HELP" if word in HELP_WORDS else None
