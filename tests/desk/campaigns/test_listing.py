"""The list and the calendar of a shop with many campaigns: they are looked for, counted as people count, and folded."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.applying import apply
from core.agents import Role
from core.clock import VirtualClock
from core.naming import mark_of
from desk.campaigns.editing.workbench import Workbench
from desk.campaigns.month import Day, Volume
from storage.store import Store
from storage.tables import Response
from tests.conftest import NOW
from tests.desk.campaigns.conftest import APPLIED, WINBACK, Visit, plain

Running = tuple[Store, VirtualClock]
SPRING = WINBACK.replace("Bring back readers", "Весна для читателей")


@pytest.fixture
async def running(town: Store, folder: Path, bench: Workbench) -> Running:
    """Twelve campaigns in force, before the first start of any."""
    for place in range(1, 12):
        (folder / "campaigns" / f"spring-{place}.yaml").write_text(
            SPRING.replace("campaign: winback", f"campaign: spring-{place}")
        )
    await apply(town, bench.load(folder).workspace, APPLIED, NOW)
    return town, VirtualClock(NOW)


async def test_many_campaigns_are_looked_for_by_words(visit: Visit) -> None:
    client = await visit(Role.AGENT)
    whole = (await client.get("/desk/campaigns")).text
    names = re.findall(r'href="/desk/campaigns/([\w-]+)"', whole)
    assert names == [*(f"spring-{place}" for place in range(1, 12)), "winback"], "two comes before ten"
    assert 'role="search"' in whole
    found = (await client.get("/desk/campaigns", params={"q": "ВЕСНА spring-1"})).text
    assert re.findall(r'href="/desk/campaigns/([\w-]+)"', found) == ["spring-1", "spring-10", "spring-11"]
    part = await client.get("/desk/campaigns", params={"q": "winback"}, headers={"x-desk": "part"})
    assert "spring" not in part.text, "what brings itself up to date keeps what was asked for"
    assert "Show all" in plain((await client.get("/desk/campaigns", params={"q": "{nothing}"})).text)


async def test_a_full_day_is_folded(visit: Visit) -> None:
    client = await visit(Role.AGENT)
    page = (await client.get("/desk/calendar", params={"month": "2027-01"})).text
    day = next(cell for cell in page.split("<td") if "spring-11" in cell)
    before, _, folded = day.partition("<details>")
    assert before.count('class="start"') == 4
    assert folded.count('class="start"') == 7
    assert "7 more" in plain(folded)


def test_who_says_the_most_that_day_comes_first() -> None:
    day = Day(
        [Volume("b", "sms", left=1), Volume("a", "sms", planned=1), Volume("c", "sms", 1), Volume("c", "email", 1)]
    )
    assert [name for name, _ in day.campaigns] == ["c", "a", "b"]


async def test_who_has_no_name_answers_by_a_mark(running: Running, visit: Visit) -> None:
    from sqlalchemy import select, update

    from core.ids import new_id
    from storage.outbox.columns import table
    from storage.tables import Campaign, Customer

    store, clock = running
    customers = table(Customer)
    async with store.write() as connection:
        who = (await connection.execute(select(customers.c.id).order_by(customers.c.id))).scalars().first()
        campaign = await connection.scalar(select(table(Campaign).c.id).where(table(Campaign).c.name == "winback"))
        await connection.execute(update(customers).where(customers.c.id == who).values(first_name="", last_name=""))
        at = clock.now() - timedelta(hours=1)
        values = {"id": new_id(), "customer_id": who, "campaign_id": campaign, "kind": "reply", "at": at, "key": "1"}
        await connection.execute(table(Response).insert().values(**values, channel="sms"))
    assert who is not None
    page = (await (await visit(Role.AGENT)).get("/desk/campaigns/winback")).text
    assert f"Customer {mark_of(who)}" in plain(page)
    assert f'href="/desk/customers/{who}"' in page
