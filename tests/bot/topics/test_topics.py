"""A conversation and its topic: made once, kept in step both ways, healed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.topics import keeping, mirroring
from core.errors import PermanentFailure, PermanentKind, TransientFailure, UnknownOutcome
from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import DeskTopic
from tests.bot.topics.stage import GROUP, Canned, Staffed

OLGA = "5550177"


async def topic_row(staffed: Staffed) -> Any:
    rows = table(DeskTopic)
    async with staffed.desk.store.read() as connection:
        return (await connection.execute(select(rows))).one()


async def opened(staffed: Staffed) -> str:
    """Mina waits, and has her topic."""
    id_ = await staffed.desk.waiting()
    await staffed.named(id_, "Mina")
    await staffed.customer_writes(id_, "Where is my book?")
    await staffed.in_step()
    return id_


async def test_who_waits_for_a_person_gets_a_topic_with_what_was_said(staffed: Staffed) -> None:
    id_ = await staffed.desk.conversation()
    await staffed.customer_writes(id_, "Hello bot")
    await staffed.in_step()
    assert staffed.group.topics == {}  # the bot's own
    await opened(staffed)
    (topic,) = staffed.group.topics.values()
    assert topic.name == "Mina"
    assert len(topic.lines) == 1
    assert "Waits for a person" in topic.lines[0]
    assert "Where is my book?" in topic.lines[0]
    calls = staffed.group.calls
    await staffed.in_step()
    assert staffed.group.calls == calls


async def test_two_desks_at_once_make_one_topic(staffed: Staffed) -> None:
    await staffed.desk.waiting()
    others = [staffed.mirror() for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(one.run_once() for one in others))
    assert len(staffed.group.topics) == 1


async def test_an_answer_takes_who_waits_and_does_not_come_back(staffed: Staffed) -> None:
    agent = await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await opened(staffed)
    await staffed.staff_writes("It is on its way.")
    row = await staffed.desk.row(id_)
    assert (row.state, row.agent, row.waiting_since) == (ConversationState.ASSIGNED, agent, None)
    assert await staffed.sent() == ["It is on its way."]
    await staffed.in_step()
    assert "Olga has it" in staffed.group.text()
    assert "It is on its way." not in staffed.group.text()


async def test_who_is_no_agent_is_told_once_and_nothing_is_sent(staffed: Staffed) -> None:
    await opened(staffed)
    for _ in range(2):
        await staffed.staff_writes("I know!", user="5550188")
        await staffed.in_step()
    assert await staffed.sent() == []
    assert staffed.group.text().count("no agent of the desk") == 1


async def test_what_a_colleague_has_is_not_answered_until_it_is_taken(staffed: Staffed) -> None:
    anna = await staffed.desk.agent("Anna", telegram="5550155")
    await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await opened(staffed)
    await staffed.staff_writes("/take", user="5550155")
    assert (await staffed.desk.row(id_)).agent == anna
    await staffed.staff_writes("Mine!")
    await staffed.in_step()
    assert await staffed.sent() == []
    assert "Anna has this chat" in staffed.group.text()
    await staffed.staff_writes("/take")
    await staffed.staff_writes("Now it is mine.")
    assert await staffed.sent() == ["Now it is mine."]


async def test_an_answer_that_can_go_nowhere_changes_nothing(staffed: Staffed) -> None:
    await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await staffed.desk.waiting()  # no address at all
    await staffed.in_step()
    await staffed.staff_writes("Hello?")
    row = await staffed.desk.row(id_)
    assert row.state is ConversationState.QUEUED
    assert row.waiting_since is not None
    await staffed.in_step()
    assert "Nothing was sent" in staffed.group.text()


async def test_commands_do_what_the_web_does(staffed: Staffed) -> None:
    await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await opened(staffed)
    await staffed.staff_writes("/take")
    await staffed.staff_writes("/note likes poetry")
    await staffed.staff_writes("/customer")
    await staffed.staff_writes("/nonsense")
    await staffed.staff_writes("/snooze 2h")
    assert (await staffed.desk.row(id_)).snoozed_until == staffed.desk.clock.now() + timedelta(hours=2)
    await staffed.in_step()
    for words in ("likes poetry", "sms: +1202555010", "/nonsense is no command", "Olga snoozed it"):
        assert words in staffed.group.text()
    await staffed.staff_writes("/return")
    assert (await staffed.desk.row(id_)).state is ConversationState.BOT
    await staffed.staff_writes("/snooze 2h")
    await staffed.in_step()
    assert "cannot be done" in staffed.group.text()
    assert await staffed.sent() == []


async def test_a_canned_reply_is_sent_and_shown(staffed: Staffed) -> None:
    await staffed.desk.agent("Olga", telegram=OLGA)
    await opened(staffed)
    staffed.replies = [Canned("late", "Sorry, Mina."), Canned("odd", "", "no order")]
    for name in ("late", "odd", "none"):
        await staffed.staff_writes(f"/canned {name}")
    await staffed.in_step()
    assert await staffed.sent() == ["Sorry, Mina."]
    for words in ("Sorry, Mina.", "no order", "There are: late, odd"):
        assert words in staffed.group.text()


async def test_a_resolved_conversation_closes_its_topic_and_opens_it_again(staffed: Staffed) -> None:
    await staffed.desk.configured(rating="")
    await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await opened(staffed)
    await staffed.staff_writes("Done.")
    await staffed.staff_writes("/resolve")
    await staffed.in_step()
    assert staffed.group.topics[1].closed
    assert "Olga resolved it" in staffed.group.text()
    await staffed.staff_writes("/take")
    await staffed.customer_writes(id_, "Not at all!")
    await staffed.in_step()
    assert not staffed.group.topics[1].closed
    assert "Not at all!" in staffed.group.topics[1].lines[-1]


async def test_a_deleted_topic_is_made_anew_with_the_end_of_what_was_said(staffed: Staffed) -> None:
    await staffed.desk.agent("Olga", telegram=OLGA)
    id_ = await opened(staffed)
    await staffed.staff_writes("On its way.")
    await staffed.in_step()
    del staffed.group.topics[1]
    await staffed.customer_writes(id_, "When?")
    await staffed.in_step()
    for words in ("Where is my book?", "On its way.", "When?"):
        assert words in staffed.group.text(2)


async def test_a_topic_that_staff_closed_is_opened_for_the_next_line(staffed: Staffed) -> None:
    id_ = await opened(staffed)
    staffed.group.topics[1].closed = True
    await staffed.customer_writes(id_, "Still there?")
    await staffed.in_step()
    assert "Still there?" in staffed.group.text()


async def test_a_topic_that_may_have_been_made_is_said(staffed: Staffed) -> None:
    staffed.group.lost = [UnknownOutcome("no answer")]
    await staffed.desk.waiting()
    assert await staffed.topics.run_once() == 0
    staffed.time += mirroring.PAUSE_SECONDS + 1
    await staffed.in_step()
    assert "begun twice" in staffed.group.text(2)
    assert (await topic_row(staffed)).thread_id == 2


async def test_a_line_of_unknown_fate_is_said_again_rather_than_lost(staffed: Staffed) -> None:
    id_ = await opened(staffed)
    await staffed.customer_writes(id_, "Hello?")
    staffed.group.lost = [UnknownOutcome("no answer")]
    await staffed.in_step()
    staffed.time += mirroring.PAUSE_SECONDS + 1
    await staffed.in_step()
    assert staffed.group.text().count("Hello?") == 2


@pytest.mark.parametrize(
    ("failure", "seconds", "told"),
    [
        (TransientFailure("too many", retry_after=30.0), 30.0, []),
        (PermanentFailure(PermanentKind.BLOCKED, "kicked"), 60.0, ["kicked"]),
    ],
)
async def test_a_group_that_refuses_is_left_alone_for_a_while(
    staffed: Staffed, failure: Exception, seconds: float, told: list[str]
) -> None:
    id_ = await opened(staffed)
    staffed.group.fails = [failure]
    await staffed.customer_writes(id_, "Hello?")
    await staffed.in_step()
    calls = staffed.group.calls
    assert [one.why for one in staffed.topics.refusals] == told, "somebody has to see to it"
    staffed.time += seconds - 1
    await staffed.in_step()
    assert staffed.group.calls == calls
    staffed.time += 2
    await staffed.in_step()
    assert "Hello?" in staffed.group.text()
    assert not staffed.topics.refusals


async def test_what_comes_while_the_group_must_wait_goes_together(staffed: Staffed) -> None:
    id_ = await opened(staffed)
    for number in range(10):
        await staffed.customer_writes(id_, f"line {number}")
        staffed.waits = [3.0]
        await staffed.in_step()
    lines = len(staffed.group.topics[1].lines)
    staffed.waits, staffed.time = [], staffed.time + 4
    await staffed.in_step()
    assert len(staffed.group.topics[1].lines) == lines + 1
    assert all(f"line {number}" in staffed.group.topics[1].lines[-1] for number in range(10))


async def test_what_the_bot_may_yet_not_say_is_not_shown(staffed: Staffed) -> None:
    id_ = await opened(staffed)
    await staffed.bot_writes(id_, "perhaps", MessageState.PLANNED)
    await staffed.bot_writes(id_, "never", MessageState.CANCELLED)
    await staffed.bot_writes(id_, "for sure")
    await staffed.in_step()
    assert "for sure" in staffed.group.text()
    assert "perhaps" not in staffed.group.text()
    assert "never" not in staffed.group.text()


async def test_what_becomes_visible_late_is_not_lost(staffed: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = await opened(staffed)
    early = await staffed.bot_writes(id_, "early", MessageState.PLANNED)
    await staffed.customer_writes(id_, "late")
    await staffed.in_step()
    monkeypatch.setattr(mirroring, "OVERLAP", timedelta(days=-1))  # everything has settled long since
    await staffed.in_step()
    assert (await topic_row(staffed)).mirrored < early
    assert staffed.group.text().count("late") == 1


def test_several_groups_share_the_conversations() -> None:
    groups = [GROUP, "-1002", "-1003"]
    parts = [keeping.group_of(f"conversation{number}", groups) for number in range(300)]
    assert all(parts.count(group) > 60 for group in groups)
    assert parts == [keeping.group_of(f"conversation{number}", groups) for number in range(300)]


async def test_what_came_while_no_topic_could_be_made_is_in_it(staffed: Staffed) -> None:
    id_ = await staffed.desk.waiting()
    staffed.waits = [60.0]
    await staffed.in_step()
    for number in range(30):  # more than the tail of an older conversation
        await staffed.customer_writes(id_, f"line {number}.")
    staffed.time += 61
    await staffed.in_step()
    assert all(f"line {number}." in staffed.group.text() for number in range(30))


async def test_a_group_that_is_taken_out_leaves_its_open_chats_to_the_others(staffed: Staffed) -> None:
    id_ = await opened(staffed)
    other = "-1002"
    desk = staffed.mirror(other)
    await staffed.customer_writes(id_, "Hello?")
    for _ in range(3):
        await desk.run_once()
    assert staffed.group.chats == {1: GROUP, 2: other}
    assert "Where is my book?" in staffed.group.text(2)
    assert "Hello?" in staffed.group.text(2)


async def test_a_topic_whose_maker_died_is_made_by_another_once_its_lease_is_over(staffed: Staffed) -> None:
    id_ = await staffed.desk.waiting()
    await keeping.wish(staffed.desk.store, [GROUP], staffed.desk.clock.now())
    assert await keeping.hold(staffed.desk.store, id_) is not None
    await keeping.change(staffed.desk.store, id_, making=True)  # and here it died
    await staffed.in_step()
    assert staffed.group.topics == {}
    await keeping.change(staffed.desk.store, id_, busy_until=1)  # long ago
    await staffed.in_step()
    assert len(staffed.group.topics) == 1
    assert "begun twice" in staffed.group.text()  # it may have been made
