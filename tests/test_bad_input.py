"""What users get wrong: one clear message, exit code 1, nothing half-applied, never a traceback."""

import logging
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

import storage.store

SHOP = Path(__file__).parents[1] / "examples" / "winback"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    said: str


class Desk:
    """A folder with a copy of the example workspace, and otklik at hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.shop = folder / "shop"
        shutil.copytree(SHOP, self.shop)
        monkeypatch.chdir(folder)
        self._database = {"OTKLIK_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3", "COLUMNS": "200"}

    def otklik(self, *arguments: str, **settings: str) -> Done:
        from otklik.cli import app

        done = CliRunner().invoke(app, list(arguments), env={**self._database, **settings})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise AssertionError("a traceback for a user's mistake") from done.exception
        return Done(done.exit_code, done.output)

    def fails(self, *arguments: str, **settings: str) -> str:
        """Run what must fail in words; gives the words."""
        done = self.otklik(*arguments, **settings)
        assert done.returncode == 1, done.said
        assert "Traceback" not in done.said
        return done.said

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.shop / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    handlers = list(logging.root.handlers)
    yield Desk(tmp_path, monkeypatch)
    logging.root.handlers[:] = handlers  # commands set logs up for their own process
    structlog.reset_defaults()


def test_a_good_workspace_passes(desk: Desk) -> None:
    done = desk.otklik("check", "shop")
    assert done.returncode == 0, done.said


def test_broken_yaml(desk: Desk) -> None:
    desk.replace("campaigns/winback.yaml", "steps:", "steps: [")
    assert "campaigns/winback.yaml:" in desk.fails("check", "shop")


def test_everything_wrong_is_told_at_once_and_nothing_is_applied(desk: Desk) -> None:
    desk.replace("templates/winback/sms.txt", "customer.first_name", "customer.fist_name")
    desk.replace("segments.yaml", "event: order", "evnt: order")
    desk.replace("campaigns/winback.yaml", "wait: 3d", "wait: 3 moons")
    said = desk.fails("apply", "shop")
    assert "did you mean" in said
    for place in ("templates/winback/sms.txt:", "segments.yaml:", "campaigns/winback.yaml:"):
        assert place in said
    assert "No campaign was applied yet" in desk.otklik("report").said


def test_no_such_segment_or_campaign(desk: Desk) -> None:
    assert desk.otklik("apply", "shop").returncode == 0
    assert "winback" in desk.fails("report", "winbak")
    assert "there is no customer" in desk.fails("why", "nobody@example.org", "winback")


def test_settings_that_are_wrong(desk: Desk) -> None:
    assert "did you mean OTKLIK_DATABASE_URL" in desk.fails("report", OTKLIK_DATABSE_URL="x")
    assert "OTKLIK_PORT" in desk.fails("run", OTKLIK_PORT="many")
    assert "OTKLIK_DATABASE_URL" in desk.fails("report", OTKLIK_DATABASE_URL="mysql://localhost/x")
    said = desk.fails("run", OTKLIK_TELEGRAM_TOKEN="not-a-token")
    assert "telegram.token" in said
    assert "not-a-token" not in said
    assert "OTKLIK_EMAIL_HOST" in desk.fails("run", OTKLIK_EMAIL_SENDER="vera@example.com")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken(desk: Desk, taken: int) -> None:
    said = desk.fails("run", OTKLIK_PORT=str(taken))
    assert f"cannot listen on 127.0.0.1:{taken}" in said


def test_an_smtp_server_that_is_not_there(desk: Desk) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]  # nobody else's meanwhile, and nobody listens
        said = desk.fails(
            "doctor", OTKLIK_EMAIL_HOST="127.0.0.1", OTKLIK_EMAIL_PORT=str(port), OTKLIK_EMAIL_SENDER="vera@example.com"
        )
    assert "fix  email" in said
    assert "127.0.0.1" in said


def test_a_store_that_is_locked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.store, "BUSY_SECONDS", 1)
    assert desk.otklik("apply", "shop").returncode == 0
    desk.replace("otklik.yaml", "Lantern Books", "Lantern & Sons")
    with sqlite3.connect(desk.folder / "store.sqlite3", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert "locked by another process" in desk.fails("apply", "shop")
        holder.execute("ROLLBACK")
    assert desk.otklik("apply", "shop").returncode == 0


def test_rows_that_are_broken_stay_out_and_are_told(desk: Desk) -> None:
    people = desk.folder / "people.csv"
    rows = ["id,email,phone", "1,anna@example.org,+12025550123", "2,not an address,+12025550124", "3,x@example.org"]
    people.write_text("\n".join([*rows, ""]))
    done = desk.otklik("import", "customers", "people.csv")
    assert done.returncode == 0, done.said
    rejected = (desk.folder / "people.csv.rejected.csv").read_text()
    assert "not an address" in rejected
    assert "4" in rejected
    again = desk.otklik("import", "customers", "people.csv")
    assert again.returncode == 0, again.said


def test_a_file_that_is_no_table(desk: Desk) -> None:
    (desk.folder / "noise.csv").write_bytes(bytes(range(256)) * 8)
    assert "noise.csv" in desk.fails("import", "customers", "noise.csv")
    assert "there is no such file" in desk.fails("import", "customers", "absent.csv")
