"""What plugins are promised: the names, their page, and that nothing else is needed to write one."""

import ast
import re

import otklik.contract
import otklik.plugin
from tests.house.source import ROOT, modules

PAGE = (ROOT / "docs" / "adding-a-channel.md").read_text(encoding="utf-8")


def test_the_page_names_what_there_is() -> None:
    table = PAGE.partition("## The names")[2].partition("\n## ")[0]
    told = re.findall(r"`(\w+)`", table.partition("|---|---|")[2])
    assert sorted(told) == sorted(otklik.plugin.__all__)
    assert len(set(told)) == len(told)


def test_every_name_says_what_it_is() -> None:
    for module in (otklik.plugin, otklik.contract):
        assert sorted(module.__all__) == sorted(set(module.__all__))
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, type) or callable(thing):
                assert thing.__doc__, f"{module.__name__}.{name} has no docstring"


def test_examples_import_nothing_else_of_ours() -> None:
    rooms = {"otklik", "bot", "campaigns", "channels", "storage", "core", "sandbox", "tests"}
    found = []
    for module in modules("examples"):
        for node in ast.walk(module.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{module.path}: {name}" for name in names if name.partition(".")[0] in rooms]
    assert {line.partition(": ")[2] for line in found} == {"otklik.plugin", "otklik.contract"}, found
