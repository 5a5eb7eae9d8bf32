"""What becomes of an accepted message: its statuses over business time, signed callbacks, the phone."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qs, urlencode

from sandbox.clock import BusinessClock
from sandbox.faults import Faults
from sandbox.outbound import Answer, Outbound
from sandbox.people import Message, People, Person
from sandbox.twilio.account import API_VERSION, Account, TwilioMessage
from sandbox.twilio.errors import CODES
from sandbox.twilio.signature import signature

SENT_AFTER = 1.0  # seconds of business time after acceptance
DELIVERED_AFTER = 3.0
WINDOW = 24 * 3600 * 1_000_000  # microseconds in which WhatsApp allows free text after the customer's last message

_RANK = {"accepted": 0, "queued": 0, "sending": 1, "sent": 2, "delivered": 3, "undelivered": 3, "failed": 3, "read": 4}


class Delivery:
    """Moves messages through their statuses and tells the callback address."""

    def __init__(
        self, *, clock: BusinessClock, account: Account, people: People, faults: Faults, outbound: Outbound
    ) -> None:
        self._clock = clock
        self._account = account
        self._people = people
        self._faults = faults
        self._outbound = outbound
        self._bubbles: dict[str, tuple[Person, Message]] = {}
        self.failed_callbacks = 0
        self.fetch: Callable[[list[str]], Awaitable[Sequence[object] | None]] | None = None

    def begin(self, message: TwilioMessage) -> None:
        """Schedule all that will happen to an accepted message."""
        person = self._people.by_phone.get(message.number)
        error = self._obstacle(message, person)
        reordered = self._faults.reorders("twilio", message.channel, message.number)
        self._clock.schedule(SENT_AFTER, lambda: self._sent(message, callback=not reordered))
        if error is not None or person is None:
            self._clock.schedule(DELIVERED_AFTER, lambda: self._move(message, "undelivered", error or 30005))
            return
        self._clock.schedule(DELIVERED_AFTER, lambda: self._delivered(message, person, late_sent=reordered))

    async def read(self, message: TwilioMessage) -> None:
        """The customer read it (WhatsApp)."""
        if message.status == "delivered":
            await self._move(message, "read")

    async def call_back(self, url: str, parameters: dict[str, str], copies: int = 1) -> Answer:
        """POST a signed form, obeying the retries of the URL's fragment (``#rc=`` how often, ``#rp=`` when)."""
        address, _, fragment = url.partition("#")
        overrides = parse_qs(fragment)
        given = (overrides.get("rc") or ["1"])[0]
        retries = int(given) if given.isdecimal() else 1
        policy = set((overrides.get("rp") or ["ct"])[0].split(","))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": signature(self._account.settings.token, address, parameters),
            "I-Twilio-Idempotency-Token": self._account.new_sid("", "callbacks"),
        }
        body = urlencode(parameters).encode()
        answer = Answer(0)
        for _ in range(copies):
            for _ in range(1 + min(retries, 5)):
                answer = await self._outbound.request("POST", address, data=body, headers=headers)
                if answer.ok or not policy & {"all", _failure(answer)}:
                    break
        if not answer.ok:
            self.failed_callbacks += 1
        return answer

    def _obstacle(self, message: TwilioMessage, person: Person | None) -> int | None:
        """The error code of a message that will not arrive."""
        if message.channel == "sms":
            if person is None:
                return 30005
            return None if person.sms else 30006
        if person is None:
            return 63003
        if not person.whatsapp:
            return 63024
        heard = person.whatsapp_heard_at
        if not message.template and (heard is None or message.created > heard + WINDOW):
            return 63016
        return None

    async def _sent(self, message: TwilioMessage, *, callback: bool) -> None:
        settings = self._account.settings
        if message.sender is None and message.service is not None:
            number = settings.services[message.service][0]
            message.sender = f"whatsapp:{number}" if message.channel == "whatsapp" else number
        message.sent = self._clock.micros()
        price = settings.prices.get(message.channel)
        if price is not None:
            message.price = f"-{float(price) * message.num_segments:.5f}"
        if callback:
            await self._move(message, "sent")
        else:
            message.status, message.updated = "sent", message.sent

    async def _delivered(self, message: TwilioMessage, person: Person, *, late_sent: bool) -> None:
        if message.channel == "sms" and person.sms_stopped:
            await self._move(message, "undelivered", 21610)
            return
        text = message.body
        if message.media and self.fetch is not None:
            files = await self.fetch(message.media)
            if files is None:
                await self._move(message, "undelivered", 63019)
                return
            text = "\n".join(part for part in (text, *map(str, files)) if part)
        bubble = self._people.post(
            person,
            message.channel,
            "company",
            text,
            provider_id=message.sid,
            status="delivered",
            sender=message.sender,
        )
        if message.channel == "whatsapp":
            self._bubbles[message.sid] = (person, bubble)
            if person.read_after is not None:
                self._clock.schedule(person.read_after, lambda: self.read(message))
        await self._move(message, "delivered")
        if late_sent:
            await self._notify(message, "sent")

    async def _move(self, message: TwilioMessage, status: str, error: int | None = None) -> None:
        if _RANK[status] <= _RANK[message.status] and status != "sent":
            return
        message.status, message.error, message.updated = status, error, self._clock.micros()
        found = self._bubbles.get(message.sid)
        if found is not None:
            found[1].status = status
            self._people.changed(found[0], message.channel, found[1])
            if status == "read":
                del self._bubbles[message.sid]
        await self._notify(message, status)

    async def _notify(self, message: TwilioMessage, status: str) -> None:
        if message.callback is None:
            return
        parameters = {
            "AccountSid": self._account.settings.account_sid,
            "ApiVersion": API_VERSION,
            "From": message.sender or "",
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
        }
        if message.service:
            parameters["MessagingServiceSid"] = message.service
        if message.error is not None and status in ("undelivered", "failed"):
            parameters["ErrorCode"] = str(message.error)
            parameters["ErrorMessage"] = CODES[message.error][1] if message.error != 30008 else ""
        if message.channel == "whatsapp":
            parameters["ChannelPrefix"] = "whatsapp"
            parameters["ChannelToAddress"] = message.to
        copies = self._faults.copies("twilio", message.channel, message.number)
        await self.call_back(message.callback, parameters, copies)


def _failure(answer: Answer) -> str:
    """The class of a failed answer in Twilio's retry policy: ct, rt, 4xx or 5xx."""
    if answer.status == 0:
        return "rt" if answer.timed_out else "ct"
    return "5xx" if answer.status >= 500 else "4xx"
