"""``otklik init``: an example workspace to start from, and a ``.env`` for its secrets."""

import secrets
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from core.counting import counted
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
    folder: Annotated[
        Path | None, typer.Argument(help="The folder to make; default: named by the recipe.", metavar="DIR")
    ] = None,
    *,
    recipe: Annotated[
        str, typer.Option(help="Begin with a whole campaign; `list` shows which there are.", metavar="NAME")
    ] = "",
    lang: Annotated[str, typer.Option(help="Language of the recipe's texts: en, ru or fa.")] = "en",
) -> None:
    """Write an example workspace and a .env beside you, or one with a recipe: welcome, abandoned-cart, win-back, …

    Example: otklik init shop --recipe welcome --lang ru
    """
    from core.catalogue import LANGUAGES

    with plainly():
        if lang not in LANGUAGES:
            raise Refused(f"recipes are written in {', '.join(LANGUAGES)}, not in {lang!r}")
        if recipe == "list":
            _list(lang)
            return
        folder = _chosen(folder, recipe)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(f"{folder} is there already and not empty; name another folder")
        try:
            count = _write(recipe, lang, folder) if recipe else _copy(files("otklik") / "starter", folder)
            env = _write_env(Path(".env"), folder)
        except OSError as error:
            raise Refused(f"cannot write {error.filename or folder}: {error.strerror or error}") from None
    typer.echo(f"wrote {counted(count, 'file')} to {folder}")
    typer.echo("wrote .env with a new secret" if env else "left .env as it is")
    typer.echo(f"next: edit {folder / 'otklik.yaml'}, then  otklik check {folder}  and  otklik apply {folder}")
    if recipe:
        typer.echo(f"try:  otklik check {folder} --tests  and  otklik simulate --folder {folder}")


def _list(lang: str) -> None:
    from otklik.recipes import described

    for name, description in described(lang):
        typer.echo(f"{name:<16}{description}")


def _chosen(folder: Path | None, recipe: str) -> Path:
    """The folder to write to; a recipe that does not exist is refused."""
    from core.reading.problems import did_you_mean
    from otklik.recipes import RECIPES

    if recipe and recipe not in RECIPES:
        raise Refused(f"there is no recipe {recipe!r}{did_you_mean(recipe, RECIPES)} (there are {', '.join(RECIPES)})")
    if folder is None and not recipe:
        raise Refused("name the folder to make, such as: otklik init shop")
    return folder if folder is not None else Path(recipe)


def _write(recipe: str, lang: str, folder: Path) -> int:
    from otklik.recipes import written_out

    count = 0
    for path, text in written_out(recipe, lang):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        count += 1
    return count


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
