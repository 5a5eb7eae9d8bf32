"""Failpoints: moments at which a worker that is armed dies as by ``kill -9``. Production code knows nothing of them."""

import os
import signal
from typing import Any


def die() -> None:
    """As if killed from outside: nothing is flushed, no ``finally`` runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def _after(owner: Any, name: str, *, giving: bool = True) -> None:
    """Die when the coroutine ``name`` of ``owner`` has ended; with ``giving`` only when it gave something."""
    inner = getattr(owner, name)

    async def dying(*given: Any, **named: Any) -> Any:
        result = await inner(*given, **named)
        if result or not giving:
            die()
        return result

    setattr(owner, name, dying)


def _at(owner: Any, name: str, *, after: bool) -> None:
    """Die when the plain function ``name`` of ``owner`` is called, before or after it has done its work."""
    inner = getattr(owner, name)

    def dying(*given: Any, **named: Any) -> Any:
        if after:
            inner(*given, **named)
        die()

    setattr(owner, name, dying)


def arm(point: str) -> None:
    """Make this process die at ``point``."""
    import campaigns.running.runner
    import campaigns.starting.scheduler
    from channels.journal import Journal
    from storage.outbox.outbox import Outbox

    match point:
        case "start recorded, nobody enrolled":
            _at(campaigns.starting.scheduler, "enrol", after=False)
        case "planned, not committed":
            _after(campaigns.running.runner.Batch, "write", giving=False)
        case "claimed":
            _after(Outbox, "claim")
        case "begun, not started":
            _after(Outbox, "begin")
        case "started, socket not used":
            _at(Journal, "start", after=True)
        case "accepted, not in the journal":
            _at(Journal, "end", after=False)
        case "in the journal, not recorded":
            _at(Journal, "end", after=True)
        case "about to record":
            _at(Outbox, "record", after=False)
        case _:
            raise ValueError(point)
