"""What campaigns make of flows: their first words as templates, what check says of them, and the example shop."""

from pathlib import Path

import pytest

from bot.flows.builtin import built_in
from bot.flows.live import flow_hash
from bot.flows.opening import opening_of
from campaigns.definition import SendStep
from campaigns.rehearsal import read_cases, rehearse
from core.reading.problems import Problems, WorkspaceInvalid
from otklik.workspace import load_whole
from tests.bot.flows.flow_files import body

ROOT = Path(__file__).parents[3]
SHOP = "brand: {name: Paper Boat, postal_address: 1 Quay}\nzone: UTC\nlocale: en\ncurrency: EUR\n"
CAMPAIGN = "campaign: survey\nstart: {event: order}\nsteps:\n  - flow: taste\n"
TASTE = "flow: taste\nsteps:\n  - ask: taste\n    say: {en: What do you read?, ru: Что вы читаете?}\n"


def told(folder: Path, campaign: str = CAMPAIGN, flow: str = TASTE) -> list[str]:
    """What check says of a shop with this campaign and this flow."""
    for name, text in {"otklik.yaml": SHOP, "campaigns/survey.yaml": campaign, "flows/taste.yaml": flow}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    try:
        load_whole(folder)
    except WorkspaceInvalid as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_score_has_buttons_where_they_are_buttons_and_none_where_they_would_be_numbers() -> None:
    flow = built_in("nps")
    assert flow is not None
    made = opening_of(flow)
    assert {file.partition(".")[0] for file in made.texts} == {"message", "telegram", "webchat", "email"}
    assert '"value": "nps/score/10"' in made.texts["telegram.fa.md"]
    assert "buttons" not in made.texts["message.en.md"]
    assert "subject" not in made.texts["telegram.md"]


def test_choices_are_buttons_everywhere(tmp_path: Path) -> None:
    flow = body(
        tmp_path, "flow: x\nsteps:\n  - ask: a\n    say: Which?\n    choices: {one: {en: One}, two: {en: Two}}\n"
    )
    assert list(opening_of(flow).texts) == ["message.md"]
    assert '[{"label": "One", "value": "x/a/one"}' in opening_of(flow).texts["message.md"]


def test_a_question_for_a_number_of_theirs_has_telegram_s_own_button(tmp_path: Path) -> None:
    flow = body(tmp_path, "flow: x\nsteps:\n  - ask: a\n    type: phone\n    say: {en: Your number?}\n")
    made = opening_of(flow).texts
    assert '"asks": "phone"' in made["telegram.en.md"]
    assert "asks" not in made["message.en.md"]


def test_a_campaign_is_pinned_to_the_flow_as_it_was_read(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    whole = load_whole(tmp_path)
    (step,) = whole.workspace.campaigns["survey"].definition.steps
    assert isinstance(step, SendStep)
    assert step.flow is not None
    assert step.flow.version == flow_hash(whole.flows.bodies["taste"])
    assert step.main.among == ("email", "sms", "telegram", "webchat")
    assert "@taste/message.ru.md" in whole.workspace.campaigns["survey"].templates


@pytest.mark.parametrize(
    ("campaign", "flow", "message"),
    [
        (CAMPAIGN.replace("taste", "tsate"), TASTE, "there is no flow 'tsate'; did you mean 'taste'?"),
        (CAMPAIGN.replace("taste", "npc"), TASTE, "there is no flow 'npc'; did you mean 'nps'?"),
        (
            CAMPAIGN,
            "flow: taste\nsteps:\n  - tag: x\n  - say: Hello\n",
            "campaigns/survey.yaml:4: flow 'taste' begins with 'set', which says nothing",
        ),
        (CAMPAIGN, TASTE.replace("  - ask", "  - when: {tag: vip}\n    ask"), "says its first words only to some"),
        (CAMPAIGN + "    of: [whatsapp]\n", TASTE, "what flow 'taste' says first: outside 24 hours WhatsApp takes"),
        (CAMPAIGN + "    template: none\n", TASTE, "templates/@taste+none has no text"),
        (CAMPAIGN + "    until: [flwo]\n", TASTE, "'flwo' is no answer; did you mean 'flow'?"),
        (CAMPAIGN + "    task: call\n", TASTE, "a step does one thing"),
        (
            CAMPAIGN.replace("flow: taste", "send: sms\n    template: x\n    until: [flow]"),
            TASTE,
            "'flow' is no answer",
        ),
    ],
)
def test_what_cannot_be_started_is_told_where_it_is_started(
    tmp_path: Path, campaign: str, flow: str, message: str
) -> None:
    assert any(message in line for line in told(tmp_path, campaign, flow)), told(tmp_path, campaign, flow)


async def test_the_example_shop_is_in_order_and_its_tests_pass() -> None:
    whole, problems = load_whole(ROOT / "examples" / "survey"), Problems()
    assert whole.warnings == ()
    workspace = whole.workspace
    cases = {
        name: read_cases(node, workspace.files[name], workspace.campaigns[name].definition, problems)
        for name, node in workspace.tests.items()
    }
    assert not problems
    verdicts = [verdict async for verdict in rehearse(workspace, cases)]
    assert [verdict.case.name for verdict in verdicts if not verdict.passed] == []
    assert len(verdicts) == 4
