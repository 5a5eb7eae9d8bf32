"""``otklik simulate``: figures for people and programs, a report in one file, one path, mistakes in words."""

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otklik.cli import app

FROM = ["--from", "2026-12-01T10:00", "--days", "8", "--customers", "60"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(str(files("otklik") / "starter"), tmp_path / "shop")
    return tmp_path / "shop"


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *arguments])
    return result.exit_code, result.output


def test_figures_for_programs_and_a_report_without_outside_assets(shop: Path) -> None:
    for lang, direction in (("en", "ltr"), ("ru", "ltr"), ("fa", "rtl")):
        code, said = _run("--folder", str(shop), *FROM, "--html", f"{lang}.html", "--lang", lang)
        assert code == 0, said
        page = Path(f"{lang}.html").read_text(encoding="utf-8")
        assert f'dir="{direction}"' in page
        assert "<svg" in page
        assert not re.search(r"<script|<link|src=|https?://", page)
    result = CliRunner().invoke(app, ["simulate", "winback", "--folder", str(shop), *FROM, "--json"])
    found = json.loads(result.stdout)
    assert [one["name"] for one in found["campaigns"]] == ["winback"]
    assert found["campaigns"][0]["entered"] > 10
    assert found["begins"].startswith("2026-12-01T10:00")


def test_one_customers_whole_path(shop: Path) -> None:
    code, said = _run("--folder", str(shop), *FROM, "--json")
    assert code == 0, said
    stories = [_run("--folder", str(shop), *FROM, "--repro", f"sim-{number:06}")[1] for number in range(4)]
    assert any("entered the campaign" in story for story in stories)
    assert any("entered none" in story for story in stories)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["autumn"], "there is no campaign 'autumn'"),
        (["--from", "soon"], "is not an instant"),
        (["--behaviour", "nowhere.yaml"], "cannot be read"),
        (["--html", "no/such/folder.html"], "cannot write"),
    ],
)
def test_a_mistake_is_told_in_words(shop: Path, more: list[str], told: str) -> None:
    code, said = _run("--folder", str(shop), *FROM, *more)
    assert code == 1
    assert told in said
    assert "Traceback" not in said
