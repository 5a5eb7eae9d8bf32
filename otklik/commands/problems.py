"""What is wrong with a workspace, for a person: by file at a terminal, one line each where a program reads along."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from core.counting import counted
from core.reading.problems import Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

_LONGEST_LINE = 100
"""Columns: longer lines are hard to read, however wide the terminal."""


def one_each(problems: Iterable[Problem], warnings: Iterable[Problem]) -> Iterator[str]:
    """``file:line: message``, warnings marked, in the order of files and lines."""
    for problem, warned in _in_order(problems, warnings):
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        yield f"{where}: {'warning: ' if warned else ''}{problem.message}"


def by_file(problems: Iterable[Problem], warnings: Iterable[Problem], width: int = 80) -> Iterator["RenderableType"]:
    """A heading for each file, below it its lines; long messages go on under their beginning."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    for file, listed in groupby(_in_order(problems, warnings), key=lambda pair: pair[0].file):
        yield Text(file, style="bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", style="cyan", min_width=5, no_wrap=True)
        table.add_column(overflow="fold", max_width=min(width, _LONGEST_LINE) - 8)
        for problem, warned in listed:
            said, semicolon, hint = problem.message.partition("; ")
            mark = ("warning: ", "yellow") if warned else ""
            table.add_row(str(problem.line or ""), Text.assemble(mark, said, (semicolon + hint, "green")))
        yield Padding(table, (0, 0, 1, 0))


def summary(problems: int, warnings: int) -> str:
    """``2 problems and 1 warning``; empty where there is neither."""
    parts = [counted(number, word) for number, word in ((problems, "problem"), (warnings, "warning")) if number]
    return " and ".join(parts)


def _in_order(problems: Iterable[Problem], warnings: Iterable[Problem]) -> list[tuple[Problem, bool]]:
    marked = [(problem, False) for problem in problems] + [(warning, True) for warning in warnings]
    return sorted(marked, key=lambda pair: (pair[0].file, pair[0].line, pair[1], pair[0].message))
