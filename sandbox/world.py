"""Everything in one place: the providers, the people, the clock, the ledger; started and stopped together."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from sandbox.acting import Acting
from sandbox.clock import BusinessClock, iso
from sandbox.faults import Faults
from sandbox.gateway.api import GatewayApi
from sandbox.ledger import Ledger
from sandbox.live import Live
from sandbox.mail.imap import CompanyMailbox
from sandbox.mail.office import PostOffice
from sandbox.mail.smtp import Server, SmtpSettings, listen
from sandbox.outbound import Outbound
from sandbox.people import People, Person
from sandbox.shop import Shop
from sandbox.spool import Spool
from sandbox.telegram.api import TelegramApi
from sandbox.telegram.bot import Bot
from sandbox.telegram.customers import Customers
from sandbox.telegram.groups import Groups
from sandbox.telegram.limits import Limits
from sandbox.telegram.methods import Methods
from sandbox.telegram.staff import Staff
from sandbox.telegram.updates import Updates
from sandbox.twilio.account import Account
from sandbox.twilio.api import TwilioApi
from sandbox.twilio.delivery import Delivery
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.inbound import Inbound
from sandbox.twilio.media import Media
from sandbox.wishes import Wishes

FIRST_UPDATE_ID = 100_000_001


@dataclass(frozen=True, slots=True)
class Options:
    """How the sandbox starts. ``virtual_now`` None: time flows from now; ports 0: free ones."""

    host: str = "127.0.0.1"
    http_port: int = 0
    smtp_port: int = 0
    imap_port: int = 0
    people: Path | None = None
    ledger: Path | None = None
    virtual_now: datetime | None = None
    rate_scale: float = 1.0
    seed: int = 0
    lang: str = "en"


class World:
    """The sandbox without its HTTP listener."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = clock = BusinessClock(options.virtual_now)
        self.live = Live()
        self.wishes = Wishes()
        self.ledger = ledger = Ledger(clock, options.ledger)
        self.faults = faults = Faults(options.seed)
        self.people = people = People(clock, self.live, options.lang)
        self.outbound = outbound = Outbound()
        self.shop = Shop(clock=clock, people=people, outbound=outbound)

        self.spool = Spool()
        self.mailbox = CompanyMailbox()
        self.office = PostOffice(
            clock=clock, ledger=ledger, faults=faults, people=people, spool=self.spool, mailbox=self.mailbox
        )
        self.smtp_settings = SmtpSettings()
        self.smtp_port = 0
        self._smtp: asyncio.Server | None = None

        self.bot = Bot(clock=clock, people=people, limits=Limits(options.rate_scale))
        self.updates = Updates(clock=clock, faults=faults, outbound=outbound, first_id=FIRST_UPDATE_ID)
        self.groups = Groups(clock=clock, people=people, live=self.live, bot=self.bot)
        self.staff = Staff(bot=self.bot, groups=self.groups, updates=self.updates)
        methods = Methods(bot=self.bot, updates=self.updates, ledger=ledger, groups=self.groups)
        self.updates.on_reaction = methods.call
        self.telegram_api = TelegramApi(bot=self.bot, methods=methods, faults=faults)
        customers = Customers(clock=clock, bot=self.bot, people=people, updates=self.updates)

        self.account = Account(options.seed)
        self.delivery = Delivery(clock=clock, account=self.account, people=people, faults=faults, outbound=outbound)
        self.twilio_api = TwilioApi(
            clock=clock, account=self.account, people=people, ledger=ledger, faults=faults, delivery=self.delivery
        )
        inbound = Inbound(clock=clock, account=self.account, people=people, faults=faults, delivery=self.delivery)
        inbound.on_twiml = self._take_twiml
        self.gateway_api = GatewayApi(clock=clock, people=people, ledger=ledger, faults=faults, outbound=outbound)
        self.twilio_api.media = Media(account=self.account, people=people, inbound=inbound, outbound=outbound)
        self.delivery.fetch = self.twilio_api.media.fetched

        self.acting = Acting(
            clock=clock,
            people=people,
            office=self.office,
            telegram=customers,
            twilio=(self.account, inbound, self.delivery),
            shop=self.shop,
            outbound=outbound,
        )
        self._runner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the people, listen for mail, let time flow. PersonError and OSError are the caller's to tell."""
        options = self.options
        if options.people is not None:
            self.add_people(orjson.loads(options.people.read_bytes()))
        loop = asyncio.get_running_loop()
        self._smtp = await listen(
            options.host, options.smtp_port, lambda: Server(self.office, self.smtp_settings, loop)
        )
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]
        await self.mailbox.start(options.host, options.imap_port)
        self._runner = asyncio.create_task(self.clock.run())

    def add_people(self, data: Any) -> list[Person]:
        """People from JSON: a list, or ``{"people": […]}``. ValueError says what is wrong."""
        entries = data.get("people") if isinstance(data, dict) else data
        if not isinstance(entries, list):
            raise ValueError('give a list of people, or {"people": […]}')  # noqa: TRY004 - told as 400
        added = self.people.add(entries)
        self.acting.begin(added)
        return added

    async def stop(self) -> None:
        """Stop listening and close everything."""
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
        if self._smtp is not None:
            self._smtp.close()
        await self.mailbox.close()
        await self.outbound.close()
        self.ledger.close()
        self.spool.close()

    def state(self) -> dict[str, Any]:
        """Where things stand, for drivers and the page."""
        upcoming = self.clock.next()
        return {
            "now": iso(self.clock.micros()),
            "flowing": self.clock.flowing,
            "next": None if upcoming is None else iso(upcoming),
            "pending_actions": self.clock.pending,
            "performed_actions": self.clock.performed,
            "failed_actions": self.clock.failed,
            "skipped_deeds": self.acting.skipped,
            "undelivered_updates": self.updates.undelivered,
            "unanswered_requests": self.outbound.unanswered,
            "failed_callbacks": self.delivery.failed_callbacks,
            "orders": self.shop.orders,
            "failed_orders": self.shop.failed,
            "company_mails": self.mailbox.delivered,
            "people": len(self.people),
            "faults": len(self.faults.rules),
            "ledger": self.ledger.count(),
            "reached": self.people.reached,
            "wrote": self.people.wrote,
            "directed": self.wishes.attended,
        }

    def _take_twiml(self, form: dict[str, list[str]]) -> None:
        with contextlib.suppress(TwilioError):
            self.twilio_api.take(form)
