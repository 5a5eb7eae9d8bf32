"""Commands: effects that somebody else carries out. Written with the batch that decided them, done once each.

A handler does its work and finishes the command in one transaction of its own; one that speaks to the outside world
may be called again after a crash, and says by the command's id that it is the same call. Back-off is machine time.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.engine import WEBHOOK
from core.clock import Clock, machine_now
from core.errors import StoreUnavailable
from storage.outbox.columns import emergency_stop, table
from storage.store import Store
from storage.tables import Command

log = structlog.get_logger(__name__)

_COMMANDS = table(Command)
BATCH = 50
HANDLING = timedelta(minutes=2)
"""How long a handler has a command to itself."""
FIRST_BACK_OFF = timedelta(seconds=2)
LONGEST_BACK_OFF = timedelta(hours=6)
MOST_TRIES = 16
"""About a day and a half of trying, then it is given up and said so."""


@dataclass(frozen=True, slots=True)
class OpenCommand:
    """A command to be carried out. ``id`` names it to the outside world; ``tries`` counts this one."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    tries: int


Finish = Callable[[AsyncConnection], Awaitable[None]]
"""Marks the command as done, in the handler's transaction."""


class Handler(Protocol):
    """Carries out one kind of command; raises what went wrong, in words."""

    async def __call__(self, command: OpenCommand, finish: Finish) -> None: ...


class CommandRunner:
    """Hands open commands to their handlers. Any number of them may run on one store."""

    def __init__(self, store: Store, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        self._store = store
        self._clock = clock
        self.handlers = handlers
        self._held: list[str] = []
        self._held_until: datetime | None = None

    async def run_once(self) -> int:
        """Carry out what is open now; gives how many commands were tried.

        Raises:
            StoreUnavailable: what was taken and is not done is open again at the next call.
        """
        if self._held:
            await self._give_back()
        taken = await self._take()
        self._held = [command.id for command in taken]
        for command in taken:
            await self._carry_out(command)
            self._held.remove(command.id)
        return len(taken)

    async def _give_back(self) -> None:
        """Without this they would wait for others as long as a handler may take."""
        mine = _COMMANDS.c.id.in_(self._held), _COMMANDS.c.retry_at == self._held_until  # else it is another's by now
        async with self._store.write() as connection:
            await connection.execute(update(_COMMANDS).where(*mine).values(retry_at=None))
        self._held = []

    async def _take(self) -> list[OpenCommand]:
        now = machine_now()
        self._held_until = now + HANDLING
        open_now = (
            select(_COMMANDS.c.id, _COMMANDS.c.kind, _COMMANDS.c.payload, _COMMANDS.c.tries)
            .where(
                _COMMANDS.c.done_at.is_(None),
                _COMMANDS.c.kind.in_(sorted(self.handlers)),
                or_(_COMMANDS.c.retry_at.is_(None), _COMMANDS.c.retry_at <= now),
                # the emergency stop holds what leaves the house; a handoff answers a person
                or_(_COMMANDS.c.kind != WEBHOOK, ~emergency_stop()),
            )
            .order_by(_COMMANDS.c.id)
            .limit(BATCH)
        )
        async with self._store.read() as connection:  # most looks find nothing
            if (await connection.execute(open_now.limit(1))).first() is None:
                return []
        async with self._store.write() as connection:
            rows = (await connection.execute(open_now.with_for_update(skip_locked=True))).all()
            await connection.execute(
                update(_COMMANDS)
                .where(_COMMANDS.c.id.in_([row.id for row in rows]))
                .values(tries=_COMMANDS.c.tries + 1, retry_at=self._held_until)
            )
        return [OpenCommand(row.id, row.kind, row.payload, row.tries + 1) for row in rows]

    async def _carry_out(self, command: OpenCommand) -> None:
        async def finish(connection: AsyncConnection) -> None:
            await connection.execute(
                update(_COMMANDS).where(_COMMANDS.c.id == command.id).values(done_at=self._clock.now(), error="")
            )

        try:
            await self.handlers[command.kind](command, finish)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one command's trouble must not stop the others
            await self._put_off(command, f"{type(error).__name__}: {error}" if not str(error) else str(error))

    async def _put_off(self, command: OpenCommand, error: str) -> None:
        given_up = command.tries >= MOST_TRIES
        wait = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** (command.tries - 1))
        values: dict[str, Any] = {"error": error[:500], "retry_at": machine_now() + wait}
        if given_up:
            values |= {"done_at": self._clock.now(), "error": f"given up: {error}"[:500]}
        log.warning("command failed", kind=command.kind, command=command.id, error=error, given_up=given_up)
        async with self._store.write() as connection:
            await connection.execute(update(_COMMANDS).where(_COMMANDS.c.id == command.id).values(**values))
