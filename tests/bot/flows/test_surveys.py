"""The surveys that come with the program: in order, in three languages, and playing their own tests."""

from pathlib import Path

import pytest

from bot.flows.builtin import BUILT_IN, CSAT, NPS, built_in, read_built_in
from bot.flows.carrying import Place
from bot.flows.live import flow_hash
from bot.flows.rehearsing import play, read_cases
from bot.flows.running import begin
from campaigns.definition import Brand, WorkspaceConfig
from core.machines.flow_run import FlowRunState
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP
from core.reading.problems import Problems
from storage.statements import lock_customers
from storage.tables import Conversation, Event, FlowRun
from tests.bot.flows.flow_files import loaded, talk
from tests.bot.flows.test_running import Shop
from tests.bot.scene import Scene

CONFIG = WorkspaceConfig(brand=Brand(name="Paper Boat"))
SURVEYS = Path(__file__).parents[3] / "bot" / "flows" / "surveys"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_survey_is_in_order_as_any_flow_of_a_folder(tmp_path: Path, name: str) -> None:
    flows = loaded(tmp_path, **{name: (SURVEYS / f"{name}.yaml").read_text(encoding="utf-8")})
    assert flows.warnings == ()
    assert flows.bodies[name] == built_in(name)


@pytest.mark.parametrize("name", BUILT_IN)
def test_its_own_tests_pass(name: str) -> None:
    read, problems = read_built_in(name), Problems()
    assert read is not None
    assert read.definition is not None
    assert read.tests is not None
    flow = built_in(name)
    assert flow is not None
    cases = read_cases(read.tests, read.file, read.definition, problems)
    assert problems.found == ()
    assert len(cases) >= 3
    for case in cases:
        assert play(flow, case, CONFIG).differences == ()


@pytest.mark.parametrize(("channel", "shown"), [
    (TELEGRAM, "[ 0 ]  [ 1 ]"), (WEBCHAT, "[ 0 ]  [ 1 ]"), (SMS, "from 0"), (WHATSAPP, "from 0"), (EMAIL, "1. 0"),
])  # fmt: skip
def test_a_score_is_one_tap_where_there_are_buttons_and_one_number_elsewhere(channel: str, shown: str) -> None:
    flow = built_in(NPS)
    assert flow is not None
    chat = talk(flow, channel=channel)
    (asked,) = chat.begin()
    assert shown in asked
    chat.hear("7")
    assert chat.run is not None
    assert chat.run.answers["score"] == 7


async def test_a_survey_begins_without_being_applied_and_its_score_is_a_number(scene: Scene, tmp_path: Path) -> None:
    shop = Shop(scene, tmp_path)
    anna = await scene.person(locale="ru")
    await shop.write(anna.telegram, "спасибо")
    (conversation,) = await scene.all(Conversation, customer_id=anna.id)
    place = Place(anna.id, anna.identities[TELEGRAM], TELEGRAM, conversation.id, conversation.token)
    async with scene.store.write() as connection:
        await lock_customers(connection, [anna.id], shared=False)
        assert await begin(connection, CSAT, place, CONFIG, shop.now)
    assert (await shop.said())[-1].startswith("Насколько вы довольны")
    assert await shop.write(anna.telegram, "5", button="csat/score/5")
    (given,) = await scene.all(Event, customer_id=anna.id)
    assert (given.name, given.properties["score"]) == ("csat_given", 5)
    (run,) = await scene.all(FlowRun)
    flow = built_in(CSAT)
    assert flow is not None
    assert (run.state, run.version) == (FlowRunState.FINISHED, flow_hash(flow))
