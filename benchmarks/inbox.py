"""The desk at 100,000 conversations with a million messages: its search, its inbox, and 200 open desks at once.

    python benchmarks/inbox.py                          # SQLite, builds the store first (some minutes)
    python benchmarks/inbox.py --database postgresql://postgres@/postgres?host=/run/postgresql
    python benchmarks/inbox.py --conversations 20000 --seconds 10

A process of its own serves what ``otklik run`` serves. *Search* and *inbox* are requests of a signed-in browser, one
after the other: from its first byte to the last of the answer. *Live*: ``--desks`` signed-in agents hold their
WebSocket and one conversation open; SMS come in by Twilio's signed webhook, ``--rate`` a second, each from one of 1,000
customers in a live chat. Told is the time from the POST to the frame at every desk, and the part requests that
``desk.js`` makes when its own conversation has news. Memory is the serving process's RSS before and after.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desk_live import SECRET, Live
from desk_store import FREQUENT, build
from sides import ROOT, begin, free_port
from stores import Stores

SEARCHES = (
    ("a rare name", "фамилия4321"), ("a part of a name", "милия43"), ("a name of thousands", "вера"),
    ("a name with е for ё", "алена"), ("a part of a number", "77009001"), ("an address", "person4242@"),
    ("the commonest word", FREQUENT.split()[0]), ("a word's beginning", "дост"), ("two letters", "за"),
    ("three common words", " ".join(FREQUENT.split()[:3])),
    ("four common words", "refund курьер адрес оплата"),
    ("nothing", "несуществующее"),
)  # fmt: skip
VIEWS = ("mine", "unassigned", "waiting", "open", "snoozed", "bot", "resolved")
FILTERS = ("view=open&channel=sms", "view=open&priority=3", "view=bot&channel=email", "view=resolved&channel=webchat")


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def told(what: str, seconds: Sequence[float]) -> None:
    print(f"  {what:<36} {1000 * statistics.median(seconds):7.0f} ms   p95 {1000 * percentile(seconds, 0.95):7.0f} ms")


async def ask(session: Any, address: str, rounds: int) -> list[float]:
    """Seconds of each request; the first one, which warms up, is left out."""
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        async with session.get(address) as answer:
            assert answer.status == 200, (address, answer.status)
            await answer.read()
        taken.append(time.perf_counter() - began)
    return taken[1:]


async def measure(origin: str, desks: list[tuple[str, str]], pid: int, options: argparse.Namespace) -> None:
    """Everything that is measured of a served store."""
    import aiohttp

    cookie = {"otklik_desk": desks[0][0]}
    async with aiohttp.ClientSession(origin, cookies=cookie) as session:
        print("search, as one types", flush=True)
        for what, asked in SEARCHES:
            query = urllib.parse.urlencode({"q": asked})
            session.headers["x-desk"] = "part"
            told(f"{what} ({asked})"[:36], await ask(session, f"/desk/search?{query}", options.rounds))
        del session.headers["x-desk"]
        print("inbox, the whole page", flush=True)
        for view in VIEWS:
            told(view, await ask(session, f"/desk/inbox?view={view}", options.rounds))
        for query in FILTERS:
            told(query, await ask(session, f"/desk/inbox?{query}", options.rounds))
        told("a conversation", await ask(session, f"/desk/inbox/{desks[0][1]}", options.rounds))
    live = Live(origin, desks[: options.desks], pid)
    await live.run(rate=options.rate, seconds=options.seconds)
    live.tell()


def serve(url: str, port: int, folder: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTKLIK_")} | {
        "PYTHONPATH": str(ROOT), "OTKLIK_DATABASE_URL": url, "OTKLIK_DATA_DIR": str(folder / "data"),
        "OTKLIK_SECRET": "a benchmark signs its links with this", "OTKLIK_LOG_LEVEL": "warning",
        "OTKLIK_PORT": str(port), "OTKLIK_PUBLIC_URL": f"http://127.0.0.1:{port}", "OTKLIK_SMS_SENDER": "+447700900999",
        "OTKLIK_TWILIO_ACCOUNT_SID": "AC" + 32 * "0", "OTKLIK_TWILIO_AUTH_TOKEN": SECRET,
        "OTKLIK_TWILIO_BASE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    command = [sys.executable, "-m", "otklik", "run", "--announce", "--attached"]
    with (folder / "served.log").open("wb") as log:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder
        )


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Build or take the store, serve it, measure."""
    sys.path.insert(0, str(ROOT))  # "desk" is the package, not this file
    stores, kept = Stores(folder, options.database), options.store
    url = f"sqlite:///{kept.absolute()}" if kept else stores.prepared
    notes = kept.with_suffix(".desks") if kept else folder / "store.desks"
    try:
        if not notes.exists():
            stores.make()
            began = time.perf_counter()
            notes.write_text(json.dumps(asyncio.run(build(url, options.conversations))))
            print(f"built in {time.perf_counter() - began:.0f} s", flush=True)
        desks = [(token, talk) for token, talk in json.loads(notes.read_text())]
        kind = "PostgreSQL" if options.database else "SQLite"
        print(f"{options.conversations:,} conversations, {kind}, load {os.getloadavg()[0]:.1f}", flush=True)
        with serve(url, free_port(), folder) as process:
            try:
                assert process.stdout is not None
                origin = json.loads(process.stdout.readline())["http"]
                asyncio.run(measure(origin, desks, process.pid, options))
            finally:
                process.terminate()
        print(f"load afterwards {os.getloadavg()[0]:.1f}")
    finally:
        stores.drop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--desks", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--store", type=Path, help="a SQLite file to build in, and to take the next time")
    parser.add_argument("--database", default="", help="a PostgreSQL server's URL: a database is made there")
    parser.set_defaults(part="")
    begin(parser.parse_args(), lambda _: None, compare)


if __name__ == "__main__":
    main()
