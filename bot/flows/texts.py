"""Reading what a flow says: one text for all, one a language, or a template of the folder's."""

from collections.abc import Mapping as MappingOf
from typing import Any

from bot.flows.definition import ALL_LANGUAGES, LinkButton, Words
from bot.flows.scope import Piece, Scope
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.locales import locale_code
from core.reading.yaml import Mapping, Node, Scalar, Sequence

MAX_TEXT = 10_000
MAX_LABEL = 64
MAX_BUTTONS = 10


def read_words(fields: Fields, key: str, scope: Scope) -> Words | None:
    """What ``key`` says; None where it says nothing, or (a problem) something that cannot be read."""
    node = fields.get(key)
    if node is None:
        return None
    if isinstance(node, Mapping) and "template" in node.entries:
        inner = Fields(node, scope.file, scope.problems, f"{key!r}")
        template = inner.parsed("template", name, "")
        scope.refer("template", template, inner.line("template"))
        inner.finish()
        return Words(template=template) if template else None
    texts = _by_language(node, fields, key, MAX_TEXT)
    if not texts:
        return None
    scope.languages.append((node.line, frozenset(texts)))
    for language, text in texts.items():
        scope.pieces.append(Piece(text, _line_of(node, language)))
    return Words(texts=texts)


def read_label(fields: Fields, key: str, scope: Scope) -> MappingOf[str, str]:
    """A label by language: plain words, no template."""
    node = fields.get(key)
    if node is None:
        return {}
    texts = _by_language(node, fields, key, MAX_LABEL)
    if texts:
        scope.languages.append((node.line, frozenset(texts)))
    for language, text in texts.items():
        if "{{" in text or "{%" in text:
            hint = "a customer may type it; write it out"
            scope.problem(_line_of(node, language), f"a label is no template: {hint}")
    return texts


def read_buttons(fields: Fields, scope: Scope) -> tuple[LinkButton, ...]:
    """The buttons below a text."""
    node = fields.get("buttons")
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        fields.problem("buttons", "'buttons' must be a list, such as [{label: Shop, url: https://example.com}]")
        return ()
    found = []
    for item in node.items:
        inner = Fields.of(item, scope.file, scope.problems, "a button")
        if inner is None:
            continue
        label = read_label(inner, "label", scope)
        url, value = inner.text("url", limit=500), inner.text("value", limit=64)
        if url:
            scope.pieces.append(Piece(url, inner.line("url")))
        inner.finish()
        if not label or bool(url) == bool(value):
            inner.problem("", "a button has a label, and either a url or a value")
            continue
        if url and not url.startswith(("https://", "http://", "tel:", "mailto:", "{{")):
            inner.problem("url", f"{url[:60]!r} is no address; begin it with https://")
            continue
        found.append(LinkButton(label=label, url=url, value=value))
    if len(found) > MAX_BUTTONS:
        fields.problem("buttons", f"more than {MAX_BUTTONS} buttons below one text; make two steps of it")
    return tuple(found)


def read_template(fields: Fields, key: str, scope: Scope, default: str = "", limit: int = 2_000) -> str:
    """A text that only machines or staff see; it may name variables."""
    text = fields.text(key, default, limit=limit)
    if text and "{" in text:
        scope.pieces.append(Piece(text, fields.line(key)))
    return text


def read_data(fields: Fields, key: str, scope: Scope) -> dict[str, Any]:
    """Keys with values, the texts among them templates."""
    node = fields.get(key)
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        fields.problem(key, f"{key!r} must be keys with values")
        return {}
    _note_pieces(node, scope)
    plain: dict[str, Any] = node.plain()
    if len(str(plain)) > MAX_TEXT:
        fields.problem(key, f"{key!r} is longer than {MAX_TEXT} characters; send less")
    return plain


def _note_pieces(node: Node, scope: Scope) -> None:
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and "{" in node.value:
            scope.pieces.append(Piece(node.value, node.line))
        return
    for item in node.items if isinstance(node, Sequence) else node.entries.values():
        _note_pieces(item, scope)


def _by_language(node: Node, fields: Fields, key: str, limit: int) -> dict[str, str]:
    if isinstance(node, Scalar):
        return {ALL_LANGUAGES: node.text} if _is_text(node, fields, key, limit) else {}
    if not isinstance(node, Mapping):
        fields.problem(key, f"{key!r} is a text, or one a language, such as {{en: Hello, ru: Привет}}")
        return {}
    found: dict[str, str] = {}
    for language, item in node.entries.items():
        try:
            code = locale_code(language).lower()
        except ValueError as error:
            fields.problems.add(fields.file, node.key_lines[language], f"{key}: {error}")
            continue
        if isinstance(item, Scalar) and _is_text(item, fields, key, limit):
            found[code] = item.text
        elif not isinstance(item, Scalar):
            fields.problems.add(fields.file, item.line, f"{key!r} in {language} must be a text")
    return found


def _is_text(node: Scalar, fields: Fields, key: str, limit: int) -> bool:
    if not node.text.strip():
        fields.problems.add(fields.file, node.line, f"{key!r} says nothing; write a text")
        return False
    if len(node.text) > limit:
        said = f"{key!r} has {len(node.text)} characters, {limit} are the most; shorten it"
        fields.problems.add(fields.file, node.line, said)
        return False
    return True


def _line_of(node: Node, language: str) -> int:
    if isinstance(node, Mapping):
        item = node.entries.get(language)
        return item.line if item is not None else node.line
    return node.line
