"""``when:`` of a flow: a segment's name, or what must be true of the answers and the customer."""

from bot.flows.definition import ANSWERS, COMPARISONS, CUSTOMER, Condition, Test
from bot.flows.scope import Scope
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.segments.syntax import ATTRIBUTE
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping, Node, Scalar, Sequence

COLUMNS = (
    "external_id", "first_name", "last_name", "locale", "zone", "country", "city", "birthday", "stage",
)  # fmt: skip
"""Fields of a customer that a condition may read, beside ``attributes.NAME``."""
_HINT = "write a segment's name, or such as {answers.topic: refund}, {customer.country: DE}, {tag: vip}"
MAX_VALUES = 100


def read_condition(fields: Fields, key: str, scope: Scope) -> Condition | None:
    """The condition under ``key``; None where there is none, or (a problem) it cannot be read."""
    node = fields.get(key)
    return None if node is None else _condition(node, scope, key)


def _condition(node: Node, scope: Scope, what: str) -> Condition | None:
    if isinstance(node, Scalar):
        segment = _name(node, scope, what)
        scope.refer("segment", segment, node.line)
        return Condition(segments=(segment,)) if segment else None
    if not isinstance(node, Mapping) or not node.entries:
        scope.problem(node.line, f"{what!r} cannot be read; {_HINT}")
        return None
    before = len(scope.problems)
    tests: list[Test] = []
    segments: list[str] = []
    tags: list[str] = []
    some: list[Condition] = []
    none: list[Condition] = []
    for key, item in node.entries.items():
        line = node.key_lines[key]
        match key:
            case "segment" | "tag":
                for one in item.items if isinstance(item, Sequence) else [item]:
                    word = _name(one, scope, key)
                    (segments if key == "segment" else tags).append(word)
                    if key == "segment":
                        scope.refer("segment", word, one.line)
            case "any" if isinstance(item, Sequence):
                some += [found for one in item.items if (found := _condition(one, scope, "any"))]
            case "not":
                found = _condition(item, scope, "not")
                none += [found] if found else []
            case _ if _is_name(key, line, scope):
                tests += _tests(key, item, scope)
    if len(scope.problems) != before:
        return None
    return Condition(tests=tuple(tests), segments=tuple(segments), tags=tuple(tags), any=tuple(some), none=tuple(none))


def _is_name(key: str, line: int, scope: Scope) -> bool:
    if key.startswith(ANSWERS):
        scope.refer("variable", key.removeprefix(ANSWERS).partition(".")[0], line)
        return True
    if key.startswith(CUSTOMER):
        column = key.removeprefix(CUSTOMER)
        if column in COLUMNS or (column.startswith(ATTRIBUTE) and len(column) > len(ATTRIBUTE)):
            return True
        hint = did_you_mean(column, COLUMNS) or f" (known: {', '.join(COLUMNS)}, {ATTRIBUTE}NAME)"
        scope.problem(line, f"a customer has no field {column!r}{hint}")
        return False
    near = did_you_mean(key, ("segment", "tag", "any", "not"))
    scope.problem(line, f"{key!r} is nothing that a condition knows{near or '; ' + _HINT}")
    return False


def _tests(key: str, item: Node, scope: Scope) -> list[Test]:
    if isinstance(item, Scalar):
        value = _value(item, scope, key)
        return [] if value is None else [Test(name=key, word="is", values=(value,))]
    if isinstance(item, Sequence):
        return [Test(name=key, word="in", values=_values(item, scope, key))]
    fields = Fields(item, scope.file, scope.problems, f"{key!r}")
    found = []
    for word in COMPARISONS:
        node = fields.get(word)
        if node is None:
            continue
        is_list = word in ("in", "not_in")
        if is_list != isinstance(node, Sequence):
            fields.problem(word, f"{word!r} takes {'a list of values' if is_list else 'one value'}")
            continue
        if word == "is_set":
            found.append(Test.model_validate({"name": key, "word": word, "values": (fields.flag(word),)}))
            continue
        values = _values(node, scope, key)
        found.append(Test.model_validate({"name": key, "word": word, "values": values}))
    fields.finish()
    if not found and len(fields.node.entries) <= 0:
        fields.problem("", f"{key!r} is compared with nothing; write such as {{{key}: {{at_least: 9}}}}")
    return found


def _values(node: Node, scope: Scope, key: str) -> tuple[str | int | float | bool, ...]:
    items = node.items if isinstance(node, Sequence) else [node]
    if len(items) > MAX_VALUES:
        scope.problem(node.line, f"{key!r} is compared with more than {MAX_VALUES} values; use a segment")
    return tuple(value for item in items if (value := _value(item, scope, key)) is not None)


def _value(node: Node, scope: Scope, key: str) -> str | int | float | bool | None:
    if isinstance(node, Scalar) and node.value is not None:
        return node.value
    scope.problem(node.line, f"{key!r} is compared with values; for none at all write {{is_set: false}}")
    return None


def _name(node: Node, scope: Scope, what: str) -> str:
    try:
        return name(node.text if isinstance(node, Scalar) else "")
    except ValueError as error:
        scope.problem(node.line, f"{what}: {error}")
        return ""
