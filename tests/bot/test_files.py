"""Files that customers sent become theirs in the store; what the provider refuses is noted, what it delays waits."""

import hashlib
from typing import Any

import pytest

from bot.files import FETCH_FILES, FileFetcher
from bot.routing import handle
from campaigns.customers.erasing import erase_customer
from campaigns.running.commands import CommandRunner
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import PermanentFailure, PermanentKind, TransientFailure
from core.messages import Attachment
from storage.store import Store
from storage.tables import Blob, BlobOwner, Command, Message
from tests.bot.scene import Person, Scene, written
from tests.conftest import NOW

PICTURE, PAPER = b"\xff\xd8picture", b"%PDF"
SENT = (
    Attachment("media-1", "image/jpeg", 0, remote="https://files.example/1"),
    Attachment("media-2", "application/pdf", 0, remote="https://files.example/2"),
)


class Keeps:
    """A provider that keeps files, refuses some and is away for others."""

    def __init__(self, files: dict[str, bytes | Exception]) -> None:
        self.files, self.asked = files, 0

    async def fetch(self, attachment: Attachment) -> bytes:
        self.asked += 1
        found = self.files[attachment.remote]
        if isinstance(found, Exception):
            raise found
        return found


async def sent(scene: Scene) -> tuple[Person, str]:
    person = await scene.person()
    async with scene.store.write() as connection:
        await handle(connection, written(person.telegram, "look", attachments=SENT), scene.context())
    (message,) = await scene.all(Message, direction="in")
    return person, message.id


def runner(store: Store, provider: object, account: str) -> CommandRunner:
    clock = VirtualClock(NOW)
    return CommandRunner(store, clock, {FETCH_FILES: FileFetcher(store, clock, {account: provider})})


async def noted(scene: Scene, message_id: str) -> list[dict[str, Any]]:
    content = (await scene.get(Message, message_id)).content
    found: list[dict[str, Any]] = content["attachments"]
    return found


async def account(scene: Scene, message_id: str) -> str:
    return str((await scene.get(Message, message_id)).account)


async def test_files_are_kept_once_and_are_the_customers(scene: Scene) -> None:
    person, message_id = await sent(scene)
    assert [one["remote"] for one in await noted(scene, message_id)] == [one.remote for one in SENT]
    provider = Keeps({SENT[0].remote: PICTURE, SENT[1].remote: PAPER})
    fetching = runner(scene.store, provider, await account(scene, message_id))
    assert await fetching.run_once() == 1
    assert await fetching.run_once() == 0
    assert provider.asked == 2
    first, second = await noted(scene, message_id)
    digest = hashlib.sha256(PICTURE).hexdigest()
    assert first == {"name": "media-1", "media_type": "image/jpeg", "size": len(PICTURE), "blob": digest}
    assert second["blob"] == hashlib.sha256(PAPER).hexdigest()
    blob = await scene.get(Blob, digest)
    assert (blob.content, blob.media_type, blob.size) == (PICTURE, "image/jpeg", len(PICTURE))
    assert {one.owner_id for one in await scene.all(BlobOwner)} == {person.id}
    await erase_customer(scene.store, person.id, Actor("operator", "test"), NOW)
    assert await scene.all(Blob) == []


async def test_what_is_refused_for_good_is_noted_and_the_rest_kept(scene: Scene) -> None:
    _, message_id = await sent(scene)
    gone = PermanentFailure(PermanentKind.CONTENT_REFUSED, "the file is not there: HTTP 404")
    provider = Keeps({SENT[0].remote: gone, SENT[1].remote: PAPER})
    await runner(scene.store, provider, await account(scene, message_id)).run_once()
    first, second = await noted(scene, message_id)
    assert first["missing"] == "the file is not there: HTTP 404"
    assert "remote" not in first
    assert second["size"] == len(PAPER)


async def test_what_cannot_be_fetched_now_is_asked_for_again(scene: Scene) -> None:
    _, message_id = await sent(scene)
    provider = Keeps({SENT[0].remote: TransientFailure("away"), SENT[1].remote: PAPER})
    await runner(scene.store, provider, await account(scene, message_id)).run_once()
    (command,) = await scene.all(Command)
    assert (command.done_at, command.error, command.tries) == (None, "away", 1)
    assert command.retry_at is not None
    assert await scene.all(Blob) == []
    assert "remote" in (await noted(scene, message_id))[0]


@pytest.mark.parametrize("provider", [object(), None])
async def test_an_account_that_fetches_nothing_ends_the_command(scene: Scene, provider: object) -> None:
    _, message_id = await sent(scene)
    await runner(scene.store, provider, await account(scene, message_id)).run_once()
    (command,) = await scene.all(Command)
    assert command.done_at is not None


async def test_nothing_is_kept_of_who_was_erased_meanwhile(scene: Scene) -> None:
    person, message_id = await sent(scene)

    class Erases(Keeps):
        async def fetch(self, attachment: Attachment) -> bytes:
            await erase_customer(scene.store, person.id, Actor("operator", "test"), NOW)
            return PICTURE

    await runner(scene.store, Erases({}), await account(scene, message_id)).run_once()
    assert await scene.all(Blob) == []


async def test_a_message_without_files_asks_for_nothing(scene: Scene) -> None:
    person = await scene.person()
    async with scene.store.write() as connection:
        await handle(connection, written(person.telegram, "hello"), scene.context())
    assert await scene.all(Command) == []
