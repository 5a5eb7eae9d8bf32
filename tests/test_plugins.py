"""A plugin's life: the wheel and the example are built, installed where nothing else is, and used as by an operator."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.clock import machine_now
from otklik.contract import Http, http_server
from otklik.settings import PREFIX
from tests.faults.polling import until
from tests.house.source import ROOMS, ROOT

pytestmark = pytest.mark.timeout(1200)
EXAMPLE = ROOT / "examples" / "otklik-apprise"
SECONDS = 300
pytest.importorskip("apprise", reason="the example needs it: pip install apprise")

CAMPAIGN = """\
campaign: hello
purpose: marketing
audience: {audience}
start: now
budget: 5 EUR
template: hello
steps:
  - send: apprise
    wait: 1d
"""
PEOPLE = "id,first name,apprise,consent_apprise\n1,Anna,anna,yes\n2,Boris,boris,no\n3,Vera,,yes\n"


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and the example in it, and a folder to work in."""

    python: Path
    wheel: Path
    example: Path
    pager: Path

    def environment(self, folder: Path, **settings: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYTHON"))}
        return kept | {f"{PREFIX}{name}": value for name, value in settings.items()} | {"PWD": str(folder)}

    def run(self, folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *arguments], cwd=folder, env=self.environment(folder, **settings),
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip

    def otklik(self, folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run(folder, "-m", "otklik", *arguments, **settings)


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Ours are installed from wheels; what they need is lent by the environment of these tests, without network."""
    folder = tmp_path_factory.mktemp("plugin")
    source, example, wheels = folder / "source", folder / "otklik-apprise", folder / "wheels"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(EXAMPLE, example, ignore=skip)
    pager = write_pager(folder)
    offline = ("--no-deps", "--no-index")
    _pip("wheel", *offline, "--no-build-isolation", "-w", wheels, source, example, pager)
    venv.create(folder / "empty", with_pip=False)
    python = folder / "empty" / "bin" / "python"
    _pip("--python", python, "install", *offline, *wheels.glob("*.whl"))
    (site,) = (folder / "empty" / "lib").glob("python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = wheels.glob("otklik-[0-9]*.whl")
    return Installed(python, wheel, example, pager)


def write_pager(folder: Path) -> Path:
    """The package that the page on adding a channel leads to, block by block."""
    page = (ROOT / "docs" / "adding-a-channel.md").read_text(encoding="utf-8")
    (project,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    module, test = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    pager = folder / "otklik-pager"
    for name, text in (("pyproject.toml", project), ("otklik_pager.py", module), ("tests/test_channel.py", test)):
        (pager / name).parent.mkdir(parents=True, exist_ok=True)
        (pager / name).write_text(text, encoding="utf-8")
    return pager


def test_the_wheel_holds_the_contract_and_no_tests_of_ours(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {"otklik/plugin.py", "otklik/contract/__init__.py", "otklik/contract_plugin.py"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "examples/", "benchmarks/"))]


@pytest.mark.parametrize("package", ["example", "pager"])
def test_its_own_tests_pass(installed: Installed, package: str) -> None:
    """The example's, and those of the package that the page writes."""
    folder: Path = getattr(installed, package)
    where = installed.run(folder, "-c", "import otklik; print(otklik.__file__)").stdout
    assert where.startswith(str(installed.python.parents[1]))
    done = installed.run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout


def test_help_imports_no_plugin(installed: Installed, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom otklik.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(bool({'otklik_apprise', 'apprise'} & set(sys.modules)))\n"
    )
    done = installed.run(tmp_path, "-c", program, APPRISE_URL="json://127.0.0.1/{address}")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_its_settings_switch_it_on_and_are_named(installed: Installed, tmp_path: Path) -> None:
    told = installed.otklik(tmp_path, "doctor", APPRISE_URL="json://127.0.0.1:9/{address}").stdout
    assert "ok   apprise: " in told, told
    for settings, complaint in (
        ({"APPRISE_RATE": "2"}, "OTKLIK_APPRISE_URL: is missing, though other settings of apprise are there"),
        (
            {"APPRISE_URL": "json://127.0.0.1:9/{address}", "APPRISE_RAET": "2"},
            "apprise.raet: no such setting; did you mean rate",
        ),
        ({"APPRISE_URL": "json://127.0.0.1:9/"}, "apprise.url: write {address}"),
        ({"APPRIZE_URL": "json://127.0.0.1:9/"}, "OTKLIK_APPRIZE_URL: there is no such setting"),
    ):
        done = installed.otklik(tmp_path, "doctor", **settings)
        assert complaint in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def _shop(folder: Path) -> None:
    zone = f"Etc/GMT{machine_now().hour - 12:+d}" if machine_now().hour != 12 else "Etc/GMT"  # noon, whenever it runs
    files = {
        "otklik.yaml": "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n"
        f"zone: {zone}\nlocale: en\ncurrency: EUR\nchannels:\n  apprise: {{price: 0.01}}\n",
        "segments.yaml": "ours:\n  where: {channel: apprise, reachable: true}\n",
        "campaigns/hello.yaml": CAMPAIGN.format(audience="ours"),
        "templates/hello/apprise.txt": "Dear {{ customer.first_name }}, hello!\nTo leave: {{ links.unsubscribe }}\n",
    }
    for name, text in files.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "people.csv").write_text(PEOPLE)


@asynccontextmanager
async def _running(installed: Installed, folder: Path, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """``otklik run``, stopped at the end; what it says is in ``run.log``."""
    log = (folder / "run.log").open("w")
    process = await asyncio.create_subprocess_exec(
        installed.python, "-m", "otklik", "run",
        cwd=folder, env=installed.environment(folder, **settings), stdout=log, stderr=log,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(SECONDS):
            await process.wait()
        log.close()


async def test_a_campaign_sends_on_it(installed: Installed, tmp_path: Path) -> None:
    """Imported addresses and consents, a segment, a price and a budget, a template: as for a channel of ours."""
    _shop(tmp_path)
    async with http_server(Http(200)) as service:
        settings = {"APPRISE_URL": f"json://127.0.0.1:{service.port}/{{address}}", "PORT": "0"}
        for command in (
            ("import", "customers", "people.csv"),
            ("check", "shop"),
            ("apply", "shop"),
        ):
            done = await asyncio.to_thread(installed.otklik, tmp_path, *command, **settings)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        async with _running(installed, tmp_path, **settings) as worker:
            await until(lambda: service.bodies or worker.returncode is not None, "a message at the service")
        assert service.bodies, (tmp_path / "run.log").read_text()[-4000:]
        assert [asked.path for asked in service.asked] == ["/anna"], "one agreed and has an address"
        assert "Dear Anna, hello!" in json.loads(service.bodies[0])["message"]
        done = await asyncio.to_thread(installed.otklik, tmp_path, "why", "2", "hello", **settings)
        assert "apprise" in done.stdout, done.stdout + done.stderr


def test_the_schema_for_editors_knows_it(installed: Installed, tmp_path: Path) -> None:
    done = installed.otklik(tmp_path, "schema", "campaign")
    assert '"apprise"' in done.stdout, done.stdout + done.stderr
