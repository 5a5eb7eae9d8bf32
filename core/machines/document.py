"""The machines as a page of tables: ``python -m core.machines.document > docs/state-machines.md``.

What a state means is the comment beside it in the machine's file; everything else comes from the machine itself.
"""

import inspect
import re
import sys
from enum import StrEnum
from typing import Any

from core.machines import MACHINES
from core.transitions import Machine, Transition

_MEANING = re.compile(r'^\s+([A-Z_]+) = ".*?"  # (.+)$', re.MULTILINE)
_HEADER = """\
# State machines

Generated from `core/machines/` by `python -m core.machines.document`; a test fails when this page is stale. A
transition is taken by `core.transitions.apply`, or by a set-based statement that names the same transition's sources
and target. What does not stand here cannot happen: `apply` refuses it.
"""


def document() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEADER, *(_section(machine) for machine in MACHINES)])


def meanings(states: type[StrEnum]) -> dict[str, str]:
    """What each state means, by member name, as the comments of the machine's file say."""
    return dict(_MEANING.findall(inspect.getsource(states)))


def _section(machine: Machine[Any]) -> str:
    words = meanings(machine.states)
    terminal = machine.terminal()
    lines = [f"## {machine.name.capitalize()}", "", "| state | meaning | |", "|---|---|---|"]
    for state in machine.states:
        role = "first" if state is machine.initial else "final" if state in terminal else ""
        lines.append(f"| `{state.value}` | {words[state.name]} | {role} |")
    lines += ["", "| transition | when | from | to | only if | what goes with it |", "|---|---|---|---|---|---|"]
    lines += [_row(machine, transition) for transition in machine.transitions]
    return "\n".join([*lines, ""])


def _row(machine: Machine[Any], transition: Transition[Any]) -> str:
    sources = ", ".join(f"`{state.value}`" for state in machine.states if state in transition.sources)
    arrow = f"| {transition.verb} | {transition.event} | {sources} | `{transition.target.value}` "
    return f"{arrow}| {transition.guard_text} | {transition.effect} |"


if __name__ == "__main__":
    sys.stdout.write(document())
