"""The stage of the fault tests: a campaign in a store, the sandbox with its ledger, workers that can be killed."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import case, func, select, update

from campaigns.applying import apply
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import machine_now
from core.machines.message import MessageState
from core.outcomes import OutcomeKind
from otklik.demo.processes import Child, start_child
from storage import migrate
from storage.imports import ConsentGrant, CustomerOptions, import_customers
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Attempt, Customer, Enrolment, Message
from tests.databases import open_unsynced
from tests.faults.polling import until

ROOT = Path(__file__).parents[2]
SESSIONS = 5
ANSWER_SECONDS = 180
"""The fork server imports everything before its first answer, and some answers wait until a worker has died."""
CAMPAIGN = """\
campaign: letters
purpose: marketing
audience: everyone
start: now
template: letter
steps:
  - send: email
    wait: 30d
"""
LETTER = """\
---
subject: A letter for {{ customer.first_name }}
---
Dear {{ customer.first_name }}, we are still here.

To leave: {{ links.unsubscribe }}
"""


def midday_zone() -> str:
    """A zone in which it is about noon now: no run of a test meets the end of the sending hours."""
    offset = 12 - machine_now().hour
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def write_workspace(folder: Path) -> Path:
    """A workspace with one campaign of one mail, to everyone."""
    shop = folder / "shop"
    files = {
        "otklik.yaml": "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n"
        f"zone: {midday_zone()}\nlocale: en\ncurrency: USD\n",
        "segments.yaml": "everyone:\n  where: {field: country, in: [GB]}\n",
        "campaigns/letters.yaml": CAMPAIGN,
        "templates/letter/email.txt": LETTER,
    }
    for name, text in files.items():
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(text)
    return shop


async def fill(store: Store, folder: Path, customers: int) -> None:
    """Import ``customers`` with a mail address each and apply the campaign, as an operator would."""
    people = folder / "people.csv"
    lines = [f"{n},Reader {n},reader{n}@example.org,GB\n" for n in range(1, customers + 1)]
    people.write_text("id,first name,email,country\n" + "".join(lines))
    grant = ConsentGrant("marketing", "a test", "yes, write to me")
    summary = await import_customers(store, people, CustomerOptions(consent=grant))
    assert summary.created == customers, summary
    now = machine_now() - timedelta(seconds=1)
    await apply(store, load_workspace(write_workspace(folder)), Actor("operator", "test"), now)


class Sandbox:
    """The sandbox's process and its ledger, read as it grows."""

    def __init__(self, child: Child, ledger: Path) -> None:
        self.child = child
        self._path = ledger
        self._offset = 0
        self.accepted: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many mails the provider has accepted by now."""
        self.read()
        return self.accepted.total()

    def read(self) -> None:
        """Take in the new entries of the ledger's file."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["accepted"]:
                self.accepted[entry["otklik_id"]] += 1

    def entries(self, *message_ids: str) -> list[dict[str, Any]]:
        """What the ledger holds of these messages."""
        found = [json.loads(line) for line in self._path.read_text().splitlines()]
        return [entry for entry in found if entry["otklik_id"] in message_ids]

    async def post(self, path: str, body: Any) -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{self.child.announced['http']}{path}", json=body) as response:
                assert response.status == 200, await response.text()
                return await response.json()

    async def clear_faults(self) -> Any:
        """Let the provider behave again; gives the rules that were in force, with their hits."""
        async with aiohttp.ClientSession(self.child.announced["http"]) as session:
            async with session.get("/control/faults") as response:
                rules = await response.json()
            async with session.delete("/control/faults") as response:
                assert response.status == 200
            return rules


@dataclass
class Worker:
    """One ``otklik run``. ``id`` is its name in the store, once it has announced itself."""

    pid: int
    out: Path
    id: str = ""
    started: float = 0.0
    took: float = 0.0

    def signal(self, which: signal.Signals) -> None:
        os.kill(self.pid, which)

    def announced(self) -> bool:
        text = self.out.read_text() if self.out.exists() else ""
        if text.endswith("\n"):
            self.id = json.loads(text)["worker"]
            self.took = time.monotonic() - self.started
        return bool(self.id)


