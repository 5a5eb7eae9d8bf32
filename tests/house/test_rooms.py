"""The rooms: imports run downwards, and the contract says so."""

import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT


def _lint_imports(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", str(config), "--no-cache"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def test_import_contracts_hold() -> None:
    told = _lint_imports(ROOT, ROOT / "pyproject.toml")
    assert told.returncode == 0, told.stdout


def test_a_breach_of_a_contract_is_seen(tmp_path: Path) -> None:
    """The same contracts over rooms in which ``core`` looks upwards and ``channels`` asks ``storage``."""
    for room in ("otklik", "desk", "bot", "campaigns", "channels", "storage", "core", "sandbox"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("")
    (tmp_path / "core" / "words.py").write_text("import campaigns\n")
    (tmp_path / "channels" / "sender.py").write_text("import storage\n")
    (tmp_path / "sandbox" / "server.py").write_text("import core\n")
    told = _lint_imports(tmp_path, ROOT / "pyproject.toml")
    assert told.returncode != 0
    assert "core is not allowed to import campaigns" in told.stdout
    assert "channels is not allowed to import storage" in told.stdout
    assert "sandbox is not allowed to import core" in told.stdout
