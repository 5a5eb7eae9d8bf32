"""Campaign mails a second, end to end, beside a bare aiosmtplib loop that sends the very same bytes to the same sink.

    python benchmarks/emails.py --messages 5000 --rounds 5

*Ours* is the whole service on uvloop, as ``otklik run`` runs it. The clock starts with customers who are enrolled and
due, and stops when every outcome is committed: planned, checked, rendered, composed, journalled, sent, recorded.
With ``--planned`` a second side starts where the messages stand planned in the store: what the dispatcher alone does,
from claim to record. Both start the process that composes bulk within their time, and its CPU is counted as ours.
*Bare* gets finished mails in memory and only sends them: one aiosmtplib client a session, once on asyncio's loop and
once on uvloop. Rounds alternate, each side in a process of its own; the medians and their ratios are printed. The sink
is Postfix's ``smtp-sink`` where there is one (``--sink`` names it), else a small one of ours. ``--away 20`` puts it as
far away as a provider is: on this machine's own loopback an answer takes no time, and pipelining nothing to save.
"""

import argparse
import asyncio
import json
import os
import pickle
import shutil
import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sides import SIDES, Taken, begin, free_port, in_process, parser, take_turns, tell
from sink import running_sink

SESSIONS = 5
SENDER = "vera@shop.example.com"
CLAIM = 500
PARAGRAPH = (
    "Since your last parcel left our shop two hundred new books have climbed the stairs to our shelves, and more than "
    "once we have thought: this one is for you. Tell us the last book that you could not put down, and Vera, who has "
    "looked after our fiction shelves for eleven years, will write back with three more."
)
CAMPAIGN = "campaign: letters\naudience: everyone\nstart: now\nsteps:\n  - {send: email, template: letter, wait: 30d}\n"
LETTER = (
    "---\nsubject: '{{ customer.first_name }}, we kept your place'\npreview: Two hundred new books and one good lamp.\n"
    '---\n<html><head><title>{{ brand.name }}</title></head>\n<body style="background:#f5efe3">\n'
    "<h1>It has been a while</h1>\n<p>Dear {{ customer.first_name | default('reader', true) }},</p>\n"
    "{% if orders.last_at %}<p>Your last parcel left on {{ orders.last_at | date }}.</p>{% endif %}\n"
    + f'<p style="font-size:17px;line-height:28px;color:#2b2b26">{PARAGRAPH}</p>\n'
    * 4
    + '<p><a href="{{ brand.url }}/new" style="color:#9a5b12">See what is new</a></p>\n'
    '<p><a href="{{ brand.url }}/events?for=readers" style="color:#9a5b12">Evenings in the shop</a></p>\n'
    '<p>{{ brand.name }}, {{ brand.postal_address }} · <a href="{{ links.unsubscribe }}">Unsubscribe</a></p>\n'
    "</body></html>\n"
)


def write_workspace(folder: Path) -> Path:
    """One campaign of one letter, in a zone where it is about noon, so that no run meets the end of sending hours."""
    offset = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    files = {
        "otklik.yaml": "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n"
        f"zone: {zone}\nlocale: en\ncurrency: USD\n",
        "segments.yaml": "everyone:\n  where: {field: city, in: [Riga]}\n",
        "campaigns/letters.yaml": CAMPAIGN,
        "templates/letter/email.html": LETTER,
    }
    for name, text in files.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "shop"


async def prepare(shop: Path, url: str, journeys: int, *, chats: bool = False) -> None:
    """A store with ``journeys`` customers, enrolled by the workspace ``shop`` and due now.

    With ``chats`` every other one has a chat with our bot too.
    """
    from campaigns.applying import apply
    from campaigns.starting.scheduler import Scheduler
    from campaigns.workspace.loader import load_workspace
    from core.actors import Actor
    from core.clock import SystemClock, machine_now
    from storage.imports import ConsentGrant, CustomerOptions, import_customers
    from storage.migrate import upgrade
    from storage.store import Store

    people = shop.parent / "people.csv"
    lines = (
        f"{n},Reader{n},Petrova,reader{n}@example.org,{7000000 + n if chats and n % 2 else ''},Riga\n"
        for n in range(journeys)
    )
    people.write_text("id,first name,last name,email,telegram id,city\n" + "".join(lines))
    async with await Store.open(url) as store:
        await upgrade(store)
        grant = ConsentGrant("marketing", "a benchmark", "yes, write to me")
        await import_customers(store, people, CustomerOptions(consent=grant))
        now = machine_now() - timedelta(seconds=1)
        await apply(store, load_workspace(shop), Actor("operator", "benchmark"), now)
        entered = await Scheduler(store, SystemClock()).tick()
        assert entered == journeys, f"{entered} entered"
        if store.dialect == "postgresql":
            async with store.write() as connection:
                await connection.exec_driver_sql("ANALYZE")


