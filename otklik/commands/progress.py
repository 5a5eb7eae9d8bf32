"""A progress bar for what takes longer than a second; at a terminal only."""

import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 1.0
"""Seconds without a bar: what is done by then needs none."""


class RowsBar:
    """Called with (done, total) rows."""

    def __init__(self, console: "Console", what: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn(f"{what} {{task.completed:>12,}} rows"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(what, total=None)
        self._begun = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        if not self._shown and time.monotonic() - self._begun > PATIENCE:
            self._progress.start()
            self._shown = True
        self._progress.update(self._task, completed=done, total=total)
