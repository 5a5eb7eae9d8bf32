"""Refusals are read by agents: each has its words in every language, and who was faster is named."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.handoff.ownership import NotYours
from core.catalogue import LANGUAGES, text
from core.errors import OtklikError, Refused
from core.machines.conversation import ConversationState
from core.transitions import IllegalTransition
from desk.inbox.refusing import words_of
from desk.rendering import Reader
from storage.store import Store
from tests.bot.handoff.stage import Desk

ROOT = Path(__file__).parents[3]
READ_BY_AGENTS = ("bot/handoff", "desk/inbox", "desk/canned", "campaigns/operating")


def refusals() -> Iterator[tuple[str, set[str]]]:
    """(catalogue id, its values) of every refusal that is raised there; an empty id: it has no name."""
    for folder in READ_BY_AGENTS:
        for path in (ROOT / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                    given = {word.arg: word.value for word in node.keywords if word.arg}
                    name = given.pop("name", None)
                    known = name.value if isinstance(name, ast.Constant) else ""
                    yield (f"desk.refused_{known}" if known else f"{path.name}:{node.lineno}"), set(given)


def test_every_refusal_has_words_in_every_language() -> None:
    found = list(refusals())
    assert len(found) > 15
    for name, values in found:
        for language in LANGUAGES:
            words = text(language, name, **dict.fromkeys(values, "7"))
            assert language == "en" or words != text("en", name, **dict.fromkeys(values, "7")), name


@pytest.mark.parametrize(("locale", "words"), [("en", "Ann has"), ("ru", "у Ann"), ("fa", "Ann")])
async def test_who_was_faster_is_named(store: Store, clock: object, locale: str, words: str) -> None:
    desk, reader = Desk(store, clock), Reader(locale, "UTC")  # type: ignore[arg-type]
    ann = await desk.agent("Ann")
    async with store.read() as connection:
        what, said, status = await words_of(connection, NotYours(ann, ConversationState.ASSIGNED), reader)
        assert (what, status) == ("taken", 409)
        assert words in said
        for error, expected in (
            (NotYours("", ConversationState.BOT), 409), (IllegalTransition("m", "a", "b"), 409),
            (Refused("too long", name="long", longest=20), 422), (OtklikError("gone"), 404),
        ):  # fmt: skip
            _, told, status = await words_of(connection, error, reader)
            assert status == expected
            assert told != str(error)
    assert Reader("fa", "UTC").refusal(Refused("x", name="long", longest=20)).count("۲۰") == 1
    assert reader.refusal(Refused("in plain words")) == "in plain words"
