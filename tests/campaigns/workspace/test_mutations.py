"""However a file is broken, the reader says so in words: it never fails, and every problem has its place."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.definition import END, CampaignBody, CampaignDefinition
from campaigns.workspace.campaign import read_campaign
from campaigns.workspace.checking import check_campaign
from campaigns.workspace.config import read_config
from campaigns.workspace.loader import Workspace, load_workspace
from campaigns.workspace.offers import read_offers
from campaigns.workspace.paths import ways_on
from core.messages import CHANNELS
from core.reading.problems import Problems, WorkspaceInvalid
from core.reading.yaml import from_plain, read_yaml

SHOP = Path(__file__).parent / "shop"
FILES = ("campaigns/autumn.yaml", "campaigns/cart.yaml", "otklik.yaml", "offers.yaml")
ODD: tuple[Any, ...] = (
    None, "", "x", "best", "none", "NO NAME", "-3d", "0d", "99999y", "10%", "5000 RUB", "20/day", "@1", "$end",
    "é" * 300, 0, -1, 1, 10**17, 0.5, True, False, [], {}, [[]], [{}], {"": ""}, ["email", "email"], {"event": "x"},
    {"variant": "warm"}, {"when": "vip"}, {"field": "country", "is": "DE"}, {"choose": []}, {"until": {}},
    [{"else": []}], [{"when": "vip", "steps": []}, {"when": "vip", "steps": [{"end": True}]}],
)  # fmt: skip


def _plain(file: str) -> Any:
    node = read_yaml((SHOP / file).read_bytes(), file)
    assert node is not None
    return node.plain()


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in items:
        found += _places(inner, (*path, key))
    return found


def _broken(tree: Any, chance: random.Random) -> Any:
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 2, 4))):
        *way, last = chance.choice(_places(tree))
        parent = tree
        for key in way:
            parent = parent[key]
        match chance.randrange(4):
            case 0:
                parent.pop(last)
            case 1 if isinstance(parent, dict):
                parent[f"{last}x"] = parent.pop(last)
            case 2:
                *other, end = chance.choice(_places(tree))
                source = tree
                for key in other:
                    source = source[key]
                parent[last] = copy.deepcopy(source[end])
            case _:
                parent[last] = copy.deepcopy(chance.choice(ODD))
        if not _places(tree):
            break
    return tree


def _leads_forward(definition: CampaignDefinition) -> None:
    places = {step.id: place for place, step in enumerate(definition.steps)}
    assert len(places) == len(definition.steps)
    for step in definition.steps:
        for way in ways_on(definition, step):
            assert way == END or places[way] > places[step.id], (step.id, way)


def _read(file: str, tree: Any) -> None:
    problems = Problems()
    node = from_plain(tree, line=7)
    if file.startswith("campaigns/"):
        read = read_campaign(node, file, problems, CHANNELS)
        if read is not None and read.definition is not None:
            check_campaign(read.definition, read, None, {}, problems)
            body = CampaignBody(definition=read.definition, templates={})
            assert CampaignBody.model_validate(body.as_json()) == body
            _leads_forward(read.definition)
    elif file == "otklik.yaml":
        config = read_config(node, file, problems, CHANNELS)
        assert config is not None or problems
    else:
        read_offers(node, file, problems)
    for problem in (*problems.found, *problems.warnings):
        assert problem.file == file
        assert 10 < len(problem.message) < 400, problem
        assert "Traceback" not in problem.message
        assert "Node" not in problem.message


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_broken_file_is_read_in_words(file: str, seed: int) -> None:
    _read(file, _broken(_plain(file), random.Random(seed)))


def test_a_whole_file_is_read_without_a_word() -> None:
    problems = Problems()
    read = read_campaign(from_plain(_plain(FILES[0]), line=7), FILES[0], problems, CHANNELS)
    assert read is not None
    assert read.definition is not None
    assert not problems
    assert problems.warnings == ()


def test_the_shop_is_whole() -> None:
    try:
        found = load_workspace(SHOP)
    except WorkspaceInvalid as error:  # pragma: no cover  says what is wrong with the files of the test
        pytest.fail(str(error))
    assert isinstance(found, Workspace)
