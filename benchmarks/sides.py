"""What the benchmarks share: sides in processes of their own, rounds that alternate, medians and their ratios."""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SIDES = ("ours", "bare", "bare-uvloop")
LISTEN_SECONDS = 30.0


class Taken(NamedTuple):
    """Seconds on the wall's clock and of the process's CPU."""

    seconds: float
    cpu: float

    @classmethod
    def now(cls) -> "Taken":
        return cls(time.perf_counter(), time.process_time())

    def since(self) -> "Taken":
        now = self.now()
        return Taken(now.seconds - self.seconds, now.cpu - self.cpu)

    def with_children(self) -> "Taken":
        """With the CPU of child processes, all that have ended by now."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Taken(self.seconds, self.cpu + used.ru_utime + used.ru_stime)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def listening(
    command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, from when it listens on ``port`` to the block's end."""
    more = {"PYTHONPATH": str(ROOT)} if environment is None else environment
    with subprocess.Popen(command, env={**os.environ, **more}, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + LISTEN_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline, "the server does not listen"
                    assert process.poll() is None, "the server ended"
                    time.sleep(0.05)
            yield process
        finally:
            process.terminate()


def in_process(
    script: str, part: str, folder: Path, told: argparse.Namespace, port: int, settings: Mapping[str, str]
) -> Taken:
    """Run one part of ``script`` in a process of its own, with our ``settings``; what it measured."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTKLIK_")},
        "PYTHONPATH": str(ROOT),
        "OTKLIK_DATA_DIR": str(folder / "data"),
        "OTKLIK_SECRET": "a benchmark signs its links with this",
        "OTKLIK_LOG_LEVEL": "warning",
        **settings,
    }
    profiler = ["-m", "cProfile", "-o", told.profile] if told.profile and not part.startswith("bare") else []
    command = [sys.executable, *profiler, script, "--part", part, "--folder", str(folder), "--port", str(port)]
    command += ["--messages", str(told.messages)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, timeout=900)
    return Taken(*json.loads(done.stdout or b"[0, 0]"))


def take_turns(
    told: argparse.Namespace, take: Callable[[str], Taken], sides: Sequence[str] = SIDES
) -> dict[str, list[Taken]]:
    """``told.rounds`` rounds of every side, told of as they end."""
    taken: dict[str, list[Taken]] = {side: [] for side in sides}
    for number in range(1, told.rounds + 1):
        for side, rounds in taken.items():
            rounds.append(take(side))
        rates = (f"{side} {told.messages / rounds[-1].seconds:,.0f}/s" for side, rounds in taken.items())
        print(f"round {number}: {'   '.join(rates)}", flush=True)
    return taken


def tell(
    taken: Mapping[str, list[Taken]], messages: int, rival: str, ours: str = "ours, end to end", side: str = "ours"
) -> None:
    """The medians and their ratios; ``rival`` is what the bare sides are, ``ours`` what the other ``side`` does."""
    rate = {side: messages / statistics.median(one.seconds for one in rounds) for side, rounds in taken.items()}
    cpu = {side: 1000 * statistics.median(one.cpu for one in rounds) / messages for side, rounds in taken.items()}
    width = len(f"{rival} on asyncio ")
    ours = f"{ours}, on uvloop"
    width = max(width, len(ours))
    print(f"{ours:<{width}} {rate[side]:>8,.0f}/s   {cpu[side]:.2f} ms of CPU each")
    for bare, loop in (("bare", "asyncio"), ("bare-uvloop", "uvloop")):
        words = f"{rate[bare]:>8,.0f}/s   {cpu[bare]:.2f} ms of CPU each"
        print(f"{f'{rival} on {loop}':<{width}} {words}   ratio {rate[side] / rate[bare]:.2f}")


def parser(about: str | None, messages: int) -> argparse.ArgumentParser:
    """The arguments that every comparison takes."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--messages", type=int, default=messages)
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--database", default="", help="a PostgreSQL server's URL; databases are made and dropped there")
    made.add_argument("--planned", action="store_true", help="measure also from where the messages stand planned")
    made.add_argument("--profile", default="", help="write a cProfile of our side to this file")
    made.add_argument("--part", default="", help=argparse.SUPPRESS)
    made.add_argument("--folder", type=Path, default=Path(), help=argparse.SUPPRESS)
    made.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    return made


def begin(
    told: argparse.Namespace,
    run_part: Callable[[argparse.Namespace], None],
    compare: Callable[[Path, argparse.Namespace], None],
) -> None:
    """A part of a comparison where one is named, else the whole comparison in a folder that goes afterwards."""
    if told.part:
        run_part(told)
        return
    with tempfile.TemporaryDirectory(prefix="otklik-bench-") as name:
        compare(Path(name), told)
