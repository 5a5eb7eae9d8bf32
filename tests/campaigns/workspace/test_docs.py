"""The examples of docs/campaigns.md are read without a problem, and every key of the schema is in that page."""

import re
from pathlib import Path

import pytest

from campaigns.schema import schema_of
from campaigns.workspace.campaign import read_campaign
from campaigns.workspace.config import read_config
from campaigns.workspace.offers import read_offers
from core.messages import CHANNELS
from core.reading.problems import Problems
from core.reading.yaml import read_yaml

PAGE = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example(block: str) -> None:
    problems = Problems()
    if block.startswith("# offers.yaml"):
        assert read_offers(read_yaml(block, "offers.yaml"), "offers.yaml", problems)
    elif block.startswith("# otklik.yaml"):
        assert read_config(read_yaml(block, "otklik.yaml"), "otklik.yaml", problems, CHANNELS)
    else:
        for key, line in (("campaign", "campaign: x"), ("audience", "audience: everyone"), ("template", "template: x"),
                          ("steps", "steps: [{send: email}]")):  # fmt: skip
            if not re.search(rf"^{key}:", block, re.MULTILINE):
                block += line + "\n"
        read = read_campaign(read_yaml(block, "x.yaml"), "x.yaml", problems, CHANNELS)
        assert read is not None
        assert read.definition is not None or problems
    assert problems.found == ()


@pytest.mark.parametrize("part", ["campaign", "workspace", "offers"])
def test_every_key_is_explained(part: str) -> None:
    schema = schema_of(part)
    keys = schema["properties"] if "properties" in schema else schema["additionalProperties"]["properties"]
    missing = [key for key in keys if not re.search(rf"\b{key}\b", PAGE)]
    assert missing == []
