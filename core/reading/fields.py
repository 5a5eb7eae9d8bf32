"""Reading a mapping strictly: each key is asked for once, what was not asked for is a problem with a near miss."""

from collections.abc import Callable, Collection
from typing import Self, TypeVar

from core.reading.problems import Problems, did_you_mean
from core.reading.yaml import Mapping, Node, Scalar, Sequence

T = TypeVar("T")
KINDS = {Scalar: "a value", Sequence: "a list", Mapping: "a mapping"}


def kind_of(node: Node) -> str:
    """What a node is, for people."""
    if isinstance(node, Scalar):
        return "nothing" if node.value is None else repr(node.text)
    return KINDS[type(node)]


class Fields:
    """The keys of one mapping. Readers return None (or the default) and note the problem, so that reading goes on."""

    def __init__(self, node: Mapping, file: str, problems: Problems, what: str, later: Collection[str] = ()) -> None:
        self.node = node
        self.file = file
        self.problems = problems
        self._what = what
        self._later = later
        self._asked: dict[str, None] = {}

    @classmethod
    def of(
        cls, node: Node | None, file: str, problems: Problems, what: str, later: Collection[str] = ()
    ) -> Self | None:
        """Fields of a node that must be a mapping; None, and a problem, if it is not."""
        if isinstance(node, Mapping):
            return cls(node, file, problems, what, later)
        line = node.line if node is not None else 0
        problems.add(file, line, f"{what} must be keys with values, such as 'name: value'")
        return None

    def problem(self, key: str, message: str) -> None:
        """Note a problem where ``key`` stands (or where the mapping begins)."""
        self.problems.add(self.file, self.line(key), message)

    def line(self, key: str = "") -> int:
        node = self.node.entries.get(key)
        if isinstance(node, Scalar):
            return node.line
        return self.node.key_lines.get(key, self.node.line)

    @property
    def asked(self) -> set[str]:
        """The keys that were asked for up to now."""
        return set(self._asked)

    def get(self, key: str) -> Node | None:
        """The node under ``key``; an empty value counts as absent."""
        self._asked[key] = None
        node = self.node.entries.get(key)
        return None if isinstance(node, Scalar) and node.value is None else node

    def text(self, key: str, default: str = "", *, required: bool = False, limit: int = 2000) -> str:
        """A text; numbers and yes/no are taken as they were written."""
        node = self.get(key)
        if node is None:
            if required:
                self.problem("", f"{self._what} has no {key!r}; add it")
            return default
        if not isinstance(node, Scalar):
            self.problem(key, f"{key!r} must be a text, not {kind_of(node)}")
            return default
        if len(node.text) > limit:
            self.problem(key, f"{key!r} is longer than {limit} characters; shorten it")
            return default
        return node.text

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """One of ``choices``."""
        value = self.text(key, default)
        if value in choices:
            return value
        listed = ", ".join(choices)
        self.problem(key, f"{value!r} is not a value of {key!r}{did_you_mean(value, choices)} (one of {listed})")
        return default

    def parsed(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """A text brought into form by ``parse``, whose ValueError is the problem's words."""
        node = self.get(key)
        if node is None:
            return default
        value = self.text(key)
        try:
            return parse(value)
        except ValueError as error:
            if isinstance(node, Scalar):
                self.problem(key, f"{key}: {error}")
            return default

    def flag(self, key: str, *, default: bool = False) -> bool:
        """``true`` or ``false``."""
        node = self.get(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.problem(key, f"{key!r} is true or false, not {kind_of(node)}")
        return default

    def mapping(self, key: str, later: Collection[str] = ()) -> Self | None:
        """The mapping under ``key``; None if it is absent or (a problem) something else."""
        node = self.get(key)
        return None if node is None else self.of(node, self.file, self.problems, f"{key!r}", later)

    def words(self, key: str) -> list[str] | None:
        """A list of words; a single word is a list of one. None if absent."""
        node = self.get(key)
        if node is None:
            return None
        items = node.items if isinstance(node, Sequence) else [node]
        found = []
        for item in items:
            if isinstance(item, Scalar) and item.value is not None:
                found.append(item.text)
            else:
                self.problems.add(self.file, item.line, f"{key!r} must be a list of words, such as [a, b]")
        return found

    def finish(self) -> None:
        """Report the keys that nobody asked for."""
        for key in self.node.entries:
            if key in self._asked:
                continue
            if key in self._later:
                self.problem(key, f"{key!r} is not in this release; remove it")
            else:
                known = ", ".join(self._asked)
                near = did_you_mean(key, self._asked)
                self.problem(key, f"unknown key {key!r} in {self._what}{near or f' (known: {known})'}")
