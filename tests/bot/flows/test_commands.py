"""The commands: check with its tests, chat, the schema; and the flow that every new workspace gets."""

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from bot.flows.reading import read_flow
from bot.flows.schema import flow_schema
from core.reading.problems import Problems
from core.reading.yaml import read_yaml
from otklik.cli import app
from tests.bot.flows.test_engine import ORDER

PAGE = Path(__file__).parents[3] / "docs" / "flows.md"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(str(files("otklik") / "starter"), folder)
    return folder


def _run(*words: object, typed: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], input=typed)
    return result.exit_code, result.output


def test_the_starter_is_in_order_and_its_tests_pass(shop: Path) -> None:
    code, said = _run("check", shop, "--tests")
    assert code == 0, said
    assert "1 flow" in said
    assert re.search(r"\d+ tests passed", said)
    assert "warning" not in said


def test_a_failing_test_is_told_with_its_line(shop: Path) -> None:
    path = shop / "flows" / "support.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("- bot: colleague", "- bot: robot"), encoding="utf-8")
    code, said = _run("check", shop, "--tests")
    assert code == 1
    assert "FAIL  support: somebody wants a person" in said
    assert re.search(r"flows/support.yaml:\d+: expected the bot to say 'robot', it says 'A colleague", said)


def test_problems_of_flows_and_campaigns_are_told_together(shop: Path) -> None:
    (shop / "flows" / "broken.yaml").write_text("flow: broken\nsteps: [{start: winbak}]", encoding="utf-8")
    campaign = shop / "campaigns" / "winback.yaml"
    campaign.write_text(campaign.read_text(encoding="utf-8") + "\npriority: high\n", encoding="utf-8")
    code, said = _run("check", shop)
    assert code == 1
    assert "campaigns/winback.yaml" in said
    campaign.write_text(campaign.read_text(encoding="utf-8").replace("priority: high", ""), encoding="utf-8")
    code, said = _run("check", shop)
    assert "flows/broken.yaml:2: there is no campaign 'winbak'; did you mean 'winback'?" in said


def test_talking_in_the_terminal(shop: Path) -> None:
    code, said = _run("chat", "support", shop, "--channel", "sms", "--locale", "ru", typed="3\n/wait 1h\nГде вы?\n")
    assert code == 0, said
    assert "1. Заказ\n2. Возврат\n3. Другое" in said
    assert "waits for a person in queue shop, priority normal: other: Где вы?" in said
    assert said.rstrip().endswith("the flow is over: handed over")


def test_talking_by_a_script(shop: Path, tmp_path: Path) -> None:
    script = tmp_path / "said.txt"
    script.write_text("order\n/wait 2d\n", encoding="utf-8")
    code, said = _run("chat", "support", shop, "--script", script)
    assert code == 0, said
    assert "> order" in said
    assert said.rstrip().endswith("the flow is over: silent")


@pytest.mark.parametrize(("words", "said"), [
    (("suport",), "did you mean 'support'"), (("support", "--channel", "smoke"), "is not a channel"),
])  # fmt: skip
def test_what_there_is_not(shop: Path, words: tuple[str, ...], said: str) -> None:
    code, told = _run("chat", words[0], shop, *words[1:])
    assert code != 0
    assert said in " ".join(told.split())


def _valid(data: Any) -> bool:
    return jsonschema.Draft202012Validator(flow_schema()).is_valid(data)


def test_the_schema_says_what_the_reader_says(shop: Path) -> None:
    code, printed = _run("schema", "flow")
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))
    for text in ((shop / "flows" / "support.yaml").read_text(encoding="utf-8"), f"flow: x\n{ORDER}"):
        node = read_yaml(text, "x")
        assert node is not None
        assert _valid(node.plain())
    for wrong in ({"steps": [{"say": "a"}]}, {"flow": "x", "steps": []}, {"flow": "x", "steps": [{"ask": "a"}]},
                  {"flow": "x", "steps": [{"say": "a", "handoff": "b"}]}, {"flow": "x", "steps": [{"end": "yes"}]},
                  {"flow": "x", "steps": [{"say": "a", "when": {"city": "Riga"}}]}):  # fmt: skip
        assert not _valid(wrong), wrong


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
def test_an_example_of_the_docs(block: str) -> None:
    problems = Problems()
    if block.startswith("- "):
        block = "steps:\n" + "".join(f"  {line}\n" for line in block.splitlines())
    if "steps:" not in block:
        block += "steps: [{say: Hello}]\n"
    if not block.startswith(("flow:", "# flows/")):
        block = f"flow: x\n{block}"
    node = read_yaml(block, "x.yaml")
    assert node is not None
    read = read_flow(node, "x.yaml", problems)
    assert problems.found == ()
    assert read is not None
    assert _valid(node.plain())


def test_every_key_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    schema = flow_schema()
    keys = {*schema["properties"], *schema["properties"]["on"]["properties"]}
    for kind in schema["$defs"]["step"]["oneOf"]:
        keys |= set(kind["properties"])
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", page)] == []
