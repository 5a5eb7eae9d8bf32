"""The template language: a small, bounded part of Jinja2 over plain data.

A template may read variables, choose, repeat, calculate and use our filters. It cannot call, import, define, or reach
an attribute of an object: data are exact ``str int float bool None list dict``, and a dot only looks up a key. Work is
bounded three ways: by the size of the source, by a budget that every turn of a loop spends, and by the output's length.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.environment import Template
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaigns.templates.errors import TemplateFailure
from campaigns.templates.filters import FILTERS
from campaigns.templates.values import MAX_TEXT, bounded
from core.marks import escaped

MAX_SOURCE = 256_000  # characters
MAX_TOKENS = 2_000  # of {{ and {%
MAX_CODE = 2_000  # characters of one {{ }} or {% %}
MAX_NODES = 10_000
MAX_DEPTH = 60
LOOP_BUDGET = 20_000  # nodes visited inside loops, per render
MAX_RANGE = 1_000
MAX_NUMBER = 10**15

TESTS = frozenset(
    {"defined", "undefined", "none", "number", "string", "odd", "even", "divisibleby", "in", "true", "false",
     "eq", "ne", "lt", "le", "gt", "ge", "==", "!=", "<", "<=", ">", ">="}
)  # fmt: skip
_LOOP_KEYS = frozenset({"index", "index0", "revindex", "first", "last", "length"})
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.Assign, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg,
    nodes.Pos, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.Call,
)  # fmt: skip
_REFUSED_WORDS = {
    "Macro": "macros", "CallBlock": "call blocks", "Import": "imports", "FromImport": "imports",
    "Include": "includes", "Extends": "extends", "Block": "blocks", "FilterBlock": "filter blocks",
    "AssignBlock": "set blocks", "Concat": "the ~ operator", "Pow": "the ** operator", "Slice": "slices",
}  # fmt: skip


class Lenient(dict[str, Any]):
    """A mapping whose missing keys read as nothing: a customer's own attributes, which not everyone has."""


