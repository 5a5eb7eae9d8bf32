"""Running a coroutine from the command line: a fast loop, and one place for signals and logs."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while another wants it. At Python's own 5 ms each statement in SQLite's
thread can wait as long, twice, for a busy loop."""


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on uvloop where there is one; SIGTERM and SIGHUP cancel it as Ctrl-C does."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_told(work))


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _until_told(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ()
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def end_of_input() -> None:
    """Wait until whoever started this process, and holds the other end of its standard input, is gone."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        await reader.read()
    finally:
        transport.close()


def spare_collections() -> None:
    """Let the garbage collector leave alone what a started service keeps for good, and look less often at the rest.

    Half a million objects of the libraries would be walked through again and again: a tenth of a core while sending.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def configure_logs(level: str) -> None:
    """Log to standard error: for people at a terminal, as JSON lines elsewhere."""
    import logging

    import structlog

    number = getattr(logging, level.upper())
    rendered = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the stream of the moment, not of the start
    )
    # libraries log requests with tokens in their addresses: only their warnings are wanted
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")
