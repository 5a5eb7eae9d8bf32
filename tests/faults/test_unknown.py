"""A provider that accepts and drops the connection: unknown, shown, never repeated by itself, settled by a person."""

from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.responding.receipts import record_reports
from core.clock import machine_now
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import DeliveryReport
from storage.outbox.columns import table
from storage.tables import Audit, Enrolment, Message
from tests.faults.polling import until
from tests.faults.stage import Stage, set_stage

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]
CUSTOMERS = 150


async def _message(stage: Stage, id_: str) -> tuple[str, MessageState, EnrolmentState]:
    messages, enrolments = table(Message), table(Enrolment)
    async with stage.store.read() as connection:
        row = (
            await connection.execute(
                select(messages.c.enrolment_id, messages.c.state, enrolments.c.state.label("journey"))
                .join(enrolments, enrolments.c.id == messages.c.enrolment_id)
                .where(messages.c.id == id_)
            )
        ).one()
    return row.enrolment_id, row.state, row.journey


async def _legs(stage: Stage, enrolment_id: str) -> dict[str, tuple[str, MessageState]]:
    messages = table(Message)
    async with stage.store.read() as connection:
        rows = await connection.execute(messages.select().where(messages.c.enrolment_id == enrolment_id))
        return {row.leg: (row.id, row.state) for row in rows}


async def _report(stage: Stage, message_id: str, status: MessageState) -> None:
    report = DeliveryReport("email", "", status, key="a bounce", failure="mailbox_full", message_id=message_id)
    async with stage.store.write() as connection:
        await record_reports(connection, [report], machine_now())


async def test_accepted_and_dropped(store_url: str, tmp_path: Path) -> None:
    async with set_stage(store_url, tmp_path, CUSTOMERS) as stage:
        await stage.sandbox.post("/control/faults", [{"provider": "smtp", "kind": "accept_then_drop", "rate": 0.1}])
        await stage.workers.start()
        await until(lambda: stage.at_rest(CUSTOMERS), "the campaign's end")
        verdict = await stage.verdict(CUSTOMERS)
        verdict.check()
        dropped = (await stage.sandbox.clear_faults())["rules"][0]["hits"]
        assert verdict.unknown == dropped > 3
        assert len(stage.sandbox.accepted) == CUSTOMERS, "every one of them had been accepted"

        status, shown = await stage.workers.command("unknown", "list")
        unknown = [word for word in shown.split() if word in stage.sandbox.accepted]
        assert (status, len(unknown)) == (0, dropped)

        sent, not_sent, resent, *others = sorted(unknown)
        for id_, verb in ((sent, "sent"), (not_sent, "not-sent"), (resent, "resend")):
            status, said = await stage.workers.command("unknown", "settle", id_, "--as", verb)
            assert (status, said) == (0, f"1 settled as {verb}.\n")
        assert (await _message(stage, sent))[1:] == (MessageState.ACCEPTED, EnrolmentState.WAITING)

        async def exhausted() -> bool:
            return (await _message(stage, not_sent))[1:] == (MessageState.REJECTED, EnrolmentState.EXHAUSTED)

        await until(exhausted, "the journey to go on without its message")
        journey = (await _message(stage, resent))[0]

        async def left_again() -> str | None:
            id_, state = (await _legs(stage, journey)).get("resend-1", ("", None))
            return id_ if state is MessageState.ACCEPTED else None

        again = await until(left_again, "the new leg to leave")
        stage.sandbox.read()
        assert (stage.sandbox.accepted[resent], stage.sandbox.accepted[again]) == (1, 1)
        # the provider names a mail by its Message-ID, and knows the second as the first
        assert len({entry["provider_id"] for entry in stage.sandbox.entries(resent, again)}) == 1
        await _report(stage, resent, MessageState.FAILED)
        assert await _legs(stage, journey) == {
            "main": (resent, MessageState.REJECTED),
            "resend-1": (again, MessageState.FAILED),
        }

        status, _ = await stage.workers.command("unknown", "settle", sent, others[0], "--as", "sent")
        assert status == 1, "what is settled is not settled again"
        assert (await _message(stage, others[0]))[1] is MessageState.UNKNOWN, "all of them or none"
        assert stage.workers.log.read_text().count("accepted, not unknown") == 1
        async with stage.store.read() as connection:
            actions = await connection.scalars(select(table(Audit).c.action).where(table(Audit).c.subject == "message"))
            assert sorted(actions) == ["settle not-sent", "settle resend", "settle sent"]