class Forkserver:
    """Starts workers by :mod:`tests.faults.forkserver`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, environment: dict[str, str]) -> None:
        self._process = process
        self._folder = folder
        self._environment = environment
        self._started = 0
        self.log = folder / "worker.log"
        self.living: list[Worker] = []
        self.start_seconds: list[float] = []

    async def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await self._process.stdout.readline()
        assert answer, "the fork server is gone"
        return json.loads(answer)

    async def _spawn(self, arguments: list[str], failpoint: str = "") -> Worker:
        self._started += 1
        out = self._folder / f"child-{self._started}.out"
        began = time.monotonic()
        asked = {"start": self._environment, "arguments": arguments, "failpoint": failpoint, "out": str(out)}
        asked |= {"log": str(self.log), "folder": str(self._folder)}
        return Worker((await self._ask(asked))["pid"], out, started=began)

    async def start(self, *, ready: bool = True, failpoint: str = "") -> Worker:
        """Start a worker; with ``ready`` wait until it has recovered what dead ones left and listens."""
        worker = await self._spawn(["run", "--announce"], failpoint)
        self.living.append(worker)
        if ready:
            await self.wait_ready(worker)
        return worker

    async def ended(self, worker: Worker) -> int:
        """Wait until it has died by itself; gives its exit code."""
        self.living.remove(worker)
        return (await self._ask({"wait": worker.pid}))["status"]

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run another command of ``otklik`` to its end; gives its exit code and what it printed."""
        worker = await self._spawn(list(arguments))
        status = (await self._ask({"wait": worker.pid}))["status"]
        return status, worker.out.read_text()

    async def wait_ready(self, worker: Worker) -> None:
        await until(worker.announced, "a worker to announce itself")
        self.start_seconds.append(worker.took)

    async def kill(self, worker: Worker, how: signal.Signals = signal.SIGKILL) -> int:
        """Kill it and wait until it is gone; gives its exit code."""
        os.kill(worker.pid, how)
        return await self.ended(worker)

    def complaints(self) -> str:
        """The end of what the workers had to say, but for the news that all is well."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return "\n".join([line for line in lines if '"level": "info"' not in line][-80:])

    async def close(self) -> None:
        for worker in list(self.living):
            os.kill(worker.pid, signal.SIGCONT)
            await self.kill(worker)
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._process.wait()


@dataclass
class Stage:
    """Everything at hand. The oracle is :meth:`verdict`."""

    store: Store
    sandbox: Sandbox
    workers: Forkserver
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    async def states(self) -> Counter[MessageState]:
        messages = table(Message)
        async with self.store.read() as connection:
            rows = await connection.execute(
                select(messages.c.state, func.count()).where(messages.c.direction == "out").group_by(messages.c.state)
            )
            return Counter({row[0]: row[1] for row in rows})

    async def invite(self, customers: int) -> None:
        """Let only the first ``customers`` be the campaign's audience."""
        people = table(Customer)
        invited = people.c.external_id.in_([str(n) for n in range(1, customers + 1)])
        async with self.store.write() as connection:
            await connection.execute(update(people).values(country=case((invited, "GB"), else_="")))

    async def at_rest(self, customers: int) -> bool:
        """Whether every customer has a message, none is on its way and every attempt has an outcome: at one moment.

        A worker that slept tells its outcomes late, after the reaper's guess, and what it gives back leaves again.
        """
        messages, attempts = table(Message), table(Attempt)
        moving = (MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING)
        sent = select(func.count()).where(messages.c.direction == "out")
        wanted = select(
            sent.scalar_subquery(),
            sent.where(messages.c.state.in_(moving)).scalar_subquery(),
            select(func.count()).where(attempts.c.outcome.is_(None)).scalar_subquery(),
        )
        async with self.store.read() as connection:
            return tuple((await connection.execute(wanted)).one()) == (customers, 0, 0)

    async def verdict(self, customers: int) -> "Verdict":
        """Compare the provider's ledger with the store."""
        self.sandbox.read()
        messages, attempts = table(Message), table(Attempt)
        async with self.store.read() as connection:
            rows = (await connection.execute(select(messages.c.id, messages.c.state, messages.c.reason))).all()
            enrolments = await connection.scalar(select(func.count()).select_from(table(Enrolment)))
            unknown = await connection.execute(
                select(attempts.c.worker, func.count())
                .where(attempts.c.outcome == OutcomeKind.UNKNOWN)
                .group_by(attempts.c.worker)
            )
            by_worker = {row[0]: row[1] for row in unknown}
        assert enrolments == customers
        assert len(rows) == customers, "a customer without a message"
        ledger = self.sandbox.accepted
        states = {row.id: row.state for row in rows}
        return Verdict(
            accepted=sum(state is MessageState.ACCEPTED for state in states.values()),
            unknown=sum(state is MessageState.UNKNOWN for state in states.values()),
            twice=[id_ for id_, number in ledger.items() if number > 1],
            strangers=[id_ for id_ in ledger if states.get(id_) not in (MessageState.ACCEPTED, MessageState.UNKNOWN)],
            invented=[id_ for id_, state in states.items() if state is MessageState.ACCEPTED and id_ not in ledger],
            unsettled=[
                id_ for id_, state in states.items()
                if state not in (MessageState.ACCEPTED, MessageState.UNKNOWN)
            ],
            unknown_by_worker=by_worker,
        )  # fmt: skip


