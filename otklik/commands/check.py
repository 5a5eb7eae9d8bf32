"""``otklik check``: everything that is wrong with a workspace, at once."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.counting import counted
from otklik.commands.folder import workspace_folder
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from bot.flows.rehearsing import Case as FlowCase
    from campaigns.rehearsal import Case
    from campaigns.workspace.loader import Workspace
    from core.reading.problems import Problem
    from otklik.workspace import Whole


def check(
    folder: Annotated[Path | None, typer.Argument(help="The workspace; default: here.", metavar="DIR")] = None,
    *,
    tests: Annotated[bool, typer.Option("--tests", help="Play the tests that campaigns and flows carry.")] = False,
) -> None:
    """Say what is wrong with a workspace, with file and line: what to write instead. Nothing is written.

    Problems keep it from being applied (exit code 1); warnings do not. With --tests, a test that fails is told with
    what was expected and what came, and the exit code is 1.

    Example: otklik check shop --tests
    """
    from core.reading.problems import WorkspaceInvalid
    from otklik.commands.problems import summary
    from otklik.workspace import load_whole

    with plainly():
        where = workspace_folder(folder)
        shown = where if where.name else where.resolve().name
        try:
            whole = load_whole(where)
            cases, flow_cases = _cases(whole.workspace), _flow_cases(whole)
        except WorkspaceInvalid as error:
            _say(error.problems, error.warnings)
            found = summary(len(error.problems), len(error.warnings))
            typer.secho(f"{found} in {shown}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
    _say((), whole.warnings)
    typer.echo(f"{shown} is in order: {_contents(whole)}")
    if tests:
        _play(whole, cases, flow_cases)


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


def _flow_cases(whole: "Whole") -> "Mapping[str, Sequence[FlowCase]]":
    """The tests of every flow, by its name.

    Raises:
        WorkspaceInvalid: if one cannot be read.
    """
    from bot.flows.rehearsing import read_cases
    from core.reading.problems import Problems

    problems, flows = Problems(), whole.flows
    cases = {
        name: read_cases(node, flows.files[name], flows.bodies[name].definition, problems)
        for name, node in flows.tests.items()
    }
    problems.raise_if_any()
    return cases


def _play(
    whole: "Whole", cases: "Mapping[str, Sequence[Case]]", flow_cases: "Mapping[str, Sequence[FlowCase]]"
) -> None:
    """Play the tests and tell each; exit code 1 if one fails."""
    from otklik.commands.plainly import plainly
    from otklik.running import configure_logs, run_async

    configure_logs("error")
    with plainly():
        failed, passed = run_async(_rehearse(whole.workspace, cases))
        failed_flows, passed_flows = _rehearse_flows(whole, flow_cases)
    failed, passed = failed + failed_flows, passed + passed_flows
    if not failed and not passed:
        typer.echo("no campaign or flow has tests; write some under tests: in its file")
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


def _rehearse_flows(whole: "Whole", cases: "Mapping[str, Sequence[FlowCase]]") -> tuple[int, int]:
    from bot.flows.rehearsing import play

    failed = passed = 0
    for name, listed in cases.items():
        for case in listed:
            verdict = play(whole.flows.bodies[name], case, whole.workspace.config)
            if not verdict.differences:
                passed += 1
                typer.echo(f"ok    {name}: {case.name}")
                continue
            failed += 1
            typer.secho(f"FAIL  {name}: {case.name}", fg=typer.colors.RED)
            for line, said in verdict.differences:
                typer.echo(f"{case.file}:{line}: {said}")
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


def _contents(whole: "Whole") -> str:
    from campaigns.templates.sources import file_parts

    workspace = whole.workspace
    texts = [path for body in workspace.campaigns.values() for path in body.templates if not path.startswith("@")]
    paths = [file_parts(path) for path in texts]  # flows' first words are not the folder's
    languages = sorted({parts[1] for parts in paths if parts} - {""})
    parts = [counted(len(workspace.campaigns), "campaign"), counted(len(workspace.segments), "segment")]
    parts += [counted(len(workspace.offers), "offer")] if workspace.offers else []
    parts += [counted(len(workspace.answers), "answer")] if workspace.answers else []
    parts += [counted(len(whole.flows.bodies), "flow")] if whole.flows.bodies else []
    parts += [f"also in {', '.join(languages)}"] if languages else []
    parts += [counted(len(whole.warnings), "warning")] if whole.warnings else []
    return ", ".join(parts)
