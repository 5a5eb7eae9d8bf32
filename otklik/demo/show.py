"""What the demo shows while it runs: a line a stage with its time, then the moving calendar."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from core.catalogue import listed, text
from otklik.demo.director import Scene
from otklik.demo.staff import Staff


class Show:
    """The demo's voice at the terminal, in one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.console = Console(highlight=False)
        self.timings: dict[str, float] = {}
        self._status: Status | None = None
        self._day = ""

    def say(self, key: str, **values: object) -> str:
        """A text of the demo in its language."""
        return text(self.lang, f"demo.{key}", **values)

    def listed(self, keys: Iterable[str]) -> str:
        """Several texts of the demo as a list in its language."""
        return listed(self.lang, [self.say(key) for key in keys])

    def title(self, count: int) -> None:
        self.console.print(f"\n[bold]{self.say('title', count=count)}[/]\n")

    def desk(self, worker_url: str, staff: Staff) -> None:
        """Where the desk is, and who may sign in there in this run."""
        self.console.print(f"  [bold]{self.say('desk', url=worker_url + '/desk')}[/]")
        for agent in staff.agents:
            self.console.print(f"    {self.say('sign_in', name=agent.name, email=agent.email)}")
        self.console.print(f"    {self.say('password', password=staff.password)}")

    @contextmanager
    def stage(self, key: str, **values: object) -> Iterator[dict[str, object]]:
        """A stage: its line is printed with its time when it is done; the block may add values of its text."""
        more = dict(values)
        began = time.perf_counter()
        yield more
        took = time.perf_counter() - began
        self.timings[key] = took
        seconds = self.say("seconds", seconds=f"{took:.1f}")
        self.console.print(f"  [green]✓[/] {self.say(key, **more)}  [dim]{seconds}[/]")

    @contextmanager
    def calendar(self, days: int) -> Iterator[None]:
        """The moving calendar while the campaign plays."""
        began = time.perf_counter()
        if self.console.is_terminal:
            with self.console.status(self.say("playing", count=days)) as status:
                self._status = status
                yield
                self._status = None
        else:
            yield
        self.timings["played"] = time.perf_counter() - began
        seconds = self.say("seconds", seconds=f"{self.timings['played']:.1f}")
        self.console.print(f"  [green]✓[/] {self.say('played')}  [dim]{seconds}[/]")

    def scene(self, scene: Scene) -> None:
        """Show where the calendar stands: at a terminal always, elsewhere once a day."""
        day = f"{scene.now:%Y-%m-%d}"
        replies = sum(number for app, number in scene.theirs.get("wrote", {}).items() if app != "orders")
        sent = scene.theirs["ledger"]["accepted"]
        line = self.say("day", day=f"{scene.now:%Y-%m-%d %H:%M}", sent=sent, replies=replies)
        if self._status is not None:
            self._status.update(line)
        elif day != self._day:
            sys.stdout.flush()
            self.console.print(f"    [dim]{line}[/]")
        self._day = day
