"""``otklik init``: an example workspace to start from, and a ``.env`` for its secrets."""

import secrets
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from core.errors import Refused
from otklik.commands.plainly import plainly

_ENV = """\
# What this machine keeps to itself. Never put it under version control.
OTKLIK_WORKSPACE={workspace}
OTKLIK_SECRET={secret}

# A channel is on when its first setting is there; `otklik doctor` tests each. All settings: .env.example
# OTKLIK_EMAIL_HOST=smtp.example.com
# OTKLIK_TELEGRAM_TOKEN=
# OTKLIK_SMS_SENDER=
# OTKLIK_WHATSAPP_SENDER=
"""


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.", metavar="DIR")],
) -> None:
    """Write an example workspace and a .env beside you.

    Example: otklik init shop
    """
    with plainly():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(f"{folder} is there already and not empty; name another folder")
        try:
            count = _copy(files("otklik") / "starter", folder)
            env = _write_env(Path(".env"), folder)
        except OSError as error:
            raise Refused(f"cannot write {error.filename or folder}: {error.strerror or error}") from None
    typer.echo(f"wrote {count} files to {folder}")
    typer.echo("wrote .env with a new secret" if env else "left .env as it is")
    typer.echo(f"next: edit {folder / 'otklik.yaml'}, then  otklik check {folder}  and  otklik apply {folder}")


def _copy(source: Traversable, target: Path) -> int:
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for item in source.iterdir():
        if item.is_dir():
            count += _copy(item, target / item.name)
        elif not item.name.startswith("."):
            (target / item.name).write_bytes(item.read_bytes())
            count += 1
    return count


def _write_env(path: Path, workspace: Path) -> bool:
    if path.exists():
        return False
    path.touch(mode=0o600)
    path.write_text(_ENV.format(workspace=workspace, secret=secrets.token_urlsafe(32)), encoding="utf-8")
    return True
