"""The cable to a PostgreSQL server, which a test can cut and mend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url

SOCKET = ".s.PGSQL.5432"
CHUNK = 64 * 1024


class Cable:
    """Carries bytes to the server of ``url`` and back, from a socket in ``folder``. Made by :func:`cable`."""

    def __init__(self, url: str, folder: Path) -> None:
        self._server = make_url(url)
        self._folder = folder
        self._listening: asyncio.Server | None = None
        self._wires: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The database at this end."""
        here = self._server.update_query_dict({"host": str(self._folder)}).set(host=None, port=None)
        return here.render_as_string(hide_password=False)

    async def mend(self) -> None:
        """Carry from now on."""
        self._listening = await asyncio.start_unix_server(self._carry, self._folder / SOCKET)

    async def cut(self) -> None:
        """Break what is connected and take nobody."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for wire in self._wires:
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = asyncio.current_task()
        assert wire is not None
        self._wires.add(wire)
        far: asyncio.StreamWriter | None = None
        try:
            answers, far = await _connected(self._server)
            async with asyncio.TaskGroup() as ways:
                there = ways.create_task(_pass_on(reader, far))
                back = ways.create_task(_pass_on(answers, writer))
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
        except (OSError, asyncio.CancelledError):
            return  # an end that breaks off is what this is for
        finally:
            self._wires.discard(wire)
            for end in filter(None, (writer, far)):
                end.close()


async def _connected(server: URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    folder = server.query.get("host")
    if folder is not None:
        return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{server.query.get('port', 5432)}")
    return await asyncio.open_connection(server.host, server.port or 5432)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(CHUNK):
            writer.write(some)
            await writer.drain()


@asynccontextmanager
async def cable(url: str, folder: Path) -> AsyncIterator[Cable]:
    """A whole one; ``folder`` has a short path, as sockets need."""
    made = Cable(url, folder)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
