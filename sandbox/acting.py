"""Performing deeds: what a scripted customer, or a hand on the page, does with the apps on the phone."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlencode

from sandbox.clock import BusinessClock
from sandbox.deeds import Deed, Rule
from sandbox.mail import writing
from sandbox.mail.office import PostOffice
from sandbox.mail.reading import Letter, find_links
from sandbox.outbound import NotLoopbackError, Outbound, is_loopback
from sandbox.people import Message, People, Person, apps
from sandbox.shop import Shop
from sandbox.telegram.customers import Customers
from sandbox.twilio.account import Account
from sandbox.twilio.delivery import Delivery
from sandbox.twilio.inbound import Inbound

_DEEP_LINK = re.compile(r"(?:https?://t\.me/|tg://resolve\?domain=)([A-Za-z0-9_]{3,32})[?&]start=([A-Za-z0-9_-]{1,64})")
_STOP = {"telegram": "/stop", "sms": "STOP", "whatsapp": "STOP"}
_STOP_BY_MAIL = {"en": "unsubscribe", "ru": "отписаться", "fa": "لغو اشتراک"}
_DEFAULT_TEXT = {"en": "Yes, I am interested.", "ru": "Да, мне интересно.", "fa": "بله، علاقه‌مندم."}


class CannotActError(ValueError):
    """The deed is impossible here; the text says why."""


class Acting:
    """Connects rules to arrivals, and deeds to the apps."""

    def __init__(
        self,
        *,
        clock: BusinessClock,
        people: People,
        office: PostOffice,
        telegram: Customers,
        twilio: tuple[Account, Inbound, Delivery],
        shop: Shop,
        outbound: Outbound,
    ) -> None:
        self._clock = clock
        self._people = people
        self._office = office
        self._telegram = telegram
        self._account, self._inbound, self._delivery = twilio
        self._shop = shop
        self._outbound = outbound
        self.skipped = 0
        people.arrivals.append(self._on_arrival)
        self._table: dict[str, Callable[[Person, Deed, str, Message | None], Awaitable[str]]] = {
            "write": self._write,
            "reply": self._reply,
            "auto_reply": self._auto_reply,
            "click": self._click,
            "open": self._open,
            "one_click": self._one_click,
            "stop": self._stop,
            "start": self._start,
            "start_bot": self._start_bot,
            "block_bot": self._block_bot,
            "unblock_bot": self._unblock_bot,
            "press": self._press,
            "edit": self._edit,
            "share_contact": self._share_contact,
            "send_photo": self._send_photo,
            "migrate": self._migrate,
            "read": self._read,
            "complain": self._complain,
            "buy": self._buy,
            "ignore": self._ignore,
        }

    def begin(self, people: list[Person]) -> None:
        """Schedule the rules of ``people`` that wait for an instant, not for a message."""
        for person in people:
            for rule in person.script:
                if rule.at is not None:
                    micros = rule.at + int(rule.after * 1_000_000)
                    self._clock.schedule_at(micros, partial(self._act, person, rule, None, None))

    async def perform(self, person: Person, deed: Deed, message: Message | None = None) -> str:
        """Do it now. Returns what happened in a few words; CannotActError when it cannot be done."""
        channel = deed.channel or self._last_channel(person, deed.do)
        if message is None:
            message = self._message(person, channel, deed.message)
        return await self._table[deed.do](person, deed, channel, message)

    def _on_arrival(self, person: Person, channel: str, message: Message) -> None:
        if not person.script:
            return
        count = (person.received or {}).get(channel, 0)
        text = f"{message.subject or ''}\n{message.text}"
        for rule in person.script:
            if rule.fits(channel, count, text):
                self._clock.schedule(rule.after, partial(self._act, person, rule, channel, message))

    async def _act(self, person: Person, rule: Rule, channel: str | None, message: Message | None) -> None:
        deed = rule.deed
        on = deed.channel or channel
        try:
            if on is None or deed.channel not in (None, channel):
                await self.perform(person, deed)
            else:
                await self._table[deed.do](person, deed, on, message)
        except (CannotActError, NotLoopbackError):
            self.skipped += 1  # the script asked for what this message does not offer

    # Writing -----------------------------------------------------------------------------------------------------

    async def _write(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        text = deed.text or _DEFAULT_TEXT[person.lang]
        self._require(person, channel)
        if channel == "telegram":
            return _told(await self._telegram.write(person, text))
        if channel in ("sms", "whatsapp"):
            return _told(await self._inbound.write(person, channel, text))
        domain = min(self._office.settings.company_domains)
        who, number = self._office.correspondent(person), self._office.next_number(person)
        return _told(
            await self._office.send(person, writing.fresh(who, f"hello@{domain}", text, self._clock.now(), number))
        )

    async def _reply(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        if message is None:
            raise CannotActError(f"{person.name} has no message on {channel} to reply to")
        text = deed.text or _DEFAULT_TEXT[person.lang]
        if channel == "telegram":
            return _told(await self._telegram.write(person, text, message))
        if channel in ("sms", "whatsapp"):
            return _told(await self._inbound.write(person, channel, text, answered=message))
        who, number = self._office.correspondent(person), self._office.next_number(person)
        mail = writing.reply(who, self._letter(message), text, self._clock.now(), number)
        return _told(await self._office.send(person, mail))

    async def _auto_reply(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        found = self._mail(person, message)
        if found.sender in (None, "", "<>"):
            return "nothing: the mail has a null return path"
        who, number = self._office.correspondent(person), self._office.next_number(person)
        letter = self._letter(found)
        mail = writing.auto_reply(who, letter, found.sender or "", deed.text, self._clock.now(), number)
        return _told(await self._office.send(person, mail))

    async def _stop(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        said = Deed("reply", channel, deed.text or _STOP.get(channel, _STOP_BY_MAIL[person.lang]))
        if channel == "email":
            return await self._reply(person, said, channel, self._mail(person, message))
        return await self._write(person, said, channel, None)

    async def _start(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        on = channel if channel in ("sms", "whatsapp") else "sms"
        return await self._write(person, Deed("write", on, deed.text or "START"), on, None)

    async def _complain(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        found = self._mail(person, message)
        raw = self._office.raw(found.raw)
        if raw is None or not found.sender:
            raise CannotActError("the mail is not kept any more")
        number = self._office.next_number(person)
        report = writing.complaint(raw, person.email or "", found.sender, self._clock.now(), number)
        return _told(await self._office.carry(report))

    # Links ---------------------------------------------------------------------------------------------------------

    async def _click(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        if message is None:
            raise CannotActError(f"{person.name} has no message on {channel}")
        links = [link for link in self._links(channel, message) if is_loopback_link(link)]
        if len(links) < deed.nth:
            raise CannotActError(f"the message has {len(links)} links, not {deed.nth}")
        answer, target = await self._outbound.visit(links[deed.nth - 1])
        message.clicks = [*(message.clicks or []), target]
        self._people.changed(person, channel, message)
        return f"{answer.status or answer.error} at {target}"

    async def _open(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        found = self._mail(person, message)
        images = [(url, tiny) for url, tiny in self._letter(found).images if is_loopback_link(url)]
        chosen = next((url for url, tiny in images if tiny), None) or (images[-1][0] if images else None)
        found.opened = True
        self._people.changed(person, "email", found)
        if chosen is None:
            return "opened; there is no remote picture"
        answer = await self._outbound.request("GET", chosen)
        return f"{answer.status or answer.error}"

    async def _one_click(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        headers = self._letter(self._mail(person, message)).headers
        wanted = headers.get("list-unsubscribe-post", "").replace(" ", "").casefold() == "list-unsubscribe=one-click"
        uris = re.findall(r"<(https?://[^<>\s]{1,2000})>", headers.get("list-unsubscribe", ""))
        if not wanted or not uris:
            raise CannotActError("the mail offers no one-click unsubscribe (RFC 8058)")
        body = urlencode({"List-Unsubscribe": "One-Click"}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._outbound.request("POST", uris[0], data=body, headers=kind)
        return f"{answer.status or answer.error}"

    # Telegram, WhatsApp --------------------------------------------------------------------------------------------

    async def _start_bot(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        payload = deed.text
        if payload is None:
            recent = [message] if message is not None else []
            recent += [kept[-1] for kept in (person.threads or {}).values() if kept]
            for candidate in recent:
                found = _DEEP_LINK.search(self._everything(candidate))
                if found:
                    payload = found[2]
                    break
        return _told(await self._telegram.start(person, payload))

    async def _block_bot(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return _told(await self._telegram.block(person))

    async def _unblock_bot(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return _told(await self._telegram.unblock(person))

    async def _press(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        if message is None:
            raise CannotActError(f"{person.name} has no message on {channel}")
        if channel == "whatsapp":
            written = self._inbound.write(person, channel, deed.text or "OK", answered=message, button=True)
            return _told(await written)
        buttons = [button for row in message.buttons or [] for button in row]
        if deed.text is not None:
            buttons = [button for button in buttons if button.get("text") == deed.text]
        if len(buttons) < deed.nth:
            raise CannotActError(f"the message has {len(buttons)} such buttons, not {deed.nth}")
        button = buttons[deed.nth - 1]
        if "callback_data" in button:
            return _told(await self._telegram.press(person, message, button))
        if "url" not in button:
            contact = button.get("request_contact")
            return _told(
                await (
                    self._telegram.share_contact(person) if contact else self._telegram.write(person, button["text"])
                )
            )
        answer, target = await self._outbound.visit(str(button["url"]))
        message.clicks = [*(message.clicks or []), target]
        self._people.changed(person, channel, message)
        return f"{answer.status or answer.error} at {target}"

    async def _edit(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return _told(await self._telegram.edit(person, deed.text or _DEFAULT_TEXT[person.lang]))

    async def _share_contact(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return _told(await self._telegram.share_contact(person))

    async def _send_photo(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return _told(await self._telegram.send_photo(person, deed.text))

    async def _migrate(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        if deed.text is None or not deed.text.lstrip("-").isdecimal():
            raise CannotActError("'text' is the id of the new chat, such as -1001234567890")
        return _told(await self._telegram.migrate(person, int(deed.text)))

    async def _read(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        found = self._account.messages.get(message.provider_id or "") if message else None
        if found is None or found.channel != "whatsapp":
            raise CannotActError("only WhatsApp messages are marked as read")
        await self._delivery.read(found)
        return found.status

    async def _buy(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return await self._shop.buy(person, deed.amount or "49.90", deed.currency)

    async def _ignore(self, person: Person, deed: Deed, channel: str, message: Message | None) -> str:
        return "nothing"

    # What is at hand -----------------------------------------------------------------------------------------------

    def _last_channel(self, person: Person, do: str) -> str:
        if do in ("auto_reply", "open", "one_click", "complain"):
            return "email"
        if do == "start":
            return "sms"
        if do in ("start_bot", "block_bot", "unblock_bot", "edit", "share_contact", "send_photo", "migrate"):
            return "telegram"
        threads = {name: kept for name, kept in (person.threads or {}).items() if kept}
        if threads:
            return max(threads, key=lambda name: threads[name][-1].number)
        return (apps(person) or ["email"])[0]

    def _message(self, person: Person, channel: str, number: int | None) -> Message | None:
        for message in reversed((person.threads or {}).get(channel, ())):
            if message.by == "company" and number in (None, message.number):
                return message
        if number is not None:
            raise CannotActError(f"{person.name} has no message {number} on {channel}")
        return None

    def _mail(self, person: Person, message: Message | None) -> Message:
        found = message if message is not None and message.raw is not None else self._message(person, "email", None)
        if found is None:
            raise CannotActError(f"{person.name} has no mail")
        return found

    def _letter(self, message: Message) -> Letter:
        letter = self._office.letter(message.raw)
        if letter is None:
            raise CannotActError("the mail is not kept any more")
        return letter

    def _links(self, channel: str, message: Message) -> list[str]:
        if message.raw is not None:
            return self._letter(message).links
        urls = [button["url"] for row in message.buttons or [] for button in row if "url" in button]
        return find_links(message.text) + urls

    def _everything(self, message: Message) -> str:
        if message.raw is not None:
            letter = self._office.letter(message.raw)
            return "" if letter is None else "\n".join([letter.text, letter.html or "", *letter.links])
        return "\n".join([message.text, *self._links("", message)])

    @staticmethod
    def _require(person: Person, channel: str) -> None:
        if channel not in apps(person):
            raise CannotActError(f"{person.name} has no {channel}")


def is_loopback_link(link: str) -> bool:
    """Whether ``link`` leads to this machine."""
    found = re.match(r"https?://(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)", link)
    return bool(found) and is_loopback(found[1] if found else None)


def _told(taken: bool) -> str:  # noqa: FBT001 - it is the answer being put into words
    return "delivered" if taken else "nobody took it"