class _Budget:
    """What loops may still spend in one render."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = LOOP_BUDGET

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise SecurityError("the template's loops do too much")


@pass_context
def _each(context: Context, items: Any, weight: int) -> Iterator[Any]:
    """The items of a loop, each paid for."""
    if not isinstance(items, list | tuple | dict | range):
        raise SecurityError("a loop goes over a list, not over a text or a number")
    budget: _Budget = context["_budget"]
    for item in items:
        budget.spend(weight)
        yield item


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_RANGE:
        raise SecurityError(f"range() is longer than {MAX_RANGE}")
    return made


def _something(value: Any) -> Any:
    return "" if value is None else value


def _without_marks(value: Any) -> str:
    """A value says what it says: a name with a star in it makes nothing bold."""
    return "" if value is None else escaped(str(value))


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template ready to render: its code, or the text that it always is. ``repeats``: there are loops or ranges."""

    template: Template | None = None
    constant: str = ""
    repeats: bool = False


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment; one for HTML (autoescaping), one for plain text, one for text with marks (core.formatting)."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, *, html: bool = False, marks: bool = False) -> None:
        super().__init__(
            autoescape=html,
            undefined=StrictUndefined,
            finalize=_without_marks if marks else _something,
            keep_trailing_newline=True,
            trim_blocks=not html,
            lstrip_blocks=not html,
            cache_size=0,
        )
        self.filters = {**FILTERS, "_each": _each}
        self.tests = {name: test for name, test in self.tests.items() if name in TESTS}
        self.globals = {"range": _range}

    def tree(self, source: str) -> nodes.Template:
        """The syntax tree of a source that is within bounds.

        Raises:
            TemplateSyntaxError: with the line, also for what Jinja2 has and we refuse.
        """
        if len(source) > MAX_SOURCE:
            raise TemplateSyntaxError(f"the template is longer than {MAX_SOURCE} characters", 1)
        if source.count("{{") + source.count("{%") > MAX_TOKENS:
            raise TemplateSyntaxError(f"more than {MAX_TOKENS} {{{{ }}}} and {{% %}} in one template", 1)
        _refuse_long_code(source)
        try:
            tree = Parser(self, source).parse()
        except RecursionError:
            raise TemplateSyntaxError("nested too deep", 1) from None
        except ValueError:
            raise TemplateSyntaxError("a number in the template is too large", 1) from None
        _refuse_unsafe(tree)
        return tree

    def compile_checked(self, source: str) -> "Compiled":
        """A template ready to render.

        Raises:
            TemplateSyntaxError: as :meth:`tree`.
        """
        tree = self.tree(source)
        if all(isinstance(node, nodes.Output | nodes.TemplateData) for node in tree.find_all(nodes.Node)):
            return Compiled(constant="".join(data.data for data in tree.find_all(nodes.TemplateData)))
        repeats = any(tree.find_all((nodes.For, nodes.Call)))
        for loop in list(tree.find_all(nodes.For)):
            weight = 1 + sum(1 for part in loop.body for _ in part.find_all(nodes.Node))
            loop.iter = nodes.Filter(
                loop.iter, "_each", [nodes.Const(weight)], [], None, None, lineno=loop.lineno, environment=self
            )
        try:
            code = self.compile(tree)
        except (RecursionError, SyntaxError, MemoryError):
            raise TemplateSyntaxError("nested too deep", 1) from None
        return Compiled(Template.from_code(self, code, self.globals), repeats=repeats)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict):
            if argument in obj:
                return obj[argument]
            return "" if isinstance(obj, Lenient) else self._unknown(argument)
        if isinstance(obj, list | tuple) and type(argument) is int:
            return obj[argument] if -len(obj) <= argument < len(obj) else None
        if type(obj) is LoopContext and argument in _LOOP_KEYS:
            return getattr(obj, argument)
        return self._unknown(argument)

    getattr = getitem  # type: ignore[assignment]  # one call less for each variable

    def _unknown(self, name: Any) -> Any:
        return self.undefined(hint=f"{str(name)[:80]!r} is unknown here", name=str(name))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return bounded(left + right)
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} calculates with numbers only")
        result = super().call_binop(context, operator, left, right)
        if abs(result) > MAX_NUMBER:
            raise SecurityError("a number grew too large")
        return result


def _refuse_long_code(source: str) -> None:
    # Parsing is the one cost that has no node to count yet.
    line = 1
    for index, part in enumerate(re.split(r"\{\{|\{%", source)):
        if index:
            ends = [end for end in (part.find("}}"), part.find("%}")) if end >= 0]
            if min(ends, default=len(part)) > MAX_CODE:
                raise TemplateSyntaxError(f"more than {MAX_CODE} characters between {{{{ and }}}}", line)
        line += part.count("\n")


def _refuse_unsafe(tree: nodes.Template) -> None:
    stack: list[tuple[nodes.Node, int]] = [(tree, 0)]
    count = 0
    while stack:
        node, depth = stack.pop()
        count += 1
        line = getattr(node, "lineno", 1)
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise TemplateSyntaxError("the template is too large or nested too deep", line)
        _refuse_node(node, line)
        stack.extend((child, depth + 1) for child in node.iter_child_nodes())


