"""``python -m sandbox``: starts everything and prints one line of JSON with the addresses."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import orjson

from sandbox.clock import parse_instant
from sandbox.outbound import is_loopback
from sandbox.people import LANGUAGES
from sandbox.server import HttpServer
from sandbox.world import Options, World

PARENT_LOOK = 0.5  # seconds between looks whether the parent lives


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or the parent's end; 2 when the options are wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="sandbox: %(levelname)s %(name)s: %(message)s")
    if not is_loopback(given.host):
        parser.error(f"--host {given.host}: the sandbox listens on this machine only; use 127.0.0.1")
    options = Options(
        host=given.host,
        http_port=given.http_port,
        smtp_port=given.smtp_port,
        imap_port=given.imap_port,
        people=given.people,
        ledger=given.ledger,
        virtual_now=given.virtual_now,
        rate_scale=given.rate_scale,
        seed=given.seed,
        lang=given.lang,
    )
    try:
        import uvloop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        try:
            runner.run(_serve(options, given.parent_pid))
        except (ValueError, OSError) as error:
            sys.stderr.write(f"sandbox: {error}\n")
            return 2
    return 0


async def _serve(options: Options, parent: int | None) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    world = World(options)
    server = HttpServer(world)
    try:
        await world.start()
        address = await server.start()
        ready = {"http": address, "smtp_port": world.smtp_port, "imap_port": world.mailbox.port}
        sys.stdout.write(orjson.dumps(ready).decode() + "\n")
        sys.stdout.flush()
        while not end.is_set():
            try:
                async with asyncio.timeout(PARENT_LOOK if parent is not None else None):
                    await end.wait()
            except TimeoutError:
                if parent is not None and not _lives(parent):
                    break
    finally:
        await server.stop()
        await world.stop()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Loopback stand-ins for the providers.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="an address of this machine (127.0.0.1)")
    add("--http-port", type=int, default=0, help="Telegram, Twilio, control and the page; 0 takes a free one")
    add("--smtp-port", type=int, default=0, help="0 takes a free one")
    add("--imap-port", type=int, default=0, help="0 takes a free one")
    add("--people", type=Path, metavar="FILE", help="the customers, as JSON (see sandbox/README.md)")
    add("--ledger", type=Path, metavar="FILE", help="where the ledger is written, as JSON lines")
    add("--virtual-now", type=_instant, metavar="INSTANT", help="stand still at this instant, until it is set")
    add("--rate-scale", type=float, default=1.0, help="multiplies Telegram's rates")
    add("--seed", type=int, default=0, help="of ids and faults")
    add("--lang", choices=LANGUAGES, default="en", help="of people that name none")
    add("--parent-pid", type=int, metavar="PID", help="stop when this process is gone")
    return parser


def _instant(text: str) -> object:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
