"""House rules that a linter does not know. Each is a function over one module and is tried on a breach of itself."""

import ast
import re
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.house.source import ROOMS, ROOT, Module, dotted, modules, parse

LONGEST = 400
"""Lines of a module."""


def transactions_outside_the_store(module: Module) -> Iterator[str]:
    """Only the store begins or ends a transaction; on SQLite its turns and its driver do."""
    if module.path in ("storage/store.py", "storage/turns.py", "storage/sqlite.py"):
        return
    for call in module.calls():
        if isinstance(call.func, ast.Attribute):
            name, receiver = call.func.attr, dotted(call.func.value).lower()
            database = any(word in receiver for word in ("engine", "connection", "session", "store"))
            if name in {"commit", "rollback", "begin_nested"} or (name == "begin" and database):
                yield f"{module.path}:{call.lineno}: {receiver}.{name}()"


def time_outside_the_clock(module: Module) -> Iterator[str]:
    """Only ``core/clock.py`` reads the wall clock; ids have their own, and the sandbox is no part of us."""
    if module.path in {"core/clock.py", "core/ids.py"} or module.path.startswith("sandbox/"):
        return
    forbidden = re.compile(r"(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|gmtime|localtime))$")
    for call in module.calls():
        if forbidden.search(dotted(call.func)):
            yield f"{module.path}:{call.lineno}: {dotted(call.func)}()"


def states_without_a_transition(module: Module) -> Iterator[str]:
    """A state is written as a transition's target, never as a member picked by hand."""
    for call in module.calls():
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "values" and _updates(call.func.value)):
            continue
        for keyword in call.keywords:
            if keyword.arg == "state" and re.search(r"(^|\.)(\w*State|_S)\.[A-Z]", dotted(keyword.value)):
                yield f"{module.path}:{call.lineno}: state={dotted(keyword.value)}"
    for node in ast.walk(module.tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr == "state" and dotted(target.value) != "self":
                yield f"{module.path}:{node.lineno}: {dotted(target)} = …"


def _updates(node: ast.expr) -> bool:
    """Whether a chain of calls began with ``update(…)``."""
    while isinstance(node, (ast.Call, ast.Attribute)):
        if isinstance(node, ast.Call) and dotted(node.func) in {"update", "sa.update"}:
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def prints(module: Module) -> Iterator[str]:
    """People are told things by commands, and logs by structlog; the sandbox announces itself."""
    if module.path.startswith("otklik/commands/") or module.path == "sandbox/__main__.py":
        return
    for call in module.calls():
        if isinstance(call.func, ast.Name) and call.func.id == "print":
            yield f"{module.path}:{call.lineno}: print()"


def long_modules(module: Module) -> Iterator[str]:
    """A module that one cannot hold in one's head has two subjects."""
    count = module.text.count("\n")
    if count > LONGEST:
        yield f"{module.path}: {count} lines"


def vague_names(module: Module) -> Iterator[str]:
    """Modules are nouns of the domain."""
    if re.search(r"(^|/)\w*(utils?|helpers?|managers?|common|misc)(/|\.py$)", module.path):
        yield module.path


def undocumented_modules(module: Module) -> Iterator[str]:
    """A module says what it is for."""
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield module.path


RULES: dict[Callable[[Module], Iterator[str]], tuple[str, str]] = {
    transactions_outside_the_store: ("campaigns/x.py", "async def f(connection):\n    await connection.commit()\n"),
    time_outside_the_clock: ("campaigns/x.py", "from datetime import datetime\nnow = datetime.now(UTC)\n"),
    states_without_a_transition: ("campaigns/x.py", "update(t).values(state=CampaignState.ENDED)\n"),
    prints: ("core/x.py", "print('here')\n"),
    long_modules: ("core/x.py", "x = 1\n" * (LONGEST + 1)),
    vague_names: ("core/text_utils.py", "x = 1\n"),
    undocumented_modules: ("core/x.py", "x = 1\n"),
}
"""Each rule with a module that breaks it."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_rule(rule: Callable[[Module], Iterator[str]]) -> None:
    found = [breach for module in modules() for breach in rule(module)]
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_breach_is_seen(rule: Callable[[Module], Iterator[str]]) -> None:
    assert list(rule(parse(*RULES[rule])))


def test_tests_are_no_longer_than_their_subjects_may_be() -> None:
    assert not [breach for module in modules("tests", "benchmarks") for breach in long_modules(module)]


def test_tests_do_not_sleep_for_a_guess() -> None:
    """A test polls for its condition; a fixed sleep of a tenth of a second or more is a guess about a machine."""
    found = [
        f"{module.path}:{call.lineno}"
        for module in modules("tests")
        for call in module.calls()
        if dotted(call.func) in {"asyncio.sleep", "time.sleep"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, (int, float))
        and 0.1 <= call.args[0].value < 60  # what sleeps longer stands for "for ever" and is cancelled
    ]
    assert not found


def test_the_oracle_imports_nothing_of_ours() -> None:
    """What judges the demo shares no code with it, and stays short enough to be read whole."""
    (oracle,) = (module for module in modules("otklik") if module.path == "otklik/demo/oracle.py")
    assert _imported(oracle) <= sys.stdlib_module_names
    assert oracle.text.count("\n") <= 200


def test_the_sandbox_imports_nothing_of_ours() -> None:
    for module in modules("sandbox"):
        assert not _imported(module) & (set(ROOMS) - {"sandbox"}), module.path


def _imported(module: Module) -> set[str]:
    names = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_every_dependency_is_imported() -> None:
    """What nothing imports is not installed on anybody's machine."""
    import tomllib
    from importlib.metadata import packages_distributions

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {_normal(re.split(r"[><=;\[ ]", line)[0]) for line in project["dependencies"]}
    used = {name for module in modules() for name in _imported(module)}
    provided = packages_distributions()
    satisfied = {_normal(distribution) for name in used for distribution in provided.get(name, [])}
    # drivers and data that are named by a URL or found by a library, not imported
    assert wanted - satisfied <= {"asyncpg", "aiosqlite", "greenlet", "python-multipart", "tzdata", "websockets"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
