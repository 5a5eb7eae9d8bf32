"""A test that is asked for on the desk of a running service arrives by its provider, and its page says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from campaigns.applying import apply
from campaigns.workspace.loader import load_workspace
from core.actors import SYSTEM
from core.agents import Role
from core.clock import machine_now
from core.purposes import Purpose
from desk.access import sessions
from desk.access.agents import add_agent
from desk.guard import COOKIE
from storage import migrate
from storage.store import Store
from storage.tables import Enrolment, Message
from tests.channels.webchat.stage import Stage, set_stage
from tests.desk.campaigns.conftest import APPLIED, plain

CAMPAIGN = """
campaign: hello
purpose: transactional
start: {event: order}
steps: [{send: webchat, template: hello}]
"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    shop = tmp_path / "shop"
    for file, text in (
        ("otklik.yaml", "brand: {name: Lantern Books}\n"), ("campaigns/hello.yaml", CAMPAIGN),
        ("templates/hello/webchat.txt", "Your parcel is here, {{ customer.first_name }}.\n"),
    ):  # fmt: skip
        (shop / file).parent.mkdir(parents=True, exist_ok=True)
        (shop / file).write_text(text)
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        await apply(store, load_workspace(shop), APPLIED, machine_now())
        async with set_stage(store, tmp_path) as stage:
            yield stage


async def test_it_arrives_and_the_page_says_so(stage: Stage) -> None:
    async with stage.store.write() as connection:
        id_ = await add_agent(
            connection, "ann@example.com", "Ann Stone", actor=SYSTEM, now=machine_now(), role=Role.MARKETER
        )
        token = await sessions.open_session(connection, id_, "a test", machine_now())
    headers = {"sec-fetch-site": "same-origin"}
    async with (
        stage.window() as window,
        httpx.AsyncClient(base_url=stage.url, cookies={COOKIE: token}, headers=headers, timeout=30) as client,
    ):
        await window.say("I am the marketer's own window", "key-0001")
        mine = await stage.customer()
        sent = await client.post("/desk/campaigns/hello/test", data={"to": f"webchat:{mine.address}"})
        assert sent.status_code == 303, plain(sent.text)
        said = ""
        while not said.startswith("[test]"):
            said = (await window.hear("line"))["line"]["text"]
        assert said == "[test] Your parcel is here, Emma."

        async def arrived() -> bool:
            return "on its way" not in plain((await client.get(sent.headers["location"])).text)

        await stage.until(arrived)
        rows = [row for row in await stage.rows(Message) if row.purpose is Purpose.STAFF]
        assert [(row.campaign_id, row.enrolment_id) for row in rows] == [(None, None)]
        assert await stage.rows(Enrolment) == []
