"""The example workspace, copied so that a test may break it."""

import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "winback"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of ``examples/winback``."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))
