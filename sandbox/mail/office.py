"""The post office: who has a mailbox, what becomes of a mail, and how customers' own mails reach the company."""

import hashlib
import sys
from dataclasses import dataclass, field

from sandbox.clock import BusinessClock
from sandbox.faults import Fault, Faults
from sandbox.ledger import Ledger
from sandbox.mail import reading, writing
from sandbox.mail.imap import CompanyMailbox
from sandbox.mail.writing import Correspondent, Outgoing
from sandbox.people import People, Person
from sandbox.spool import Spool

PREVIEW_LIMIT = 600  # characters of a mail kept on the phone; the whole mail is in the spool


@dataclass(slots=True)
class MailSettings:
    """``strangers`` says what happens to addresses nobody has: refuse or accept. ``greylist`` in business seconds."""

    company_domains: set[str] = field(default_factory=lambda: {"shop.example.com"})
    strangers: str = "refuse"
    greylist: float = 0.0


class PostOffice:
    """Takes mails from the SMTP server, and from customers for the company."""

    def __init__(
        self,
        *,
        clock: BusinessClock,
        ledger: Ledger,
        faults: Faults,
        people: People,
        spool: Spool,
        mailbox: CompanyMailbox,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._faults = faults
        self._people = people
        self._spool = spool
        self._mailbox = mailbox
        self._greylisted: dict[tuple[str, str], int] = {}
        self._numbers = 0
        self.settings = MailSettings()

    def is_company(self, address: str) -> bool:
        """Whether ``address`` is in one of the company's domains."""
        return address.rpartition("@")[2].casefold() in self.settings.company_domains

    def refusal(self, sender: str, recipient: str) -> str | None:
        """The reply that refuses ``recipient``, by the state of the mailbox; None when it is good."""
        person = self._people.by_email.get(recipient.casefold())
        if person is None:
            if not self.is_company(recipient) and self.settings.strangers != "accept":
                return f"550 5.1.1 <{recipient}>: Recipient address rejected: User unknown"
        elif person.mailbox == "unknown":
            return f"550 5.1.1 <{recipient}>: Recipient address rejected: User unknown"
        elif person.mailbox == "full":
            return f"452 4.2.2 <{recipient}>: The mailbox is full, try again later"
        elif person.mailbox == "over_quota":
            return f"552 5.2.2 <{recipient}>: The mailbox is over its quota"
        if self.settings.greylist > 0:
            first = self._greylisted.setdefault((sender, recipient), self._clock.micros())
            if self._clock.micros() < first + self.settings.greylist * 1_000_000:
                return f"451 4.7.1 <{recipient}>: Greylisted, try again in {self.settings.greylist:.0f} seconds"
        return None

    def fault(self, recipient: str, stage: str) -> Fault | None:
        """The fault that befalls this command, if any."""
        return self._faults.strike("smtp", "email", recipient, stage) if self._faults.rules else None

    def refuse(self, recipient: str, raw: bytes | None, code: int, fault: str | None) -> None:
        """Record a refusal; ``raw`` when the mail itself had been received."""
        seen = reading.glance(raw) if raw is not None else None
        self._ledger.record(
            "smtp",
            "email",
            account="",
            to=recipient,
            accepted=False,
            otklik_id=seen.otklik_id if seen else None,
            text=seen.text if seen else "",
            subject=seen.subject if seen else None,
            code=code,
            fault=fault,
        )

    async def accept(self, sender: str, recipients: list[str], raw: bytes, fault: str | None) -> str:
        """Take a mail: ledger first, then each recipient's mailbox. Returns the queue id."""
        seen = reading.glance(raw)
        queue_id = hashlib.blake2b((seen.message_id or "").encode() or raw, digest_size=5).hexdigest().upper()
        place = self._spool.put(raw)
        for recipient in recipients:
            self._ledger.record(
                "smtp",
                "email",
                account=sender,
                to=recipient,
                accepted=True,
                provider_id=queue_id,
                otklik_id=seen.otklik_id,
                text=seen.text,
                subject=seen.subject,
                fault=fault,
            )
        for recipient in recipients:
            person = self._people.by_email.get(recipient.casefold())
            if person is not None and person.mailbox == "bounces":
                self._clock.schedule(2, lambda to=recipient: self._bounce(raw, to, sender))  # type: ignore[misc]
            elif person is not None:
                self._people.post(
                    person,
                    "email",
                    "company",
                    seen.text[:PREVIEW_LIMIT],
                    subject=seen.subject,
                    provider_id=seen.message_id,
                    raw=place,
                    sender=sender,
                    author=sys.intern(seen.sender),  # few senders, many mails
                )
            elif self.is_company(recipient):
                mail = Outgoing(sender, recipient, raw, seen.subject, seen.text)
                await self._mailbox.deliver(writing.stamped(mail, self._clock.now()), self._clock.now())
        return queue_id

    def letter(self, place: tuple[int, int] | None) -> reading.Letter | None:
        """The whole mail at ``place`` in the spool; None when it has given way to newer ones."""
        raw = self._spool.get(place)
        return None if raw is None else reading.read(raw)

    def raw(self, place: tuple[int, int] | None) -> bytes | None:
        """The bytes of the mail at ``place``."""
        return self._spool.get(place)

    def correspondent(self, person: Person) -> Correspondent:
        """``person`` as a writer of mails."""
        return Correspondent(person.name, person.email or "", person.lang, person.client)

    def next_number(self, person: Person) -> int:
        """A number for the next mail of ``person``; its Message-ID follows from it, the same in every run."""
        person.written += 1
        return person.written

    async def send(self, person: Person, mail: Outgoing) -> bool:
        """Carry a customer's mail to the company and show it on the phone. False when it is not the company's."""
        ours = self.is_company(mail.recipient)
        self._people.post(
            person,
            "email",
            "customer",
            mail.text,
            subject=mail.subject,
            raw=self._spool.put(mail.raw),
            status="delivered" if ours else "no such domain",
        )
        if ours:
            await self._mailbox.deliver(writing.stamped(mail, self._clock.now()), self._clock.now())
        return ours

    async def carry(self, mail: Outgoing) -> bool:
        """Carry a mail server's own notice (bounce, complaint) to the company."""
        if not self.is_company(mail.recipient):
            return False
        await self._mailbox.deliver(writing.stamped(mail, self._clock.now()), self._clock.now())
        return True

    async def _bounce(self, raw: bytes, recipient: str, return_path: str) -> None:
        if return_path in ("", "<>"):
            return  # never answer a null return path (RFC 5321 §4.5.5)
        self._numbers += 1
        await self.carry(writing.bounce(raw, recipient, return_path, self._clock.now(), self._numbers))
