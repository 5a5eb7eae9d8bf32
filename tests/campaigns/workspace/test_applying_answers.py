"""``answers/`` from the folder to the store: told, written whole, and gone with the folder."""

import shutil
from pathlib import Path

import pytest

from campaigns.applying import apply, diff
from campaigns.applying.answers import answers_version, applied_answers
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.reading.problems import WorkspaceInvalid
from storage.store import Store
from tests.conftest import NOW

ANNA = Actor("agent", "anna")
QUESTIONS = "## Where is it? {#where}\nHere.\n\n## When? {#when}\nNow.\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "answers").mkdir(parents=True)
    (folder / "otklik.yaml").write_text("brand: {name: Paper Boat}\nlocale: en\n")
    (folder / "answers" / "delivery.md").write_text(QUESTIONS)
    return folder


async def applied(store: Store) -> tuple[str, dict[str, str]]:
    async with store.read() as connection:
        return await answers_version(connection), {one.key: one.body for one in await applied_answers(connection)}


async def test_answers_are_live_with_the_folder(store: Store, shop: Path) -> None:
    assert await applied(store) == ("", {})
    done = await apply(store, load_workspace(shop), ANNA, NOW)
    assert "add answers: 2 new" in [str(one) for one in done.changes]
    version, bodies = await applied(store)
    assert bodies == {"delivery/where@en": "Here.", "delivery/when@en": "Now."}
    assert not await diff(store, load_workspace(shop))

    (shop / "answers" / "delivery.md").write_text(QUESTIONS.replace("Here.", "There.").replace("#when", "#how-soon"))
    assert [str(one) for one in await diff(store, load_workspace(shop))] == ["change answers: 1 new, 1 changed, 1 gone"]
    await apply(store, load_workspace(shop), ANNA, NOW)
    other, bodies = await applied(store)
    assert other != version
    assert bodies == {"delivery/where@en": "There.", "delivery/how-soon@en": "Now."}

    shutil.rmtree(shop / "answers")
    done = await apply(store, load_workspace(shop), ANNA, NOW)
    assert [str(one) for one in done.changes] == ["remove answers: 2 gone"]
    assert await applied(store) == ("", {})


def test_what_is_wrong_with_answers_is_wrong_with_the_workspace(shop: Path) -> None:
    (shop / "answers" / "delivery.md").write_text("## A?\n")
    (shop / "answers" / "broken.md").write_bytes(b"## \xff?\nYes.")
    with pytest.raises(WorkspaceInvalid) as raised:
        load_workspace(shop)
    assert [str(one).partition("; ")[0] for one in raised.value.problems] == [
        "answers/broken.md: byte 3 is not UTF-8",
        "answers/delivery.md:1: the question has no answer",
    ]


def test_an_answer_that_lies_elsewhere_is_not_read(shop: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("## Secret?\nYes.")
    (shop / "answers" / "outside.md").symlink_to(outside)
    with pytest.raises(WorkspaceInvalid, match="leads out of the workspace"):
        load_workspace(shop)
