"""A flow asks for an address and lets it be proven: by the code that goes there, said where the flow talks."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot.flows.live import flow_hash
from core.messages import EMAIL, TELEGRAM, WEBCHAT
from storage.tables import Customer, FlowRun, Identity
from tests.bot.flows.campaign_stage import CampaignShop
from tests.bot.flows.flow_files import body, problems
from tests.bot.scene import Scene

CAMPAIGN = "campaign: survey\nstart: {event: order}\nsteps:\n  - flow: join\n"
JOIN = """
flow: join
steps:
  - ask: address
    type: email
    prove: true
    say: Where do we write to?
    not_understood: later
  - say: "We write to {{ answers.address }}."
    then: end
  - id: later
    say: "Another time{% if answers.address %}, {{ answers.address }}{% endif %}."
"""


@pytest.fixture
async def shop(scene: Scene, tmp_path: Path) -> CampaignShop:
    shop = CampaignShop(scene, tmp_path)
    await shop.apply(CAMPAIGN, join=JOIN)
    return shop


async def begun(shop: CampaignShop, channel: str) -> None:
    await shop.happens(await shop.person(channel))
    assert await shop.settle() == ["Where do we write to?"]


def code(shop: CampaignShop) -> str:
    letter = next(one for one in reversed(shop.got) if one.to.channel == EMAIL)
    return str(re.findall(r"\d{6}", letter.text)[0])


@pytest.mark.parametrize("channel", [TELEGRAM, WEBCHAT])
async def test_the_flow_goes_on_when_the_code_has_been_said(shop: CampaignShop, channel: str) -> None:
    await begun(shop, channel)
    await shop.write(channel, "vera@example.org")
    (run,) = await shop.rows(FlowRun)
    assert run.closed_at is None
    wrong = f"{(int(code(shop)) + 1) % 1_000_000:06d}"
    assert "vera" not in " ".join(await shop.write(channel, wrong))
    assert "We write to vera@example.org." in await shop.write(channel, code(shop))
    found = {row.address: row.verified for row in await shop.rows(Identity)}
    assert found["vera@example.org"] is True


async def test_an_address_that_the_shop_knows_makes_two_customers_one(shop: CampaignShop) -> None:
    await shop.scene.person()  # known as person1@example.org
    await begun(shop, TELEGRAM)
    await shop.write(TELEGRAM, "person1@example.org")
    assert "We write to person1@example.org." in await shop.write(TELEGRAM, code(shop))
    assert len(await shop.rows(Customer)) == 1


async def test_another_address_may_be_given_while_the_code_is_waited_for(shop: CampaignShop) -> None:
    await begun(shop, TELEGRAM)
    await shop.write(TELEGRAM, "wrogn@example.org")
    await shop.write(TELEGRAM, "vera@example.org")
    assert "We write to vera@example.org." in await shop.write(TELEGRAM, code(shop))


async def test_without_the_code_there_is_no_answer(shop: CampaignShop) -> None:
    await begun(shop, TELEGRAM)
    await shop.write(TELEGRAM, "vera@example.org")
    assert await shop.wait(timedelta(minutes=12)) == ["Another time."]
    (run,) = await shop.rows(FlowRun)
    assert run.answers == {}


def test_only_addresses_can_be_proven(tmp_path: Path) -> None:
    broken = JOIN.replace("type: email", "type: text")
    assert any("a code goes to an address" in one.message for one in problems(tmp_path, join=broken))


def test_flows_without_a_proof_keep_their_version(tmp_path: Path) -> None:
    made = body(tmp_path, "flow: x\nsteps:\n  - ask: a\n    say: Well?\n")
    assert "prove" not in str(made.as_json())
    assert flow_hash(made) == flow_hash(type(made).model_validate(made.as_json()))
