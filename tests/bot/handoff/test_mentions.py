"""Colleagues who are named in a note: who is meant, and where they find it."""

import pytest

from bot.handoff.answering import note
from bot.handoff.mentions import Person, mentioned, mentions_of
from core.clock import machine_now
from tests.bot.handoff.stage import Desk

PEOPLE = (
    Person("1", "Vera Lind", "vera@example.com"), Person("2", "Юля", "julia@example.com"),
    Person("3", "مینا", "mina@example.com"), Person("4", "Ann Black", "ann.b@example.com"),
    Person("5", "Ann White", "ann.w@example.com"), Person("6", "Jo", "jo@example.com"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("@Vera see this", "1"), ("ask @vera lind, please", "1"), ("@ЮЛЯ, посмотрите", "2"), ("(@julia)", "2"),
        ("@مینا ببین", "3"), ("@ann", ""), ("@Ann Black and @ann.w", "45"), ("vera", ""), ("write to me@vera.org", ""),
        ("@veranda", ""), ("@john", ""), ("@jo!", "6"), ("@vera.", "1"), ("", ""),
    ],
)  # fmt: skip
def test_who_is_meant(text: str, ids: str) -> None:
    assert "".join(sorted(mentioned(text, PEOPLE))) == ids


async def test_a_note_is_found_by_whom_it_names(desk: Desk) -> None:
    ann, bob = await desk.agent("Ann"), await desk.agent("Bob")
    await desk.agent("Eve", disabled_at=desk.clock.now())
    id_ = await desk.conversation()
    for text in ("@bob look", "nobody", "@ann, myself, and @eve, who is gone", "@Bob again"):
        async with desk.store.write() as connection:
            await note(connection, id_, ann, text, [], desk.clock.now())
    async with desk.store.read() as connection:
        found = await mentions_of(connection, bob, machine_now())
        assert [(one.text, one.by, one.conversation_id) for one in found] == [
            ("@Bob again", "Ann", id_), ("@bob look", "Ann", id_),
        ]  # fmt: skip
        assert await mentions_of(connection, ann, machine_now()) == []
