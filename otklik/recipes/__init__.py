"""Recipes: whole campaigns to begin with, in the languages that we speak. ``otklik init --recipe`` writes them out.

A recipe is a folder: ``campaign.yaml`` (with its tests), ``behaviour.yaml`` for simulations, perhaps ``segments.yaml``
and ``offers.yaml``, and one file of words a language. ``$names`` in the former are filled from the latter.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

from core.catalogue import LANGUAGES
from core.reading.yaml import read_yaml

RECIPES = ("welcome", "abandoned-cart", "review", "birthday", "replenishment", "win-back")
_FOLDER = files(__name__)
_WHOLE = ("segments.yaml", "offers.yaml", "behaviour.yaml")
"""Files of a recipe that stand at the workspace's top, where it has them."""
_OWN = frozenset({"description", "offer", "valued"})
"""Words that belong to no template."""


def described(lang: str) -> list[tuple[str, str]]:
    """Every recipe with what it does, in the language ``lang``."""
    return [(name, str(_words(name, lang)["description"])) for name in RECIPES]


def written_out(name: str, lang: str) -> Iterator[tuple[str, str]]:
    """The files of a workspace with the recipe ``name`` in the language ``lang``: (path, text)."""
    folder, words = _FOLDER / name, _words(name, lang)
    plain = {key: str(value) for key, value in words.items() if key in _OWN}
    yield "otklik.yaml", _text(_FOLDER / "shop" / f"otklik.{lang}.yaml")
    yield f"campaigns/{name}.yaml", Template(_text(folder / "campaign.yaml")).substitute(plain)
    for file in _WHOLE:
        if (folder / file).is_file():
            yield file, Template(_text(folder / file)).substitute(plain)
    frame: dict[str, str] = _read(_FOLDER / "shop" / "letter.yaml")[lang]
    for template, channels in words.items():
        if template in _OWN:
            continue
        for channel, said in channels.items():
            if channel == "email":
                yield f"templates/{template}/email.mjml", _letter(said, frame, lang)
            elif channel == "telegram":
                yield f"templates/{template}/telegram.txt", _chat(said, frame)
            else:
                yield f"templates/{template}/{channel}.txt", f"{said}\n"


def _letter(said: Mapping[str, str], frame: Mapping[str, str], lang: str) -> str:
    paragraphs = [part.strip() for part in said["text"].strip().split("\n\n")]
    body = "\n".join(f"        <mj-text>{part}</mj-text>" for part in paragraphs)
    values = {
        **frame, "lang": lang, "align": "right" if frame["dir"] == "rtl" else "left", "body": body,
        "link": "{{ brand.url }}", **{key: said[key].strip() for key in ("heading", "button")},
        # these stand between single quotes
        **{key: said[key].strip().replace("'", "''") for key in ("subject", "preview")},
    }  # fmt: skip
    return Template(_text(_FOLDER / "shop" / "letter.mjml")).substitute(values)


def _chat(said: Mapping[str, str], frame: Mapping[str, str]) -> str:
    head = f"---\nbuttons:\n  - {{label: {said['button']}, url: '{{{{ brand.url }}}}'}}\n---\n"
    return f"{head}{said['text'].strip()}\n\n{frame['stop']}\n"


def _words(name: str, lang: str) -> dict[str, Any]:
    if name not in RECIPES or lang not in LANGUAGES:
        raise KeyError(f"{name} in {lang}")
    return _read(_FOLDER / name / f"{lang}.yaml")


def _read(source: Traversable) -> dict[str, Any]:
    node = read_yaml(_text(source), source.name)
    data: dict[str, Any] = node.plain() if node is not None else {}
    return data


def _text(source: Traversable) -> str:
    return source.read_text(encoding="utf-8")
