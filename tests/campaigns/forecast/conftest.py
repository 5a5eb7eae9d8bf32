"""A town on each database, and workspaces beside it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.workspace.loader import Workspace, load_workspace
from storage.store import Store
from tests.campaigns.forecast.town import settle

EXAMPLE = Path(__file__).parents[3] / "examples" / "winback"
Shop = Callable[..., Workspace]


@pytest.fixture
async def town(store: Store) -> Store:
    """A store with 120 customers."""
    await settle(store)
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example workspace."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))


@pytest.fixture
def shop(folder: Path) -> Shop:
    """The example workspace with ``settings`` more in otklik.yaml and one ``campaign`` in place of its own."""

    def write(campaign: str = "", settings: str = "") -> Workspace:
        if campaign:
            shutil.rmtree(folder / "campaigns")
            (folder / "campaigns").mkdir()
            (folder / "campaigns" / "one.yaml").write_text(campaign)
        config = (EXAMPLE / "otklik.yaml").read_text()
        (folder / "otklik.yaml").write_text(f"{config}\n{settings}\n")
        return load_workspace(folder)

    return write
