"""How a command fails: in one message for people, exit code 1, never a traceback for a user's mistake."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from core.errors import OtklikError


@contextmanager
def plainly() -> Iterator[None]:
    """Print an :class:`OtklikError` on standard error and leave with exit code 1."""
    try:
        yield
    except OtklikError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
