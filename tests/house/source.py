"""Our own source, parsed once for every rule that is told about it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("otklik", "desk", "bot", "campaigns", "channels", "storage", "core", "sandbox")


@dataclass(frozen=True)
class Module:
    """One of our files: its path from the root, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


def parse(path: str, text: str) -> Module:
    return Module(path, text, ast.parse(text, path))


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file in ``folders`` (the rooms by default), generated migrations left out."""
    found = []
    for folder in folders or ROOMS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("storage/migrations/versions/"):
                found.append(parse(name, path.read_text(encoding="utf-8")))
    return tuple(found)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an attribute chain; what is no name in it is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
