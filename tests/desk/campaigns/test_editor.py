"""Campaigns written on the desk: what `otklik check` says stands beside the text, and saving overwrites nobody."""

import re
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from campaigns.applying import apply
from core.agents import Role
from core.clock import VirtualClock
from desk.campaigns.editing.folder import Draft, Folder, Overtaken, mark_of
from desk.campaigns.editing.workbench import Workbench
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Audit, Campaign
from tests.campaigns.forecast.conftest import Shop
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED, WINBACK, Visit, plain

_CAMPAIGNS, _AUDIT = table(Campaign), table(Audit)
Running = tuple[Store, VirtualClock]
FILE = "campaigns/one.yaml"
HERE = "/desk/campaigns/winback/edit"


@pytest.fixture
async def running(town: Store, shop: Shop) -> Running:
    """The campaign in force, before its first start."""
    await apply(town, shop(WINBACK), APPLIED, NOW)
    return town, VirtualClock(NOW)


def fields(html: str) -> dict[str, str]:
    """What the page's form would send."""
    found = {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<input[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', html)
    }
    for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>\n(.*?)</textarea>', html, re.DOTALL):
        found[unescape(name)] = unescape(text).replace("\n", "\r\n")
    found.pop("pictures", None)
    return found


async def version(store: Store) -> str:
    async with store.read() as connection:
        return str(await connection.scalar(select(_CAMPAIGNS.c.version).where(_CAMPAIGNS.c.name == "winback")))


async def opened(client: httpx.AsyncClient) -> dict[str, str]:
    got = await client.get(HERE)
    assert got.status_code == 200
    return fields(got.text)


async def saved(client: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
    """Ask what it would change, then do it."""
    asked = await client.post(HERE, data={**form, "do": "review"})
    assert asked.status_code == 200, plain(asked.text)
    return await client.post(HERE, data={**form, "do": "save", "sure": fields(asked.text)["sure"]})


@pytest.mark.parametrize("locale", ["en", "ru", "fa"])
async def test_every_answer_in_every_language(visit: Visit, locale: str) -> None:
    client = await visit(Role.MARKETER, locale)
    form = await opened(client)
    for do in ("check", "plan", "simulate", "review", "test", "add"):
        got = await client.post(HERE, data={**form, "do": do, "customers": "20", "days": "5", "new": "winback/x.txt"})
        assert got.status_code == 200, (do, plain(got.text))
        assert "desk." not in plain(got.text), "every text has its words"
        assert not re.search("<[^>]* style=", got.text), "the policy allows no style in a page"
    shown = await client.post(f"{HERE}/preview", data=form)
    assert "frame-ancestors 'self'" in shown.headers["content-security-policy"]
    assert "sandbox" in shown.headers["content-security-policy"]
    assert f'lang="{locale}"' in shown.text
    assert (await client.get("/desk/campaigns")).status_code == 200
    tests = await client.get("/desk/campaigns/winback/test")
    assert tests.status_code == 200
    assert "desk." not in plain(tests.text)


async def test_made_up_customers_behave_as_the_workspace_says(visit: Visit, folder: Path) -> None:
    client = await visit(Role.MARKETER)
    form = {**await opened(client), "do": "simulate", "customers": "150", "days": "5"}

    async def told(behaviour: str) -> str:
        (folder / "behaviour.yaml").write_text(behaviour)
        return plain((await client.post(HERE, data=form)).text)

    assert "usual rates" in plain((await client.post(HERE, data=form)).text)
    nobody = await told("messages: {'*': {reply: 0%}}")
    everybody = await told("messages: {'*': {reply: 100%}}")
    assert "as behaviour.yaml says" in nobody
    [(sent, replied)] = re.findall(r"letter Email (\d+) (\d+)", nobody)
    assert int(sent) > int(replied) == 0
    assert f"letter Email {sent} {sent} " in everybody
    assert "behaviour.yaml:1: " in await told("messages: {'*': {reply: 200%}}")


async def test_problems_are_those_of_check_at_their_lines(visit: Visit) -> None:
    client = await visit(Role.MARKETER)
    form = await opened(client)
    broken = form[f"text:{FILE}"].replace("audience: dormant", "audience: dromant")
    line = broken.split("\r\n").index("audience: dromant") + 1
    got = await client.post(HERE, data={**form, f"text:{FILE}": broken}, headers={"x-desk": "part"})
    assert "<html" not in got.text
    assert f'data-file="{FILE}" data-line="{line}"' in got.text
    assert "dormant" in plain(got.text), "it says what was meant"
    assert 'id="step-letter"' in got.text, "the journey is drawn all the same"
    for do in ("plan", "simulate", "review", "save", "test"):
        refused = await client.post(HERE, data={**form, f"text:{FILE}": broken, "do": do})
        assert refused.status_code == 422
    torn = await client.post(HERE, data={**form, f"text:{FILE}": "steps: [", "do": "check"})
    assert 'class="bad"' in torn.text


async def test_saving_is_applying_with_the_agent_as_author(
    running: Running,
    visit: Visit,
    folder: Path,
) -> None:
    store, _ = running
    before = await version(store)
    client = await visit(Role.MARKETER)
    form = await opened(client)
    form[f"text:{FILE}"] = form[f"text:{FILE}"].replace("wait: 3d", "wait: 4d")
    asked = plain((await client.post(HERE, data={**form, "do": "review"})).text)
    assert "campaign winback changes" in asked
    assert "nobody is in flight" in asked
    assert await version(store) == before, "asking changes nothing"
    assert "3d" in (folder / FILE).read_text()
    done = await saved(client, form)
    assert done.status_code == 303, plain(done.text)
    assert (folder / FILE).read_text() == WINBACK.replace("wait: 3d", "wait: 4d"), "the folder has it, line for line"
    assert await version(store) != before
    async with store.read() as connection:
        actors = set(await connection.scalars(select(_AUDIT.c.actor).where(_AUDIT.c.action == "apply.change")))
    assert len(actors) == 1
    assert actors.pop().startswith("agent:")
    assert "not what is in force" not in (await client.get(HERE)).text


async def test_a_change_meanwhile_is_shown_and_never_overwritten(
    running: Running,
    visit: Visit,
    folder: Path,
) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)
    form = await opened(client)
    asked = {**form, f"text:{FILE}": form[f"text:{FILE}"].replace("wait: 3d", "wait: 4d")}
    sure = fields((await client.post(HERE, data={**asked, "do": "review"})).text)["sure"]
    theirs = WINBACK.replace("wait: 3d", "wait: 9d")
    (folder / FILE).write_text(theirs)
    before = await version(store)
    for do in ("save", "review"):
        got = await client.post(HERE, data={**asked, "do": do, "sure": sure})
        assert got.status_code == 409
        assert "wait: 9d" in got.text
        assert "wait: 4d" in got.text
    assert (folder / FILE).read_text() == theirs
    assert await version(store) == before
    taken = fields((await client.post(HERE, data={**fields(got.text), "do": "theirs"})).text)
    assert taken[f"text:{FILE}"].replace("\r\n", "\n") == theirs
    knowing = fields(got.text)
    assert knowing[f"text:{FILE}"] == asked[f"text:{FILE}"], "what was written is kept"
    assert (await saved(client, knowing)).status_code == 303
    assert "wait: 4d" in (folder / FILE).read_text()


async def test_a_version_put_in_force_elsewhere_is_not_replaced(
    running: Running,
    visit: Visit,
    folder: Path,
    bench: Workbench,
) -> None:
    from core.actors import Actor

    store, clock = running
    client = await visit(Role.MARKETER)
    form = await opened(client)
    form[f"text:{FILE}"] = form[f"text:{FILE}"].replace("wait: 3d", "wait: 4d")
    sure = fields((await client.post(HERE, data={**form, "do": "review"})).text)["sure"]
    (folder / FILE).write_text(WINBACK.replace("wait: 3d", "wait: 7d"))
    await apply(store, bench.load(folder).workspace, Actor("operator", "ann"), clock.now())
    (folder / FILE).write_text(WINBACK)
    theirs = await version(store)
    got = await client.post(HERE, data={**form, "do": "save", "sure": sure})
    assert got.status_code == 409
    assert await version(store) == theirs
    assert (folder / FILE).read_text() == WINBACK


async def test_a_store_that_refuses_leaves_the_folder_as_it_was(
    running: Running,
    visit: Visit,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from core.errors import Refused
    from desk.campaigns.editing import saving

    async def refusing(*_: object, **__: object) -> None:
        raise Refused("not today")

    client = await visit(Role.MARKETER)
    form = await opened(client)
    form[f"text:{FILE}"] = form[f"text:{FILE}"].replace("wait: 3d", "wait: 4d")
    monkeypatch.setattr(saving, "apply", refusing)
    got = await saved(client, form)
    assert got.status_code == 422
    assert "not today" in plain(got.text)
    assert (folder / FILE).read_text() == WINBACK


async def test_what_else_the_folder_holds_is_said_before(visit: Visit, folder: Path) -> None:
    client = await visit(Role.MARKETER)
    segments = folder / "segments.yaml"
    segments.write_text(segments.read_text() + "\nlate:\n  where: {field: country, in: [GB]}\n")
    form = await opened(client)
    form[f"text:{FILE}"] = form[f"text:{FILE}"].replace("wait: 3d", "wait: 4d")
    asked = plain((await client.post(HERE, data={**form, "do": "review"})).text)
    assert "They come into force as well" in asked
    assert "segment late is new" in asked


async def test_a_new_campaign_is_begun_and_put_in_force(
    running: Running,
    visit: Visit,
    folder: Path,
) -> None:
    store, _ = running
    client = await visit(Role.MARKETER)
    led = await client.get("/desk/new-campaign", params={"name": "spring"})
    assert led.headers["location"] == "/desk/campaigns/spring/edit"
    assert (await client.get("/desk/new-campaign", params={"name": "../x"})).status_code == 404
    form = fields((await client.get(led.headers["location"])).text)
    letter = "text:templates/spring/email.md"
    form[letter] = "---\r\nsubject: 'Spring is here'\r\n---\r\nHello. {{ links.unsubscribe }}\r\n"
    asked = await client.post(led.headers["location"], data={**form, "do": "review"})
    assert asked.status_code == 200, plain(asked.text)
    sure = fields(asked.text)["sure"]
    done = await client.post(led.headers["location"], data={**form, "do": "save", "sure": sure})
    assert done.status_code == 303, plain(done.text)
    assert (folder / "campaigns" / "spring.yaml").is_file()
    assert (folder / "templates" / "spring" / "email.md").read_text().startswith("---\nsubject")
    async with store.read() as connection:
        assert set(await connection.scalars(select(_CAMPAIGNS.c.name))) == {"winback", "spring"}


async def test_agents_write_nothing(visit: Visit) -> None:
    client = await visit(Role.AGENT)
    assert (await client.get(HERE)).status_code == 403
    assert (await client.post(HERE, data={"do": "save"})).status_code == 403
    assert (await client.post(f"{HERE}/preview")).status_code == 403
    assert (await client.post("/desk/campaigns/winback/test", data={"to": "a@example.org"})).status_code == 403
    assert "/edit" not in (await client.get("/desk/campaigns/winback")).text


async def test_nothing_outside_of_the_campaigns_is_written(visit: Visit, folder: Path) -> None:
    client = await visit(Role.ADMIN)
    form = await opened(client)
    for path in ("otklik.yaml", "campaigns/../../x.yaml", "templates/../x/email.md", "/etc/hosts", "templates/a/.x"):
        got = await client.post(HERE, data={**form, f"text:{path}": "x", f"base:{path}": "", "do": "check"})
        assert got.status_code == 422, path
    (folder / "templates" / "out").symlink_to(folder.parent)
    with pytest.raises(Exception, match="no file that is edited here"):
        Folder(folder).write([Draft("templates/out/email.md", "x", "")])


def test_files_are_written_whole_or_not_at_all(folder: Path) -> None:
    place = Folder(folder)
    one, other = (place.read(f"templates/winback/{name}") for name in ("sms.txt", "telegram.txt"))
    (folder / other.path).write_bytes(b"theirs\r\n")
    drafts = [Draft(one.path, "mine\n", one.mark), Draft(other.path, "mine\n", other.mark)]
    with pytest.raises(Overtaken) as caught:
        place.write(drafts)
    assert [there.text for there in caught.value.theirs] == ["theirs\n"]
    assert (folder / one.path).read_text() == one.text
    before = place.write([drafts[0], Draft(other.path, "mine\n", mark_of("theirs\n"))])
    assert (folder / other.path).read_bytes() == b"mine\r\n", "lines end as they did"
    place.put_back(before)
    assert (folder / one.path).read_text() == one.text
    assert [path.name for path in (folder / one.path).parent.iterdir() if path.name.startswith(".")] == []
    with place.locked(), pytest.raises(BlockingIOError), place.locked():
        pass
