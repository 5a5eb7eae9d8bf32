"""``otklik check``: everything that is wrong with a workspace, at once."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from campaigns.rehearsal import Case
    from campaigns.workspace.loader import Workspace
    from core.reading.problems import Problem


def check(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    tests: Annotated[bool, typer.Option("--tests", help="Play the tests that campaign files carry.")] = False,
) -> None:
    """Say what is wrong with a workspace, with file and line: what to write instead. Nothing is written.

    Problems keep it from being applied (exit code 1); warnings do not. With --tests, a test that fails is told with
    what was expected and what came, and the exit code is 1.

    Example: otklik check shop --tests
    """
    from campaigns.workspace.loader import load_workspace
    from core.reading.problems import WorkspaceInvalid
    from otklik.commands.problems import summary

    with plainly():
        where = workspace_folder(folder)
        shown = where if where.name else where.resolve().name
        try:
            workspace = load_workspace(where)
            cases = _cases(workspace)
        except WorkspaceInvalid as error:
            _say(error.problems, error.warnings)
            found = summary(len(error.problems), len(error.warnings))
            typer.secho(f"{found} in {shown}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
    _say((), workspace.warnings)
    typer.echo(f"{shown} is in order: {_contents(workspace)}")
    if tests:
        _play(workspace, cases)


def _cases(workspace: "Workspace") -> "Mapping[str, Sequence[Case]]":
    """The tests of every campaign, by its name.

    Raises:
        WorkspaceInvalid: if one cannot be read.
    """
    from campaigns.rehearsal import read_cases
    from core.reading.problems import Problems

    problems = Problems()
    cases = {
        name: read_cases(node, workspace.files[name], workspace.campaigns[name].definition, problems)
        for name, node in workspace.tests.items()
    }
    problems.raise_if_any()
    return cases


def _play(workspace: "Workspace", cases: "Mapping[str, Sequence[Case]]") -> None:
    """Play the tests and tell each; exit code 1 if one fails."""
    from otklik.commands.plainly import plainly
    from otklik.commands.problems import counted
    from otklik.running import configure_logs, run_async

    configure_logs("error")
    with plainly():
        failed, passed = run_async(_rehearse(workspace, cases))
    if not failed and not passed:
        typer.echo("no campaign has tests; write some under tests: in its file")
        return
    said = f"{counted(passed, 'test')} passed" + (f", {failed} failed" if failed else "")
    typer.secho(said, fg=typer.colors.RED if failed else typer.colors.GREEN, err=bool(failed))
    if failed:
        raise typer.Exit(1)


async def _rehearse(workspace: "Workspace", cases: "Mapping[str, Sequence[Case]]") -> tuple[int, int]:
    from campaigns.rehearsal import rehearse

    failed = passed = 0
    async for verdict in rehearse(workspace, cases):
        case = verdict.case
        if verdict.passed:
            passed += 1
            typer.echo(f"ok    {verdict.campaign}: {case.name}")
            continue
        failed += 1
        typer.secho(f"FAIL  {verdict.campaign}: {case.name}", fg=typer.colors.RED)
        if verdict.differences:
            typer.echo(f"{case.file}:{case.expect_line}: messages: - expected, + came unexpectedly")
            for line in verdict.differences:
                colour = {"-": typer.colors.RED, "+": typer.colors.YELLOW}.get(line[0])
                typer.secho(f"      {line}", fg=colour)
        if verdict.got_outcome:
            typer.echo(f"{case.file}:{case.outcome_line}: outcome: expected {case.outcome}, got {verdict.got_outcome}")
    return failed, passed


def _say(problems: "Sequence[Problem]", warnings: "Sequence[Problem]") -> None:
    from otklik.commands.problems import by_file, one_each

    if not sys.stdout.isatty():
        for line in one_each(problems, warnings):
            typer.echo(line)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for part in by_file(problems, warnings, console.width):
        console.print(part)


def _contents(workspace: "Workspace") -> str:
    from campaigns.templates.sources import file_parts
    from otklik.commands.problems import counted

    paths = [file_parts(path) for body in workspace.campaigns.values() for path in body.templates]
    languages = sorted({parts[1] for parts in paths if parts} - {""})
    parts = [counted(len(workspace.campaigns), "campaign"), counted(len(workspace.segments), "segment")]
    parts += [counted(len(workspace.offers), "offer")] if workspace.offers else []
    parts += [f"also in {', '.join(languages)}"] if languages else []
    parts += [counted(len(workspace.warnings), "warning")] if workspace.warnings else []
    return ", ".join(parts)
