"""Flows and answers written on the desk: checked, tried and saved as campaigns are."""

import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bot.flows.applying import FlowsPart
from campaigns.applying import apply
from campaigns.applying.answers import applied_answers
from core.agents import Role
from core.clock import VirtualClock
from desk.campaigns.editing.workbench import Workbench
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Flow
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED, Visit, plain
from tests.desk.campaigns.test_editor import fields

_AUDIT, _FLOWS = table(Audit), table(Flow)
Running = tuple[Store, VirtualClock]
FLOW, FLOW_FILE = "/desk/flows/support/edit", "flows/support.yaml"
ANSWERS, ANSWERS_FILE = "/desk/answers/shop/edit", "answers/shop.md"


@pytest.fixture
async def running(town: Store, bench: Workbench) -> Running:
    """The example workspace in force, its flows too."""
    loaded = bench.load(bench.folder)
    await apply(town, loaded.workspace, APPLIED, NOW, parts=[FlowsPart(loaded.flows)])
    return town, VirtualClock(NOW)


async def opened(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    got = await client.get(path)
    assert got.status_code == 200, plain(got.text)
    return fields(got.text)


async def saved(client: httpx.AsyncClient, path: str, form: dict[str, str]) -> httpx.Response:
    """Ask what it would change, then do it."""
    asked = await client.post(path, data={**form, "do": "review"})
    assert asked.status_code == 200, plain(asked.text)
    return await client.post(path, data={**form, "do": "save", "sure": fields(asked.text)["sure"]})


async def flow_version(store: Store) -> str:
    async with store.read() as connection:
        return str(await connection.scalar(select(_FLOWS.c.version).where(_FLOWS.c.name == "support")))


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
async def test_every_answer_in_every_language(visit: Visit, locale: str) -> None:
    client = await visit(Role.MARKETER, locale)
    asked = {"check": {}, "try": {"say": "order"}, "begin": {}, "review": {}, "add": {"new": "x/sms.txt"}}
    for path, given in ((FLOW, asked), (ANSWERS, {"check": {}, "ask": {"question": "how long?"}, "review": {}})):
        form = await opened(client, path)
        for do, more in given.items():
            got = await client.post(path, data={**form, "do": do, **more})
            assert got.status_code == 200, (path, do, plain(got.text))
            assert "desk." not in plain(got.text), "every text has its words"
            assert not re.search("<[^>]* style=", got.text), "the policy allows no style in a page"
    for path in ("/desk/flows", "/desk/answers", "/desk/flows/spring/edit", "/desk/answers/spring/edit"):
        got = await client.get(path)
        assert got.status_code == 200
        assert "desk." not in plain(got.text)
    assert "spring" in plain((await client.get("/desk/flows/spring/edit")).text)


async def test_a_flow_is_checked_tried_and_put_in_force(running: Running, visit: Visit, folder: Path) -> None:
    store, _ = running
    before = await flow_version(store)
    client = await visit(Role.MARKETER)
    form = await opened(client, FLOW)
    broken = form[f"text:{FLOW_FILE}"].replace("- handoff: shop", "- handof: shop")
    line = broken.split("\r\n").index("  - handof: shop") + 1
    got = await client.post(FLOW, data={**form, f"text:{FLOW_FILE}": broken}, headers={"x-desk": "part"})
    assert f'data-file="{FLOW_FILE}" data-line="{line}"' in got.text
    assert (await client.post(FLOW, data={**form, f"text:{FLOW_FILE}": broken, "do": "try"})).status_code == 422
    form[f"text:{FLOW_FILE}"] = form[f"text:{FLOW_FILE}"].replace("Thank you! Somebody", "Many thanks! Somebody")
    done = await saved(client, FLOW, form)
    assert done.status_code == 303, plain(done.text)
    assert "Many thanks!" in (folder / FLOW_FILE).read_text()
    assert await flow_version(store) != before
    assert "Saved, and in force" in plain((await client.get(done.headers["location"])).text)
    async with store.read() as connection:
        rows = (await connection.execute(select(_AUDIT).where(_AUDIT.c.action == "apply.change"))).all()
    assert any(row.actor.startswith("agent:") and row.subject == "flow" and row.subject_id == "support" for row in rows)
    assert "not in force" not in plain((await client.get("/desk/flows")).text)


async def test_a_flow_is_talked_to_as_it_is_written(visit: Visit) -> None:
    client = await visit(Role.MARKETER)
    form = await opened(client, FLOW)
    first = await client.post(FLOW, data={**form, "do": "try", "language": "en"})
    assert "What is it about?" in plain(first.text)
    second = await client.post(
        FLOW, data={**fields(first.text), "do": "try", "language": "en", "say": "Something else"}
    )
    assert "What would you like to know?" in plain(second.text)
    kept = fields(second.text)
    assert kept["said:0"] == "Something else"
    last = await client.post(FLOW, data={**kept, "do": "try", "language": "en", "say": "Do you open on Sunday?"})
    assert "Somebody who knows" in plain(last.text)
    assert "waits for a person in queue shop" in plain(last.text), "what it would do besides is told"
    changed = {
        **kept,
        f"text:{FLOW_FILE}": kept[f"text:{FLOW_FILE}"].replace("What would you", "Tell us, what would you"),
    }
    again = await client.post(FLOW, data={**changed, "do": "try", "language": "en"})
    assert "Tell us, what would you" in plain(again.text), "the same talk, by the words that stand there now"
    late = await client.post(FLOW, data={**kept, "do": "try", "language": "en", "say": "/wait soon"})
    assert "said:1" not in fields(late.text), "what is no period is told and not kept"


async def test_a_new_flow_is_begun_and_put_in_force(running: Running, visit: Visit, folder: Path) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)
    led = await client.get("/desk/new-flow", params={"name": "wishes"})
    assert led.headers["location"] == "/desk/flows/wishes/edit"
    refused = await client.get("/desk/new-flow", params={"name": "../x"})
    assert refused.status_code == 404
    assert "is not a name" in plain(refused.text)
    form = await opened(client, "/desk/flows/wishes/edit")
    text = form["text:flows/wishes.yaml"]
    form["text:flows/wishes.yaml"] = text.replace('say: ""', "say: What can we do for you?")
    done = await saved(client, "/desk/flows/wishes/edit", form)
    assert done.status_code == 303, plain(done.text)
    async with store.read() as connection:
        assert set(await connection.scalars(select(_FLOWS.c.name))) == {"support", "wishes"}
    renamed = {**form, "base:flows/wishes.yaml": "", "text:flows/wishes.yaml": form["text:flows/wishes.yaml"]}
    renamed["text:flows/wishes.yaml"] = renamed["text:flows/wishes.yaml"].replace("flow: wishes", "flow: desires")
    assert "its name never changes" in plain((await client.post("/desk/flows/wishes/edit", data=renamed)).text)


