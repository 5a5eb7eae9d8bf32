"""The customers: who they are, which apps they have, and what is on their phones."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.clock import BusinessClock, iso
from sandbox.deeds import CHANNELS, DeedError, Rule, parse_rule
from sandbox.live import Live

THREAD_LIMIT = 200  # messages kept a thread

MAILBOXES = ("ok", "unknown", "full", "over_quota", "bounces")
CLIENTS = ("plain", "html", "no_refs", "from_only")
LANGUAGES = ("en", "ru", "fa")


class PersonError(ValueError):
    """A person that cannot be understood; the text says who and what to write."""


class UnknownPersonError(LookupError):
    """Nobody has this key."""


@dataclass(slots=True)
class Message:
    """One bubble on a phone. ``by`` is company, customer or provider; ``raw`` is a mail's place in the spool.

    ``sender`` is the provider's word for who sent it (a mail's return path), ``author`` a mail's From as it is shown.
    ``reply_to`` is the provider's id of the message that it answers.
    """

    number: int
    at: int
    by: str
    text: str
    subject: str | None = None
    provider_id: str | None = None
    status: str | None = None
    buttons: list[list[dict[str, Any]]] | None = None
    raw: tuple[int, int] | None = None
    sender: str | None = None
    author: str | None = None
    clicks: list[str] | None = None
    opened: bool = False
    edited: bool = False
    reply_to: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For the page: ``has_mail`` says that the whole mail can be fetched."""
        return {
            "id": self.number,
            "at": iso(self.at),
            "by": self.by,
            "text": self.text,
            "subject": self.subject,
            "from": self.author or self.sender,
            "provider_id": self.provider_id,
            "status": self.status,
            "buttons": self.buttons,
            "has_mail": self.raw is not None,
            "clicks": self.clicks or [],
            "opened": self.opened,
            "edited": self.edited,
            "reply_to": self.reply_to,
        }


@dataclass(slots=True)
class TelegramUser:
    """A person's Telegram account towards the bot."""

    user_id: int
    started: bool = False
    blocked: bool = False
    deactivated: bool = False
    last_message_id: int = 0


@dataclass(slots=True)
class Person:
    """One customer. ``read_after``: seconds from delivery until WhatsApp shows two blue ticks, None for never.

    ``zone`` (IANA) only serves the local time that the page shows; without it the page goes by the country.
    """

    key: str
    name: str
    lang: str = "en"
    country: str | None = None
    zone: str | None = None
    email: str | None = None
    mailbox: str = "ok"
    client: str = "plain"
    phone: str | None = None
    sms: bool = False
    whatsapp: bool = False
    telegram: TelegramUser | None = None
    read_after: float | None = 30.0
    script: tuple[Rule, ...] = ()
    sms_stopped: bool = False
    whatsapp_heard_at: int | None = None
    threads: dict[str, deque[Message]] | None = None
    received: dict[str, int] | None = None
    bought: int = 0
    written: int = 0

    def thread(self, channel: str) -> deque[Message]:
        """The messages on ``channel``, oldest first; made when first asked for."""
        if self.threads is None:
            self.threads = {}
        found = self.threads.get(channel)
        if found is None:
            found = self.threads[channel] = deque(maxlen=THREAD_LIMIT)
        return found

    def as_json(self, *, with_threads: bool = False) -> dict[str, Any]:
        """For the page and the control interface."""
        telegram = self.telegram
        data: dict[str, Any] = {
            "key": self.key,
            "name": self.name,
            "lang": self.lang,
            "country": self.country,
            "zone": self.zone,
            "email": self.email,
            "mailbox": self.mailbox,
            "client": self.client,
            "phone": self.phone,
            "sms": self.sms,
            "whatsapp": self.whatsapp,
            "telegram": telegram
            and {
                "user_id": telegram.user_id,
                "started": telegram.started,
                "blocked": telegram.blocked,
                "deactivated": telegram.deactivated,
            },
            "sms_stopped": self.sms_stopped,
            "bought": self.bought,
            "received": self.received or {},
            "rules": len(self.script),
        }
        threads = self.threads or {}
        if with_threads:
            data["threads"] = {name: [message.as_json() for message in kept] for name, kept in threads.items()}
        else:
            data["last"] = {name: kept[-1].as_json() for name, kept in threads.items() if kept}
        return data


Arrival = Callable[[Person, str, Message], None]


