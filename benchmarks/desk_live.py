"""Open desks and incoming messages for ``inbox.py``: how long until every desk shows what came."""

import asyncio
import contextlib
import json
import os
import random
import re
import statistics
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desk_store import LIVE, phone

SECRET = "a-benchmark"  # noqa: S105  of this benchmark
WEBHOOK = "/webhooks/sms"
_ENTRY = re.compile(r'data-id="(\w+)"')
_MARK = re.compile(r"no\. (\d+)\.")
OPEN_SECONDS, SETTLE_SECONDS = 60.0, 10.0


def rss(pid: int) -> float:
    """Megabytes that a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Live:
    """Signed-in desks on one server; each a WebSocket, and the part requests of the page behind it."""

    def __init__(self, origin: str, desks: Sequence[tuple[str, str]], pid: int) -> None:
        self._origin, self._desks, self._pid = origin, desks, pid
        self._posted: dict[int, float] = {}
        self._waits: list[float] = []
        self._seen: list[set[int]] = [set() for _ in desks]
        self._frames = self._bytes = self._reloads = self._parts = self._refused = 0
        self._part_waits: list[float] = []
        self._answered: list[float] = []
        self._refreshing: set[asyncio.Task[None]] = set()
        self._after: dict[str, str] = {}
        self._memory: list[float] = []
        self._sent = self._open = 0
        self._awaited, self._cpu, self._own_cpu, self._took = -1, 0.0, 0.0, 0.0
        self._standing, self._all_seen = asyncio.Event(), asyncio.Event()

    async def run(self, *, rate: float, seconds: float) -> None:
        """Open the desks, send ``rate`` messages a second, wait for what is under way."""
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self._origin, connector=connector) as session:
            self._memory.append(rss(self._pid))
            opened = [asyncio.create_task(self._desk(session, place)) for place in range(len(self._desks))]
            async with asyncio.timeout(OPEN_SECONDS):
                await self._standing.wait()
            await asyncio.sleep(1)
            self._memory.append(rss(self._pid))
            used, own, began = cpu_seconds(self._pid), time.process_time(), time.perf_counter()
            posts = []
            self._awaited = int(rate * seconds) * len(self._desks)
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                posts.append(asyncio.create_task(self._post(session, number)))
            await asyncio.gather(*posts)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._all_seen.wait()
            self._took = time.perf_counter() - began
            self._cpu, self._own_cpu = cpu_seconds(self._pid) - used, time.process_time() - own
            self._memory.append(rss(self._pid))
            for task in [*opened, *self._refreshing]:
                task.cancel()
            await asyncio.gather(*opened, *self._refreshing, return_exceptions=True)

    async def _post(self, session: Any, number: int) -> None:
        """An SMS of one of the customers, each in turn, signed as Twilio does."""
        from channels.twilio.signatures import HEADER, sign

        sid = f"SM{random.getrandbits(128):032x}"
        form = [
            ("AccountSid", "AC" + 32 * "0"), ("Body", f"Where is it? no. {number}."),
            ("From", phone(number * 7 % LIVE)), ("MessageSid", sid), ("To", "+447700900999"),
        ]  # fmt: skip
        signature = sign(SECRET, self._origin + WEBHOOK, form).decode()
        self._posted[number] = time.perf_counter()
        body = urllib.parse.urlencode(form)
        headers = {HEADER: signature, "content-type": "application/x-www-form-urlencoded"}
        async with session.post(WEBHOOK, data=body, headers=headers) as answer:
            if answer.status >= 300:
                self._refused += 1
        self._answered.append(time.perf_counter() - self._posted[number])
        self._sent += 1

    async def _desk(self, session: Any, place: int) -> None:
        token, talk = self._desks[place]
        headers = {"cookie": f"otklik_desk={token}", "origin": self._origin}
        await self._news(session, talk, headers)  # what stands in the page
        async with session.ws_connect("/desk/live", headers=headers, max_msg_size=0) as socket:
            pulse = asyncio.create_task(self._pulse(socket, talk))
            self._refreshing.add(pulse)
            refreshing: asyncio.Task[None] | None = None
            async for message in socket:
                now, text = time.perf_counter(), message.data
                self._frames += 1
                self._bytes += len(text)
                if '"type":"here"' in text and not self._seen[place]:
                    self._open += 1
                    if self._open == len(self._desks):
                        self._standing.set()
                for found in _MARK.findall(text):
                    number = int(found)
                    if number in self._posted and number not in self._seen[place]:
                        self._seen[place].add(number)
                        self._waits.append(now - self._posted[number])
                        if len(self._waits) == self._awaited:
                            self._all_seen.set()
                self._reloads += '"type":"reload"' in text
                if f'"id":"{talk}"' in text and (refreshing is None or refreshing.done()):
                    refreshing = asyncio.create_task(self._refresh(session, talk, headers))
                    self._refreshing.add(refreshing)

    async def _pulse(self, socket: Any, talk: str) -> None:
        """That somebody can see it, as the page says every three seconds."""
        while not socket.closed:
            await socket.send_str(json.dumps({"type": "open", "conversation": talk}))
            await asyncio.sleep(3)

    async def _refresh(self, session: Any, talk: str, headers: dict[str, str]) -> None:
        """What the page asks for when its own conversation has news."""
        began = time.perf_counter()
        await self._news(session, talk, headers)
        self._part_waits.append(time.perf_counter() - began)
        self._parts += 1

    async def _news(self, session: Any, talk: str, headers: dict[str, str]) -> None:
        """What came after the last entry but one, as the page asks for it."""
        address = f"/desk/inbox/{talk}/news?after={self._after.get(talk, '')}"
        async with session.get(address, headers=headers | {"x-desk": "part"}) as answer:
            assert answer.status == 200
            shown = _ENTRY.findall((await answer.json())["thread"])
            self._after[talk] = shown[-2] if len(shown) > 1 else self._after.get(talk, "")

    def tell(self) -> None:
        """Print what was measured."""
        number, waits = len(self._desks), sorted(self._waits)
        before, opened, after = self._memory
        print(f"live: {number} desks, {self._sent} messages in by webhook")
        print(
            f"  POST to frame at every desk      {1000 * statistics.median(waits):7.0f} ms   "
            f"p95 {1000 * waits[int(0.95 * len(waits))]:7.0f} ms   slowest {1000 * waits[-1]:.0f} ms"
        )
        answered = sorted(self._answered)
        print(
            f"  POST to its 200                  {1000 * statistics.median(answered):7.0f} ms   "
            f"p95 {1000 * answered[int(0.95 * len(answered))]:7.0f} ms"
        )
        missing = number * self._sent - len(waits)
        print(
            f"  CPU of the server {self._cpu:.1f} s in {self._took:.0f}: {1000 * self._cpu / self._sent:.1f} ms "
            f"a message; of these desks {self._own_cpu:.1f} s"
        )
        print(f"  not seen at a desk {missing} of {number * self._sent}; posts refused {self._refused}")
        size = self._bytes / max(1, self._frames) / 1000
        print(f"  frames {self._frames}, {size:.1f} kB each; reloads {self._reloads}")
        if self._part_waits:
            print(f"  part requests {self._parts}, median {1000 * statistics.median(self._part_waits):.0f} ms")
        print(
            f"  memory {before:.0f} MB, desks open {opened:.0f} MB ({(opened - before) / number:.2f} MB a desk), "
            f"afterwards {after:.0f} MB ({(after - before) / number:.2f} MB a desk)"
        )
