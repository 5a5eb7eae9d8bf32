"""The result of an experiment as the API tells it."""

from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import update

from campaigns.api.experimenting import experiment_out
from campaigns.definition import CampaignBody, CampaignDefinition, Experiment
from campaigns.experiments.arms import HOLDOUT, Arm
from campaigns.live import WORKSPACE
from storage.outbox.columns import table
from storage.tables import Enrolment, Setting
from tests.bot.scene import DAY, Scene, body
from tests.campaigns.api.conftest import Api
from tests.campaigns.experiments.test_results import TWO, conclude, money
from tests.campaigns.starts.place import CONFIG
from tests.conftest import NOW


def told(*arms: Arm, experiment: Experiment = TWO, **more: Any) -> Any:
    return orjson.loads(orjson.dumps(experiment_out(conclude(experiment, *arms, **more))))


def test_shares_with_their_intervals_and_the_winner() -> None:
    found = told(Arm("plain", 1000, 100), Arm("warm", 1000, 200))
    assert (found["verdict"], found["winner"]) == ("winner", {"name": "warm", "held_out": False})
    assert found["p"] < 0.001
    plain = found["arms"][0]
    assert (plain["name"], plain["entered"], plain["reached"], plain["estimate"]) == ("plain", 1000, 100, 0.1)
    assert 0.08 < plain["low"] < 0.1 < plain["high"] < 0.121
    assert (found["lifts"], found["currency"], found["confidence"]) == ([], "", 0.95)


def test_the_lift_against_those_held_out() -> None:
    held = Experiment(variants={"plain": 1}, holdout=Decimal("0.1"), metric="goal")
    found = told(Arm("plain", 900, 180), Arm(HOLDOUT, 100, 10), experiment=held)
    assert [(one["name"], one["held_out"]) for one in found["arms"]] == [("plain", False), ("", True)]
    (lift,) = found["lifts"]
    assert (lift["arm"], lift["estimate"], lift["relative"]) == ("plain", 0.1, 1.0)
    assert lift["brought"]["estimate"] == 90.0
    assert lift["low"] < 0.1 < lift["high"]


def test_amounts_are_text_and_what_nobody_knows_is_null() -> None:
    earns = Experiment(variants={"plain": 1, "warm": 1}, holdout=Decimal("0.1"), metric="revenue")
    found = told(money("plain", 400, 12.5), Arm("warm", 0), money(HOLDOUT, 400, 10.0), experiment=earns)
    plain, warm, _ = found["arms"]
    assert (plain["estimate"], found["currency"]) == ("12.50", "GBP")
    assert (warm["estimate"], warm["low"], warm["high"]) == ("0.00", None, None)
    (lift,) = found["lifts"]
    assert (lift["estimate"], lift["relative"], lift["brought"]["estimate"]) == ("2.50", 0.25, "1000.00")


async def test_it_stands_in_the_report(api: Api, scene: Scene) -> None:
    plain = body()
    definition = CampaignDefinition(**{**dict(plain.definition), "experiment": TWO})
    campaign = await scene.campaign(CampaignBody(definition=definition, templates={}))
    other = await scene.campaign(body("other"))
    async with scene.store.session() as session:
        session.add(Setting(name=WORKSPACE, value=CONFIG.model_dump(mode="json"), updated_at=NOW))
    for variant in ("plain", "warm", "warm"):
        journey = await scene.enrol(await scene.person(), campaign, entered_at=NOW - DAY)
        async with scene.store.write() as connection:
            enrolments = table(Enrolment)
            await connection.execute(update(enrolments).where(enrolments.c.id == journey).values(variant=variant))
    await scene.enrol(await scene.person(), other)
    _, report = await api.json("GET", "/v1/campaigns/winback/report")
    arms = [(one["name"], one["entered"], one["reached"]) for one in report["experiment"]["arms"]]
    assert arms == [("plain", 1, 0), ("warm", 2, 0)]
    assert report["experiment"]["verdict"] == "early"
    assert (await api.json("GET", "/v1/campaigns/other/report"))[1]["experiment"] is None
