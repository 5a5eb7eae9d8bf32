"""Choices: what answers to a message may mean, kept before it leaves."""

from collections.abc import Mapping, Sequence

from core.messages import Button
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.store import Store
from storage.tables import MessageChoice

_CHOICES = table(MessageChoice)


async def keep_choices(store: Store, choices: Mapping[str, Sequence[Button]]) -> None:
    """Write them down, by message; composing a message again writes them anew."""
    rows = [
        {"message_id": message_id, "number": number, "label": one.label, "value": one.value}
        for message_id, buttons in sorted(choices.items())
        for number, one in enumerate(buttons, 1)
    ]
    async with store.write() as connection:
        statement = insert_into(connection, _CHOICES)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[_CHOICES.c.message_id, _CHOICES.c.number],
                set_={name: statement.excluded[name] for name in ("label", "value")},
            ),
            rows,
        )