async def test_a_change_meanwhile_is_shown_and_never_overwritten(running: Running, visit: Visit, folder: Path) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)
    before = await flow_version(store)
    for path, file, mine, theirs in (
        (FLOW, FLOW_FILE, "\r\n# mine\r\n", "\n# theirs\n"),
        (ANSWERS, ANSWERS_FILE, "\r\n## Is this mine?\r\n\r\nYes.\r\n", "\n## Is this theirs?\n\nYes.\n"),
    ):
        form = await opened(client, path)
        form[f"text:{file}"] += mine
        sure = fields((await client.post(path, data={**form, "do": "review"})).text)["sure"]
        (folder / file).write_text((folder / file).read_text() + theirs)
        for do in ("save", "review"):
            got = await client.post(path, data={**form, "do": do, "sure": sure})
            assert got.status_code == 409
            assert "mine" in got.text
            assert "theirs" in got.text
        assert "mine" not in (folder / file).read_text()
    assert await flow_version(store) == before


async def test_an_answer_is_asked_before_it_is_in_force(running: Running, visit: Visit, folder: Path) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)
    asked = "Do you wrap presents in paper?"
    form = await opened(client, f"{ANSWERS}?file={ANSWERS_FILE}&question={asked}")
    assert f"## {asked}" in form[f"text:{ANSWERS_FILE}"]
    got = await client.post(ANSWERS, data={**form, "do": "review"})
    assert got.status_code == 422, "a question without an answer is none"
    assert "has no answer" in plain(got.text)
    form[f"text:{ANSWERS_FILE}"] += "We wrap every present, in green paper.\r\n"
    found = await client.post(ANSWERS, data={**form, "do": "ask", "question": "do you wrap presents"})
    assert "in green paper" in plain(found.text)
    assert re.search(r"\d+% ", plain(found.text)), "with how sure that is"
    async with store.read() as connection:
        assert not any("green paper" in one.body for one in await applied_answers(connection)), "asking saves nothing"
    done = await saved(client, ANSWERS, form)
    assert done.status_code == 303, plain(done.text)
    assert "green paper" in (folder / ANSWERS_FILE).read_text()
    async with store.read() as connection:
        assert any("green paper" in one.body for one in await applied_answers(connection))


async def test_a_topic_has_a_file_a_language(visit: Visit) -> None:
    client = await visit(Role.MARKETER)
    form = await opened(client, ANSWERS)
    assert {name for name in form if name.startswith("text:")} == {
        "text:answers/shop.md", "text:answers/shop.fa.md", "text:answers/shop.ru.md",
    }  # fmt: skip
    other = await opened(client, f"{ANSWERS}?file=answers/other.md&question=x")
    assert "text:answers/other.md" not in other, "an editor is for its own topic"
    german = await opened(client, f"{ANSWERS}?file=answers/shop.de.md&question=Wie?")
    assert german["text:answers/shop.de.md"].startswith("## Wie?")
