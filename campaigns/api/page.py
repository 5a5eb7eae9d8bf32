"""The description of the API as a page: made of the OpenAPI document itself, with nothing fetched from anywhere."""

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2733;background:#fff}
h2{margin-top:2.5rem}code,pre{font-family:ui-monospace,monospace;font-size:.9em}
article{border:1px solid #d6dde5;border-radius:8px;padding:.75rem 1rem;margin:1rem 0}
.method{display:inline-block;min-width:4rem;font-weight:700;color:#0b5cad}
table{border-collapse:collapse;width:100%}td,th{border-top:1px solid #e4e9ee;padding:.3rem .5rem;text-align:start;
vertical-align:top}p{margin:.4rem 0}
@media(prefers-color-scheme:dark){body{color:#dbe3ea;background:#12181f}article,td,th{border-color:#2c3743}
.method{color:#6db3f2}a{color:#6db3f2}}
"""


def page_of(told: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    routes = "".join(
        _route(path, method, one) for path, methods in told["paths"].items() for method, one in methods.items()
    )
    models = "".join(_model(name, schema) for name, schema in sorted(told["components"]["schemas"].items()))
    title = escape(f"{told['info']['title']} API {told['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{_paragraphs(told['info']['description'])}"
        f'<p>For machines: <a href="openapi.json">openapi.json</a></p><h2>Addresses</h2>{routes}'
        f"<h2>Bodies</h2>{models}</html>"
    )


def _route(path: str, method: str, one: Mapping[str, Any]) -> str:
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answers = ", ".join(escape(status) for status in sorted(one["responses"]))
    return (
        f'<article><p><span class="method">{escape(method.upper())}</span> <code>/api{escape(path)}</code></p>'
        f"<p><b>{escape(one.get('summary', ''))}</b></p>{_paragraphs(one.get('description', ''))}"
        + (f"<p>Body: {_type(body)}</p>" if body else "")
        + f"<p>Answers: {answers}</p></article>"
    )


def _model(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field not in required else ' (needed)'}</td>"
        f"<td>{_type(told)}</td><td>{escape(str(told.get('description', '')))}</td></tr>"
        for field, told in schema.get("properties", {}).items()
    )
    return (
        f'<article id="{escape(name)}"><h3>{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
        f"<table>{rows}</table></article>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(escape(str(value)) for value in schema["enum"])
    return escape(str(schema.get("const") or schema.get("type") or "anything"))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())
