"""Telegram's webhooks a second, each stored durably before its 200, beside a bare uvicorn that only decodes them.

    python benchmarks/webhooks.py --updates 10000 --rounds 5

*Ours* is what ``otklik run`` serves: the secret is compared, the update cut out, stored by group commit
(on SQLite with ``synchronous=FULL``), then answered. *Bare* is an ASGI function under the same uvicorn that reads the
body, decodes it and answers 200. A third process posts to either over as many kept connections, each with one request
at a time. Telegram opens 40 unless it is told otherwise, and at most 100; a service with several accounts and channels
has hundreds in a burst. So 40, 100 and 200 are measured: a commit waits for the disk once, however many share it, and
what few connections deliver is bound by that wait, not by the work.

Then what was stored is processed as the service does it (sender found, message logged, campaigns asked), unless
``--no-routing``. Each part runs in a process of its own; medians are printed, and the machine's load: three processes
want two cores, and who shares these with others should believe the CPU more than the clock.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from sides import ROOT, Taken, begin, free_port, listening
from stores import Stores

CONNECTIONS = (40, 100, 200)
SECRET = "a-benchmark"  # noqa: S105 - of this benchmark
SCOPE = "100001"
READERS = 1000


def update(number: int) -> bytes:
    """One message of one of the readers, as Telegram posts it."""
    reader = 1000 + number % READERS
    who = {"id": reader, "first_name": f"Reader{reader}", "language_code": "en"}
    message = {
        "message_id": number,
        "from": {**who, "is_bot": False},
        "chat": {**who, "type": "private"},
        "date": 1796126400,
        "text": "Yes, I would like to know more about the new books",
    }
    return orjson.dumps({"update_id": 500_000_000 + number, "message": message})


async def bare_application(_: Any, receive: Any, send: Any) -> None:
    """Reads, decodes, answers."""
    body = b""
    more = True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
    assert orjson.loads(body)["update_id"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def serve(port: int, *, bare: bool) -> None:
    import uvicorn

    from channels.telegram.adapter import TelegramAdapter, TelegramSettings
    from channels.webhooks import Webhooks
    from core.clock import SystemClock
    from otklik.running import spare_collections
    from storage.intake import Intake
    from storage.store import Store

    options: dict[str, Any] = {"log_level": "warning", "lifespan": "off", "access_log": False}
    if bare:
        await uvicorn.Server(uvicorn.Config(bare_application, port=port, **options)).serve()
        return
    settings = TelegramSettings("telegram", f"{SCOPE}:a-benchmark", mode="webhook", webhook_secret=SECRET)
    async with await Store.open(os.environ["OTKLIK_DATABASE_URL"]) as store, Intake(store, SystemClock()) as intake:
        hooks = {"telegram": TelegramAdapter(settings)}
        application = Webhooks(hooks, intake, public_url="https://shop.example.com")
        spare_collections()
        await uvicorn.Server(uvicorn.Config(application, port=port, **options)).serve()


async def post(port: int, updates: int, connections: int) -> Taken:
    """Post every update, the next on each connection once the last is answered by 2xx."""
    head = (
        "POST /webhooks/telegram HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    left = iter([head % len(body) + body for body in map(update, range(updates))])

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in left:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith((b"HTTP/1.1 20", b"HTTP/1.0 20")), answer
        writer.close()

    begun = Taken.now()
    await asyncio.gather(*(connection() for _ in range(connections)))
    return begun.since()


async def prepare(folder: Path, url: str) -> None:
    """A store with readers who have Telegram."""
    from storage.imports import ConsentGrant, CustomerOptions, import_customers
    from storage.migrate import upgrade
    from storage.store import Store

    people = folder / "people.csv"
    lines = (f"{n},Reader{n},{1000 + n},Riga\n" for n in range(READERS))
    people.write_text("id,first name,telegram,city\n" + "".join(lines))
    async with await Store.open(url) as store:
        await upgrade(store)
        grant = ConsentGrant("marketing", "a benchmark", "yes, write to me")
        await import_customers(store, people, CustomerOptions(consent=grant, telegram_scope=SCOPE))


async def process(url: str, updates: int) -> Taken:
    """Route everything that is stored, as the service's loop does."""
    from bot.processing import Processor
    from channels.telegram.updates import parse
    from core.clock import SystemClock
    from storage.store import Store

    async with await Store.open(url) as store:
        processor = Processor(store, {"telegram": lambda raw: parse(raw, SCOPE)}, SystemClock(), "a secret")
        begun, done = Taken.now(), 0
        while found := await processor.run_once():
            done += found
        taken = begun.since()
    assert done == updates, f"{done} of {updates}"
    return taken


