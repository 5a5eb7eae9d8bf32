"""A process beside ours that composes bulk: templates and mails need as much time as everything else together.

It is started for the first bulk, ends after a while without any, and goes with us. Nothing depends on it: while it is
not there, and when it is lost in the midst of a batch, whoever asked composes by itself.
"""

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

import structlog

from campaigns.composing.batch import Batch, Made, Reader
from campaigns.composing.links import MessageLinks
from campaigns.composing.passing import CLAIM, LENGTH, READER, Answer, Preparing, Work
from core.clock import uptime
from core.dispatching import Claim

log = structlog.get_logger(__name__)

BATCH_SECONDS = 20.0
"""A batch takes a tenth of a second; within this time all of its messages could still start under their lease."""
IDLE_SECONDS = 600.0
REST_SECONDS = 60.0
"""How long one that was lost is not replaced."""
MOST_VERSIONS = 256
_BUFFERED = 1 << 22


class Companion:
    """Composes batches in a process of its own. ``preparing`` makes what adapters send, by channel.

    ``process`` is the one that runs now.
    """

    def __init__(self, links: MessageLinks, preparing: Mapping[str, Preparing]) -> None:
        self.process: Process | None = None
        self._links = links
        self._preparing = dict(preparing)
        self._running: asyncio.Task[None] | None = None
        self._rests_until = 0.0
        self._input: asyncio.StreamWriter | None = None
        self._asked: deque[asyncio.Future[Made | None]] = deque()
        self._versions: set[str] = set()

    async def made(self, batch: Batch, claims: Sequence[Claim], readers: Sequence[Reader]) -> Made | None:
        """The batch composed; None where there is nobody to do it."""
        if self._running is None or self._running.done():
            if uptime() >= self._rests_until:
                self._running = asyncio.create_task(self._run())
            return None
        if self._input is None:  # it is still being started
            return None
        answer: asyncio.Future[Made | None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                self._input.write(pickle.dumps(self._work(batch, claims, readers), pickle.HIGHEST_PROTOCOL))
                with suppress(ConnectionError):  # whoever reads finds out too, and answers
                    await self._input.drain()
                return await answer
        except TimeoutError:
            self._rest(f"no answer within {BATCH_SECONDS:g} s")
            self._running.cancel()
            return None

    def _work(self, batch: Batch, claims: Sequence[Claim], readers: Sequence[Reader]) -> Work:
        """What is to be done; a version is told once."""
        forget = len(self._versions) > MOST_VERSIONS
        if forget:
            self._versions.clear()
        new = {hash_: body for hash_, body in batch.by_version.items() if hash_ not in self._versions}
        self._versions.update(new)
        messages = list(zip(map(CLAIM.of, claims), map(READER.of, readers), strict=True))
        return Work(batch.now, batch.config, new, forget, messages)

    def _rest(self, why: str) -> None:
        """Leave it for a while, and say so."""
        log.warning("bulk is composed without the composing process", error=why, for_seconds=REST_SECONDS)
        self._rests_until = uptime() + REST_SECONDS

    async def _run(self) -> None:
        """Start it, and hand on what it answers until it ends."""
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "campaigns.composing.companion_process",
                stdin=PIPE, stdout=PIPE, limit=_BUFFERED, start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip
            await self._hand_on(self.process)
        except TimeoutError:
            pass  # there was no bulk for long
        except Exception as error:  # noqa: BLE001  whatever it is, sending goes on without it
            self._rest(f"it ended: {error}")
        finally:
            process, self.process, self._input = self.process, None, None
            self._versions.clear()
            while self._asked:
                if not (answer := self._asked.popleft()).done():
                    answer.set_result(None)
            if process is not None:
                with suppress(ProcessLookupError):
                    process.kill()  # it keeps nothing
                await process.wait()

    async def _hand_on(self, process: Process) -> None:
        requests, answers = cast("asyncio.StreamWriter", process.stdin), cast("asyncio.StreamReader", process.stdout)
        requests.write(pickle.dumps((self._links, self._preparing)))
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                length = int.from_bytes(await answers.readexactly(LENGTH))
            async with asyncio.timeout(BATCH_SECONDS):
                said: Answer | None = pickle.loads(await answers.readexactly(length))  # noqa: S301  our own child
            if said is None:  # its first word: it is ready
                self._input = requests
            elif not (answer := self._asked.popleft()).done():
                answer.set_result(said.made())

    async def close(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
