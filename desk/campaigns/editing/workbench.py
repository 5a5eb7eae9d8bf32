"""What the program gives to those who write campaigns on the desk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.flows.loading import Flows
from campaigns.composing.links import Addresses
from campaigns.workspace.loader import Workspace
from core.reading.problems import Problem


class Loaded(Protocol):
    """A whole folder, without a problem."""

    @property
    def workspace(self) -> Workspace:
        """What campaigns are made of."""

    @property
    def flows(self) -> Flows:
        """The bot's part."""

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is likely not meant."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """``folder`` is the workspace's on this machine; ``load`` reads a folder as ``otklik check`` does.

    ``database_url`` is where a forecast reads the customers; ``addresses`` is how messages of a preview or a test
    lead back to us. ``unserved`` are countries by channel that its provider does not reach.
    """

    folder: Path
    load: Callable[[Path], Loaded]
    database_url: str
    addresses: Addresses = field(repr=False)
    bot_id: str = ""
    unserved: Mapping[str, frozenset[str]] = field(default_factory=dict)