def _command(part: str, port: int, *more: str) -> list[str]:
    return [sys.executable, __file__, "--part", part, "--port", str(port), *more]


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OTKLIK_DATABASE_URL": url}


def measured(part: str, url: str, port: int, told: argparse.Namespace, folder: Path) -> Taken:
    command = _command(part, port, "--updates", str(told.updates), "--folder", str(folder))
    command += ["--connections", *map(str, told.connections)]
    done = subprocess.run(command, env=_environment(url), check=True, stdout=subprocess.PIPE, timeout=900)
    return Taken(*json.loads(done.stdout or b"[0, 0]"))


def load() -> str:
    """How many processes wanted a core in the last minute, of how many cores."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """CPU that a running process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(folder: Path, told: argparse.Namespace) -> None:
    every = told.connections
    for number, connections in enumerate(every):
        told.connections = [connections]
        told.routing = told.routing and number == 0  # it does not depend on them
        own = folder / str(connections)
        own.mkdir()
        compare_over(connections, own, told)


def compare_over(connections: int, folder: Path, told: argparse.Namespace) -> None:
    stores = Stores(folder, told.database)
    taken: dict[str, list[Taken]] = {"ours": [], "bare": [], "process": []}
    port = free_port()
    try:
        stores.make()
        measured("prepare", stores.prepared, port, told, folder)
        print(f"{told.updates:,} updates over {connections} connections, {stores.kind}, load {load()}", flush=True)
        for number in range(1, told.rounds + 1):
            url = stores.fresh()
            for part in ("ours", "bare"):
                with listening(_command(part, port), port, _environment(url)) as server:
                    before = cpu_seconds(server)
                    seconds = measured("post", url, port, told, folder).seconds
                    taken[part].append(Taken(seconds, cpu_seconds(server) - before))
            if told.routing:
                taken["process"].append(measured("process", url, port, told, folder))
            rates = (f"{part} {told.updates / rounds[-1].seconds:,.0f}/s" for part, rounds in taken.items() if rounds)
            print(f"round {number}: {'   '.join(rates)}", flush=True)
    finally:
        stores.drop()
    words = {"ours": "stored, then answered", "bare": "bare uvicorn", "process": "routed afterwards"}
    taken = {part: rounds for part, rounds in taken.items() if rounds}
    rate = {part: told.updates / statistics.median(one.seconds for one in rounds) for part, rounds in taken.items()}
    cpu = {part: 1000 * statistics.median(one.cpu for one in rounds) / told.updates for part, rounds in taken.items()}
    for part in taken:
        print(f"{words[part]:<24} {rate[part]:>8,.0f}/s   {cpu[part]:.3f} ms of CPU each")
    by_clock, by_cpu = rate["ours"] / rate["bare"], cpu["bare"] / max(cpu["ours"], 1e-9)
    print(f"ratio {by_clock:.2f} by the clock, {by_cpu:.2f} by CPU; load {load()}\n", flush=True)


def run_part(told: argparse.Namespace) -> None:
    from otklik.running import configure_logs, run_async

    configure_logs("warning")
    url = os.environ["OTKLIK_DATABASE_URL"]
    match told.part:
        case "prepare":
            asyncio.run(prepare(told.folder, url))
        case "ours" | "bare":
            with suppress(asyncio.CancelledError):
                run_async(serve(told.port, bare=told.part == "bare"))
        case "post":
            print(json.dumps(run_async(post(told.port, told.updates, told.connections[0]))))
        case "process":
            print(json.dumps(run_async(process(url, told.updates))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--no-routing", dest="routing", action="store_false")
    parser.add_argument(
        "--database", default="", help="a PostgreSQL server's URL; databases are made and dropped there"
    )
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    begin(parser.parse_args(), run_part, compare)


if __name__ == "__main__":
    main()