async def plan() -> None:
    """Plan every message of the prepared store; none leaves."""
    from campaigns.running.runner import Runner
    from core.clock import SystemClock
    from core.wakeup import LocalWakeup
    from otklik.settings import load_settings
    from storage.store import Store

    async with await Store.open(load_settings(None).settings.database_url) as store:
        runner = Runner(store, SystemClock(), LocalWakeup())
        while await runner.run_once():
            pass


async def dump(path: Path, messages: int) -> None:
    """The mails that the planned store would send, as (recipient, bytes), for the bare side."""
    from campaigns.composing.composer import Composer
    from campaigns.composing.links import MessageLinks
    from campaigns.gates import DISPATCH_GATES
    from channels.email.mime import Composer as Mime
    from channels.email.settings import EmailSettings
    from core.clock import SystemClock, machine_now
    from core.messages import OutboundMessage
    from otklik.settings import load_settings
    from otklik.wiring import addresses
    from storage.outbox.outbox import Outbox
    from storage.store import Store

    configuration, clock = load_settings(None), SystemClock()
    mime = Mime(EmailSettings(host="127.0.0.1", sender=SENDER))
    mails: list[tuple[str, bytes]] = []
    async with await Store.open(configuration.settings.database_url) as store:
        outbox = Outbox(store, clock, DISPATCH_GATES, worker="dump")
        composer = Composer(store, clock, MessageLinks(addresses(configuration)))
        while claims := await outbox.claim("email", CLAIM):
            for message in (await composer.compose(claims)).values():
                assert isinstance(message, OutboundMessage), message
                mails.append((message.to.value, mime.compose(message, machine_now())))
    assert len(mails) == messages, f"{len(mails)} mails"
    path.write_bytes(pickle.dumps(mails))  # noqa: ASYNC240  nothing else runs here


async def ours(messages: int) -> Taken:
    """From the service's start until the last outcome is committed."""
    from otklik.running import spare_collections
    from otklik.service import running_service
    from otklik.settings import load_settings
    from storage.store import Store

    configuration = load_settings(None)
    async with await Store.open(configuration.settings.database_url) as store:
        async with running_service(configuration, store) as service:
            record, all_recorded, recorded = service.outbox.record, asyncio.Event(), 0

            async def counted(ended: Any) -> None:
                nonlocal recorded
                await record(ended)
                recorded += len(ended)
                if recorded >= messages:
                    all_recorded.set()

            service.outbox.record = counted  # type: ignore[method-assign]
            spare_collections()
            begun = Taken.now()
            running = asyncio.create_task(service.run())
            waiting = asyncio.create_task(all_recorded.wait())
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=600)
            taken = begun.since()
            running.cancel()
            await asyncio.wait([running])
        await _check(store, messages)
    return taken.with_children()


async def _check(store: Any, messages: int) -> None:
    """Every mail was accepted, by one attempt each, and its money is spent."""
    from sqlalchemy import text

    counts = {
        "SELECT count(*) FROM messages WHERE state = 'accepted' AND provider_id IS NOT NULL": messages,
        "SELECT count(*) FROM attempts WHERE outcome = 'accepted'": messages,
        "SELECT count(*) FROM attempts": messages,
        "SELECT count(*) FROM holds WHERE state = 'spent'": messages,
        "SELECT count(*) FROM enrolment_history WHERE event = 'MessagePlanned'": messages,
    }
    async with store.read() as connection:
        for sql, wanted in counts.items():
            found = await connection.scalar(text(sql))
            assert found == wanted, f"{sql}: {found} instead of {wanted}"


async def bare(path: Path, port: int) -> Taken:
    """Five clients send the finished mails, each its next one as soon as the last is accepted."""
    import aiosmtplib

    mails = iter(pickle.loads(path.read_bytes()))  # noqa: ASYNC240, S301  written by this very benchmark

    async def session() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, use_tls=False)
        await client.connect()
        for recipient, raw in mails:
            await client.sendmail(SENDER, [recipient], raw)
        await client.quit()

    begun = Taken.now()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    return begun.since()


