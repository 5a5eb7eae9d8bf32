"""The command line. Modules of commands are light to import: what a command needs is imported when it runs."""

import sys

import typer

from otklik.commands import (
    agent,
    answers,
    apply,
    backup,
    chat,
    check,
    customer,
    demo,
    doctor,
    emergency,
    experiment,
    imports,
    init,
    key,
    merging,
    offer,
    pause,
    plan,
    preview,
    report,
    run,
    schema,
    search,
    segment,
    send,
    simulate,
    status,
    unknown,
    why,
)

app = typer.Typer(
    name="otklik",
    help="Otklik: campaigns that go from channel to channel until the customer answers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command(name="demo")(demo.demo)
app.command(name="init")(init.init)
app.command(name="check")(check.check)
app.command(name="chat")(chat.chat)
app.command(name="plan")(plan.plan)
app.command(name="apply")(apply.apply)
app.command(name="approve")(apply.approve)
app.command(name="versions")(apply.versions)
app.command(name="preview")(preview.preview)
app.command(name="send")(send.send)
app.command(name="run")(run.run)
app.command(name="report")(report.report)
app.command(name="simulate")(simulate.simulate)
app.command(name="why")(why.why)
app.command(name="doctor")(doctor.doctor)
app.command(name="status")(status.status)
app.command(name="backup")(backup.backup)
app.command(name="restore")(backup.restore)
app.command(name="pause")(pause.pause)
app.command(name="resume")(pause.resume)
app.command(name="stop")(pause.stop)
app.command(name="schema")(schema.schema)
for command in (merging.merge, merging.unmerge, merging.duplicates, merging.distinct):
    customer.app.command()(command)
app.add_typer(answers.app, name="answers")
app.add_typer(customer.app, name="customer")
app.add_typer(emergency.app, name="emergency")
app.add_typer(experiment.app, name="experiment")
app.add_typer(imports.app, name="import")
app.add_typer(agent.app, name="agent")
app.add_typer(key.app, name="key")
app.add_typer(offer.app, name="offer")
app.add_typer(search.app, name="search")
app.add_typer(segment.app, name="segment")
app.add_typer(unknown.app, name="unknown")


def main() -> None:
    """Run a command. Each turns a user's mistake into one message and exit code 1 (``otklik.commands.plainly``)."""
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
