"""Flows that come with the program: a workspace has them without a file, and a file of the same name goes first."""

from functools import lru_cache
from importlib.resources import files

from bot.flows.definition import FlowBody
from bot.flows.reading import ReadFlow, read_flow
from core.reading.problems import Problems
from core.reading.yaml import read_yaml

NPS, CSAT = "nps", "csat"
BUILT_IN = (NPS, CSAT)


@lru_cache(maxsize=len(BUILT_IN))
def built_in(name: str) -> FlowBody | None:
    """The flow of that name, or None where none comes with the program."""
    read = read_built_in(name) if name in BUILT_IN else None
    return FlowBody(definition=read.definition) if read is not None and read.definition is not None else None


def read_built_in(name: str) -> ReadFlow | None:
    """The file as it was read, its tests too.

    Raises:
        WorkspaceInvalid: if it is broken.
    """
    file = f"{name}.yaml"
    problems = Problems()
    text = (files("bot.flows") / "surveys" / file).read_bytes()
    read = read_flow(read_yaml(text, file), file, problems)
    problems.raise_if_any()
    return read