@dataclass
class Verdict:
    """What the ledger and the store say of each other. ``strangers`` were accepted though the store says otherwise."""

    accepted: int
    unknown: int
    twice: list[str]
    strangers: list[str]
    invented: list[str]
    unsettled: list[str]
    unknown_by_worker: dict[str, int]

    def check(self) -> None:
        """No duplicate, nothing lost, nothing invented."""
        assert not self.twice, f"{len(self.twice)} messages were accepted twice"
        assert not self.strangers, f"{len(self.strangers)} were accepted and are neither accepted nor unknown here"
        assert not self.invented, f"{len(self.invented)} are accepted here and in no ledger"
        assert not self.unsettled, f"{len(self.unsettled)} messages have neither left nor a reason"


def worker_environment(store_url: str, folder: Path, sandbox: Child, **more: str) -> dict[str, str]:
    """The settings of a worker that has mail alone."""
    settings = {
        "DATABASE_URL": store_url,
        "DATA_DIR": str(folder / "data"),
        "SECRET": "a test signs its links with this",
        "PORT": "0",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(sandbox.announced["smtp_port"]),
        "EMAIL_TLS": "none",
        "EMAIL_SENDER": "vera@shop.example.com",
        "EMAIL_SESSIONS": str(SESSIONS),
        **more,
    }
    return {f"OTKLIK_{name}": value for name, value in settings.items()}


@asynccontextmanager
async def set_stage(store_url: str, folder: Path, customers: int, **settings: str) -> AsyncIterator[Stage]:
    """A filled store, a sandbox that takes every mail, a fork server; no worker yet."""
    async with await open_unsynced(store_url) as store:
        await migrate.upgrade(store)
        await fill(store, folder, customers)
        ledger = folder / "ledger.jsonl"
        arguments = ["sandbox", "--ledger", str(ledger), "--parent-pid", str(os.getpid())]
        child = await start_child(arguments, folder / "sandbox.log", {}, folder)
        try:
            sandbox = Sandbox(child, ledger)
            await sandbox.post("/control/mail", {"strangers": "accept"})
            environment = worker_environment(store_url, folder, child, **settings)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.forkserver", cwd=ROOT,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            workers = Forkserver(process, folder, environment)
            try:
                yield Stage(store, sandbox, workers, folder, environment)
            finally:
                await workers.close()
        finally:
            await child.stop()
