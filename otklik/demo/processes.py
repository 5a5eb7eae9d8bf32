"""The demo's two processes: the sandbox and the sender. Each announces itself by a JSON line and ends with it."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from core.errors import OtklikError

READY_SECONDS = 180.0
STOP_SECONDS = 20.0


@dataclass(slots=True)
class Child:
    """A running child process with what it announced. Its other output goes to ``log``."""

    process: asyncio.subprocess.Process
    announced: dict[str, Any]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self.alive:
            _kill(self.process)
            await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM; kill if it does not go in time."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                await self.kill()


async def start_child(arguments: list[str], log: Path, environment: Mapping[str, str], folder: Path) -> Child:
    """Start ``python -m …`` and wait for its JSON line.

    Raises:
        OtklikError: if it ends or stays silent; with the end of its log.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTKLIK_")}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output,
            env={**inherited, **environment}, cwd=folder, start_new_session=True,
        )  # fmt: skip
    output_of = process.stdout
    if output_of is None:
        raise OtklikError(f"{arguments[0]} has no output to announce itself by")
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await output_of.readline()
        announced = orjson.loads(line)
    except (TimeoutError, orjson.JSONDecodeError):
        _kill(process)
        await process.wait()
        tail = await asyncio.to_thread(_tail, log)
        raise OtklikError(f"{arguments[0]} did not start:\n{tail}") from None
    except BaseException:
        _kill(process)
        raise
    return Child(process, announced, log)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


@contextlib.contextmanager
def kept_port() -> Iterator[int]:
    """A TCP port of this machine for a child to listen on, now or later, that nobody else is given meanwhile.

    Linux lets the child bind it beside us, who do not listen; other systems would not, and there it is only probable
    that it stays free.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port: int = keeper.getsockname()[1]
        if sys.platform != "linux":
            keeper.close()
        yield port
