"""State machines as values.

A machine is its states and its transitions. ``apply`` is the only way from one state to the next for a single thing;
set-based statements name the same transition's ``sources`` and ``target``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from core.errors import OtklikError

Facts = Mapping[str, Any]
S = TypeVar("S", bound=StrEnum)


class IllegalTransition(OtklikError):
    """The machine has no such transition from here, or its guard refused."""


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """One arrow: named by its verb.

    ``event`` is what makes it happen (past tense); ``guard`` looks at facts; ``effect`` says what goes with it.
    """

    verb: str
    event: str
    sources: frozenset[S]
    target: S
    guard: Callable[[Facts], bool] | None = None
    guard_text: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """A named set of states with the arrows between them."""

    name: str
    states: type[S]
    initial: S
    transitions: tuple[Transition[S], ...]

    def find(self, state: S, event: str, facts: Facts) -> Transition[S] | None:
        """The first transition that ``event`` makes from ``state``, or None."""
        for transition in self.transitions:
            applies = transition.event == event and state in transition.sources
            if applies and (transition.guard is None or transition.guard(facts)):
                return transition
        return None

    def events(self) -> Iterator[str]:
        """Every event once, in the order of the file."""
        return iter(dict.fromkeys(transition.event for transition in self.transitions))

    def terminal(self) -> frozenset[S]:
        """States that no arrow leaves."""
        left = {source for transition in self.transitions for source in transition.sources}
        return frozenset(state for state in self.states if state not in left)


def apply(machine: Machine[S], state: S, event: str, facts: Facts | None = None) -> S:
    """The state after ``event``.

    Raises:
        IllegalTransition: if nothing leads on; the text names machine, state and event.
    """
    transition = machine.find(state, event, facts or {})
    if transition is None:
        raise IllegalTransition(f"{machine.name}: {event} does not apply to {state.value}")
    return transition.target