class People:
    """Everybody, found by key, mail address (folded), phone number or Telegram user."""

    def __init__(self, clock: BusinessClock, live: Live, lang: str = "en") -> None:
        self._clock = clock
        self._live = live
        self._lang = lang
        self._messages = 0
        self._rules: dict[bytes, tuple[Rule, ...]] = {}
        self.by_key: dict[str, Person] = {}
        self.by_email: dict[str, Person] = {}
        self.by_phone: dict[str, Person] = {}
        self.by_user: dict[int, Person] = {}
        self.active: dict[str, Person] = {}  # those with a message, the latest last
        self.arrivals: list[Arrival] = []
        self.reached: Counter[str] = Counter()  # messages on phones, per channel
        self.wrote: Counter[str] = Counter()  # messages that customers wrote, per channel

    def __len__(self) -> int:
        return len(self.by_key)

    def get(self, key: str) -> Person:
        """The person with ``key``, or UnknownPersonError."""
        try:
            return self.by_key[key]
        except KeyError:
            raise UnknownPersonError(f"nobody here has the key {key!r}") from None

    def add(self, entries: Iterable[Any]) -> list[Person]:
        """Add people from their JSON objects; a key that is there already is replaced with empty threads."""
        people = [self._parse(entry, place) for place, entry in enumerate(entries, 1)]
        for person in people:
            old = self.by_key.get(person.key)
            if old is not None:
                self._unlink(old)
            self.by_key[person.key] = person
            if person.email:
                self.by_email[person.email.casefold()] = person
            if person.phone:
                self.by_phone[person.phone] = person
            if person.telegram:
                self.by_user[person.telegram.user_id] = person
        return people

    def post(self, person: Person, channel: str, by: str, text: str, **fields: Any) -> Message:
        """Put a message into a thread and tell the pages; one of the company's also sets scripted rules off."""
        self._messages += 1
        message = Message(self._messages, self._clock.micros(), by, text, **fields)
        person.thread(channel).append(message)
        self.active.pop(person.key, None)
        self.active[person.key] = person
        if self._live.watched:
            self._live.publish("message", person=person.key, name=person.name, app=channel, message=message.as_json())
        if by == "customer":
            self.wrote[channel] += 1
        elif by == "company":
            self.reached[channel] += 1
            if person.received is None:
                person.received = {}
            person.received[channel] = person.received.get(channel, 0) + 1
            for arrival in self.arrivals:
                arrival(person, channel, message)
        return message

    def changed(self, person: Person, channel: str | None = None, message: Message | None = None) -> None:
        """Tell the pages that a message got a new status (or, without one, that the person changed)."""
        if self._live.watched:
            if message is None:
                self._live.publish("person", person=person.as_json())
            else:
                self._live.publish("status", person=person.key, app=channel, message=message.as_json())

    def search(
        self, query: str, *, active: bool, limit: int, app: str | None = None, wrote: bool = False
    ) -> list[Person]:
        """People whose name, key or an address contains ``query``; the latest active first.

        ``app`` narrows to those with a message there, ``wrote`` to those who wrote one themselves.
        """
        wanted = query.casefold()
        found: list[Person] = []
        quiet = (
            () if active or app or wrote else (person for key, person in self.by_key.items() if key not in self.active)
        )
        for person in (*reversed(self.active.values()), *quiet):
            fields = (person.name, person.key, person.email, person.phone)
            if (not wanted or any(wanted in field.casefold() for field in fields if field)) and _has(
                person, app, wrote=wrote
            ):
                found.append(person)
                if len(found) >= limit:
                    break
        return found

    def _unlink(self, person: Person) -> None:
        self.active.pop(person.key, None)
        if person.email:
            self.by_email.pop(person.email.casefold(), None)
        if person.phone:
            self.by_phone.pop(person.phone, None)
        if person.telegram:
            self.by_user.pop(person.telegram.user_id, None)

    def _parse(self, entry: Any, place: int) -> Person:
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or not entry["key"]:
            raise PersonError(f'person {place}: give an object with a "key"')
        where = f"person {place} ({entry['key']})"
        fields = dict(entry)
        rules = fields.pop("script", None) or []
        user = fields.pop("telegram", None)
        fields.setdefault("name", entry["key"])
        fields.setdefault("lang", self._lang)
        for name, allowed in (("mailbox", MAILBOXES), ("client", CLIENTS), ("lang", LANGUAGES)):
            if fields.get(name, allowed[0]) not in allowed:
                raise PersonError(f"{where}: {name!r} must be one of {', '.join(allowed)}")
        for name in ("sms_stopped", "whatsapp_heard_at", "threads", "received", "bought", "written"):
            if name in fields:
                raise PersonError(f"{where}: {name!r} is the sandbox's own")
        for name in ("name", "email", "phone", "country"):
            if not isinstance(fields.get(name), str | None):
                raise PersonError(f"{where}: {name!r} must be a string")
        if user is not None and not (isinstance(user, dict) and isinstance(user.get("user_id"), int)):
            raise PersonError(f'{where}: write telegram as {{"user_id": 5001}}')
        if fields.get("phone") and fields["phone"][:1] != "+":
            raise PersonError(f"{where}: write the phone number as +12025550101")
        try:
            telegram = None if user is None else TelegramUser(**user)
            return Person(**fields, telegram=telegram, script=self._script(rules))
        except DeedError as error:
            raise PersonError(f"{where}: {error}") from error
        except TypeError as error:
            raise PersonError(f"{where}: {str(error).partition(' ')[2]}") from error

    def _script(self, rules: list[Any]) -> tuple[Rule, ...]:
        if not rules:
            return ()
        key = orjson.dumps(rules)
        found = self._rules.get(key)  # thousands of people share a handful of scripts
        if found is None:
            found = self._rules[key] = tuple(parse_rule(rule) for rule in rules)
        return found


def _has(person: Person, app: str | None, *, wrote: bool) -> bool:
    """Whether the person has a message on ``app`` (None: anywhere), one of their own if ``wrote``."""
    if app is None and not wrote:
        return True
    threads = person.threads or {}
    looked = threads.values() if app is None else [threads.get(app, ())]
    return any(not wrote or message.by == "customer" for kept in looked for message in kept)


def apps(person: Person) -> list[str]:
    """The channels on which the person can be written to."""
    has = {
        "email": person.email is not None,
        "telegram": person.telegram is not None,
        "sms": person.sms,
        "whatsapp": person.whatsapp,
    }
    return [channel for channel in CHANNELS if has[channel]]
