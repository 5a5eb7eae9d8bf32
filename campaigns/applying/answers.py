"""Answers as they are applied: live at once and whole, under a hash by which a process knows that they changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition.answers import Answer
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.tables import Setting

_SETTINGS = table(Setting)
ANSWERS = "answers"
ANSWERS_VERSION = "answers_version"


async def applied_answers(connection: AsyncConnection) -> tuple[Answer, ...]:
    """The answers in force, by their keys."""
    value = await connection.scalar(select(_SETTINGS.c.value).where(_SETTINGS.c.name == ANSWERS))
    return tuple(Answer.model_validate(one) for one in value or ())


async def answers_version(connection: AsyncConnection) -> str:
    """The hash of the answers in force; empty where there are none."""
    value = await connection.scalar(select(_SETTINGS.c.value).where(_SETTINGS.c.name == ANSWERS_VERSION))
    return str(value or "")


async def write_answers(connection: AsyncConnection, answers: Sequence[Answer], now: datetime) -> None:
    """Put ``answers`` in force in the place of what was."""
    version = _hash(answers)
    if version == await answers_version(connection):
        return
    if not answers:
        await connection.execute(delete(_SETTINGS).where(_SETTINGS.c.name.in_([ANSWERS, ANSWERS_VERSION])))
        return
    for name, value in ((ANSWERS, _data(answers)), (ANSWERS_VERSION, version)):
        statement = insert_into(connection, _SETTINGS).values(name=name, value=value, updated_at=now)
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"value": value, "updated_at": now})
        )


def difference(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> str:
    """What is new, other and gone, in words; empty where nothing is."""
    new, gone = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    other = sum(before[key] != after[key] for key in before.keys() & after.keys())
    told = ((new, "new"), (other, "changed"), (gone, "gone"))
    return ", ".join(f"{number:,} {word}" for number, word in told if number)


def _data(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [one.model_dump(mode="json", exclude_defaults=True) for one in sorted(answers, key=lambda one: one.key)]


def _hash(answers: Sequence[Answer]) -> str:
    if not answers:
        return ""
    text = json.dumps(_data(answers), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