class Stores:
    """A prepared store and one in which all is planned, and a fresh copy of either for every round."""

    def __init__(self, folder: Path, postgresql: str) -> None:
        self._folder = folder
        self._server = postgresql
        self.kind = "PostgreSQL" if postgresql else "SQLite"
        self.prepared = self._url("prepared")
        self.planned = self._url("planned")

    def _url(self, name: str) -> str:
        if not self._server:
            return f"sqlite:///{self._folder}/{name}.sqlite3"
        from sqlalchemy.engine import make_url

        return make_url(self._server).set(database=f"otklik_bench_{name}").render_as_string(hide_password=False)

    def make(self) -> None:
        if self._server:
            self._execute('DROP DATABASE IF EXISTS "otklik_bench_prepared"', 'CREATE DATABASE "otklik_bench_prepared"')

    def fresh(self, of: str = "prepared", name: str = "round") -> str:
        """The URL of a copy; the last one of that name is gone."""
        if self._server:
            self._execute(
                f'DROP DATABASE IF EXISTS "otklik_bench_{name}" WITH (FORCE)',
                f'CREATE DATABASE "otklik_bench_{name}" TEMPLATE "otklik_bench_{of}"',
            )
        else:
            for old in self._folder.glob(f"{name}.sqlite3*"):
                old.unlink()
            shutil.copy(self._folder / f"{of}.sqlite3", self._folder / f"{name}.sqlite3")
        return self._url(name)

    def drop(self) -> None:
        if self._server:
            names = ("round", "planned", "prepared")
            self._execute(*(f'DROP DATABASE IF EXISTS "otklik_bench_{name}" WITH (FORCE)' for name in names))

    def _execute(self, *statements: str) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.sql import text

        from storage.store import engine_url

        async def run() -> None:
            engine = create_async_engine(engine_url(self._server)[1], isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
            await engine.dispose()

        asyncio.run(run())


def compare(folder: Path, told: argparse.Namespace) -> None:
    """Prepare, run the rounds, print the medians."""
    stores, port = Stores(folder, told.database), free_port()

    def run(part: str, url: str) -> Taken:
        settings = {
            "OTKLIK_DATABASE_URL": url, "OTKLIK_EMAIL_HOST": "127.0.0.1", "OTKLIK_EMAIL_PORT": str(port),
            "OTKLIK_EMAIL_TLS": "none", "OTKLIK_EMAIL_SENDER": SENDER, "OTKLIK_EMAIL_SESSIONS": str(SESSIONS),
        }  # fmt: skip
        return in_process(__file__, part, folder, told, port, settings)

    try:
        with running_sink(told.sink, port, told.away) as name:
            stores.make()
            run("prepare", stores.prepared)
            run("plan", stores.fresh(name="planned"))
            run("dump", stores.fresh("planned"))
            size = statistics.mean(len(raw) for _, raw in pickle.loads((folder / "mails").read_bytes()))  # noqa: S301
            print(
                f"{told.messages:,} mails of {size:,.0f} bytes, {SESSIONS} sessions, {stores.kind}, {name}", flush=True
            )
            taken = sides_of(told, stores, run)
    finally:
        stores.drop()
    tell_sides(taken, told, "bare aiosmtplib")


def tell_sides(taken: dict[str, list[Taken]], told: argparse.Namespace, rival: str) -> None:
    """The medians and ratios of what :func:`sides_of` took."""
    tell(taken, told.messages, rival)
    if told.planned:
        tell(taken, told.messages, rival, "ours, from planned", "planned")


def sides_of(told: argparse.Namespace, stores: Stores, run: Callable[[str, str], Taken]) -> dict[str, list[Taken]]:
    """The rounds of ours from the start, ours from where all is planned if that is asked for, and the bare sides."""
    begins = {"ours": "prepared", "planned": "planned"}
    sides = ("ours", "planned", *SIDES[1:]) if told.planned else SIDES
    return take_turns(
        told, lambda part: run(part, stores.fresh(begins[part]) if part in begins else stores.prepared), sides
    )


def run_part(told: argparse.Namespace) -> None:
    """What a process of its own does; its seconds go to standard output."""
    from otklik.running import configure_logs, run_async

    configure_logs("warning")
    folder, mails = told.folder, told.folder / "mails"
    match told.part:
        case "prepare":
            asyncio.run(prepare(write_workspace(folder), os.environ["OTKLIK_DATABASE_URL"], told.messages))
        case "plan":
            asyncio.run(plan())
        case "dump":
            asyncio.run(dump(mails, told.messages))
        case "ours" | "planned":
            print(json.dumps(run_async(ours(told.messages))))
        case "bare":
            print(json.dumps(asyncio.run(bare(mails, told.port))))
        case "bare-uvloop":
            print(json.dumps(run_async(bare(mails, told.port))))


def main() -> None:
    taking = parser(__doc__, 5000)
    taking.add_argument("--sink", default="", help="path of Postfix's smtp-sink")
    taking.add_argument("--away", type=float, default=0.0, help="milliseconds from here to the sink and back")
    begin(taking.parse_args(), run_part, compare)


if __name__ == "__main__":
    main()
