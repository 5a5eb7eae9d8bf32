"""A shop whose campaigns have run for weeks, and a desk before it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from campaigns.applying import apply
from campaigns.composing.links import Addresses
from campaigns.simulation.behaviour import Behaviour
from campaigns.simulation.playing import Play
from core.actors import SYSTEM, Actor
from core.agents import Role
from core.clock import VirtualClock, machine_now
from core.wakeup import LocalWakeup
from desk.access import sessions
from desk.access.agents import add_agent
from desk.application import desk_application
from desk.campaigns.editing.workbench import Workbench
from desk.guard import COOKIE
from desk.live.feed import Feed
from otklik.workspace import load_whole
from storage.store import Store
from tests.campaigns.forecast.conftest import Shop, folder, shop, town  # noqa: F401  fixtures
from tests.conftest import NOW

WINBACK = """
campaign: winback
description: Bring back readers who have not ordered for a year
audience: dormant
start: {cron: "0 10 1 * *", zone: customer}
reentry: after 1mo
goal: {event: order, within: 30d}
template: winback
experiment: {variants: {plain: 1, warm: 1}, holdout: 20%, metric: reply}
budget: {amount: 40 GBP}
steps:
  - send: email
    id: letter
    wait: 3d
  - branch:
      - when: {field: attributes.vip, is: true}
        steps: [{task: call}]
      - when: {variant: warm}
        steps:
          - send: telegram
            id: last-call
            otherwise: sms
            wait: 2d
      - else:
          - send: whatsapp
            id: nudge
            wait: 2d
    id: who
"""
Visit = Callable[..., Awaitable[httpx.AsyncClient]]
APPLIED = Actor("operator", "ann")


@pytest.fixture
async def running(town: Store, shop: Shop) -> tuple[Store, VirtualClock]:  # noqa: F811
    """A store in which the campaign went through its first wave and stands in its second."""
    await apply(town, shop(WINBACK), APPLIED, NOW)
    clock = VirtualClock(NOW)
    await Play(town, clock, Behaviour()).run(NOW + timedelta(days=62, hours=-1))
    return town, clock


@pytest.fixture
def bench(store_url: str, folder: Path) -> Workbench:  # noqa: F811
    """The shop's folder, as the desk edits it."""
    return Workbench(folder, load_whole, store_url, Addresses("http://desk.example.com", "s" * 40))


@pytest.fixture
async def visit(
    running: tuple[Store, VirtualClock],
    bench: Workbench,
) -> AsyncIterator[Visit]:
    """Signs somebody in: ``await visit(Role.MARKETER, locale="fa")`` gives a client of the desk."""
    store, clock = running
    wakeup = LocalWakeup()
    application = desk_application(
        store, clock, wakeup, Feed(store, wakeup), secret="s" * 40, public_url="http://desk.example.com", bench=bench
    )
    mounted = Starlette(routes=[Mount("/desk", application)])
    opened: list[httpx.AsyncClient] = []

    async def enter(role: Role, locale: str = "en", email: str = "ann@example.com") -> httpx.AsyncClient:
        async with store.write() as connection:
            id_ = await add_agent(
                connection, email, "Ann Stone", actor=SYSTEM, now=machine_now(), locale=locale, role=role
            )
            token = await sessions.open_session(connection, id_, "a test", machine_now())
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(mounted), base_url="http://desk.example.com", cookies={COOKIE: token},
            headers={"sec-fetch-site": "same-origin"},
        )  # fmt: skip
        opened.append(client)
        return client

    yield enter
    for client in opened:
        await client.aclose()


def plain(html: str) -> str:
    """What a page says, without its tags and its spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