def _refuse_node(node: nodes.Node, line: int) -> None:
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__
        raise TemplateSyntaxError(f"{_REFUSED_WORDS.get(kind, kind)} cannot be used in a template", line)
    match node:
        case nodes.Name() if node.name.startswith("_") or node.name == "self":
            raise TemplateSyntaxError(f"{node.name!r} cannot be used in a template", line)
        case nodes.Getattr() if node.attr.startswith("_"):
            raise TemplateSyntaxError(f"{node.attr!r} cannot be used in a template", line)
        case nodes.Getitem() if not isinstance(node.arg, nodes.Const) or str(node.arg.value).startswith("_"):
            raise TemplateSyntaxError("only a fixed key or number can stand between [ and ]", line)
        case nodes.Const() if isinstance(node.value, str) and len(node.value) > MAX_TEXT:
            raise TemplateSyntaxError("a text in the template is too long", line)
        case nodes.Const() if isinstance(node.value, int) and abs(node.value) > MAX_NUMBER:
            raise TemplateSyntaxError("a number in the template is too large", line)
        case nodes.Call() if not _is_range(node):
            raise TemplateSyntaxError("nothing can be called in a template but range(); use a filter", line)
        case nodes.Filter() if node.name not in FILTERS or node.node is None or node.dyn_args or node.dyn_kwargs:
            raise TemplateSyntaxError(f"no filter {node.name!r}; there are {', '.join(sorted(FILTERS))}", line)
        case nodes.Test() if node.name not in TESTS:
            raise TemplateSyntaxError(f"no test {node.name!r}; there are {', '.join(sorted(TESTS))}", line)
        case nodes.For() if node.recursive:
            raise TemplateSyntaxError("recursive loops cannot be used in a template", line)


def _is_range(node: nodes.Call) -> bool:
    plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    return plain and isinstance(node.node, nodes.Name) and node.node.name == "range"


def plain_data(value: Any, depth: int = 0) -> Any:
    """A deep copy of exact built-in types; texts are clipped to :data:`campaigns.templates.filters.MAX_TEXT`.

    Raises:
        TypeError: for any other type, or more than eight levels.
    """
    kind = type(value)
    if kind is str:
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    if value is None or kind is int or kind is float or kind is bool:
        return value
    if depth >= 8:
        raise TypeError("template data is nested too deep")
    if isinstance(value, Mapping):
        made: dict[str, Any] = Lenient() if kind is Lenient else {}
        for key, item in value.items():
            short = item is None or (type(item) is str and len(item) <= MAX_TEXT)  # nearly all of it
            made[str(key)] = item if short else plain_data(item, depth + 1)
        return made
    if isinstance(value, list | tuple):
        return [plain_data(item, depth + 1) for item in value]
    if isinstance(value, str):
        return str.__str__(value)[:MAX_TEXT]
    raise TypeError(f"templates take plain data only, not {kind.__name__}")


def lenient(value: Any) -> Any:
    """:func:`plain_data` in which every mapping is :class:`Lenient`: a shop's own keys, which not all have."""
    return _lenient(plain_data(value))


def _lenient(value: Any) -> Any:
    if isinstance(value, dict):
        return Lenient({key: _lenient(item) for key, item in value.items()})
    return [_lenient(item) for item in value] if isinstance(value, list) else value


def run(compiled: Compiled, variables: dict[str, Any], *, path: str, limit: int) -> str:
    """The text that a template makes of plain ``variables``, at most ``limit`` characters.

    Raises:
        TemplateFailure: if it cannot be rendered.
    """
    try:
        if compiled.template is None:
            text = compiled.constant
        elif compiled.repeats:
            context = compiled.template.new_context({**variables, "_budget": _Budget()})
            text = _collected(compiled.template.root_render_func(context), limit)
        else:  # needs neither our globals nor a count on the way: every value in it is bounded
            context = compiled.template.new_context(variables, shared=True)
            text = "".join(compiled.template.root_render_func(context))
        if len(text) > limit:
            raise SecurityError(_too_long(limit))
        return text
    except TemplateError as error:
        raise TemplateFailure(path, error.message or "cannot be rendered") from None
    except (TypeError, ValueError, ArithmeticError, RecursionError, LookupError) as error:
        raise TemplateFailure(path, f"{type(error).__name__}: {error}") from None


def _collected(pieces: Iterable[str], limit: int) -> str:
    parts, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise SecurityError(_too_long(limit))
        parts.append(piece)
    return "".join(parts)


def _too_long(limit: int) -> str:
    return f"the text is longer than {limit} characters"


HTML = Sandbox(html=True)
TEXT = Sandbox()
MARKED = Sandbox(marks=True)
NOTHING = Compiled()
