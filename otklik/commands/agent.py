"""``otklik agent``: who answers customers at the desk."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.agents import Role

app = typer.Typer(help="Take on, list and send away agents: who answers customers at the desk.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="The address that they sign in with.")]
RoleOption = Annotated[str, typer.Option("--role", help="agent, marketer or admin.")]
Languages = Annotated[str, typer.Option("--languages", help="What they speak, with commas: en,ru,fa.")]
Queues = Annotated[str, typer.Option("--queues", help="The queues that they answer, with commas; none: every queue.")]


@app.command()
def add(
    email: Email,
    name: Annotated[str, typer.Option("--name", help="How colleagues and customers see them.")] = "",
    role: RoleOption = "agent",
    languages: Languages = "",
    queues: Queues = "",
    capacity: Annotated[int, typer.Option("--capacity", min=1, max=100, help="Chats that they hold at once.")] = 8,
    locale: Annotated[str, typer.Option("--locale", help="The desk's language for them: en, ru or fa.")] = "en",
) -> None:
    """Take on an agent and set their first password.

    The password is asked for, or read as a line of standard input.

    Example: `otklik agent add ann@example.com --name "Ann Stone" --languages en,ru`
    """
    from otklik.running import run_async

    with plainly():
        from core.agents import Role
        from core.errors import Refused

        if role not in list(Role):
            raise Refused(f"--role {role}: write one of {', '.join(Role)}")
        more = {
            "languages": _words(languages), "skills": _words(queues), "capacity": capacity, "locale": locale,
        }  # fmt: skip
        run_async(_add(email, name, Role(role), _asked_password(), more))
    typer.echo(f"{email} may sign in now, at /desk.")


@app.command()
def password(email: Email) -> None:
    """Set a new password, unlock the account, and sign out every browser.

    Example: `otklik agent password ann@example.com`
    """
    from otklik.running import run_async

    with plainly():
        run_async(_password(email, _asked_password()))
    typer.echo(f"{email} has a new password.")


@app.command()
def disable(email: Email) -> None:
    """Send an agent away: no sign-in any more, and their chats wait in the queue again.

    Example: `otklik agent disable ann@example.com`
    """
    from otklik.running import run_async

    with plainly():
        left = run_async(_disable(email))
    typer.echo(f"{email} cannot sign in any more. Chats of theirs that wait in the queue again: {left}.")


@app.command("list")
def list_() -> None:
    """List every agent: role, languages, queues, and whether they are there.

    Example: `otklik agent list`
    """
    from otklik.running import run_async

    with plainly():
        rows = run_async(_list())
    if not rows:
        typer.echo("There are no agents; take one on: otklik agent add EMAIL --name NAME")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table("name", "email", "role", "state", "languages", "queues", "chats at once", box=None)
    for row in rows:
        shown.add_row(
            escape(row.name), escape(row.email), row.role.value,
            "disabled" if row.disabled_at else row.presence.value,
            ", ".join(row.languages), ", ".join(row.skills) or "all", str(row.capacity),
        )  # fmt: skip
    Console(highlight=False).print(shown)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _asked_password() -> str:
    """Typed twice at a terminal; else the first line of what is piped in, so that it never stands in a command."""
    import sys

    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


async def _add(email: str, name: str, role: "Role", secret: str, more: dict[str, Any]) -> None:
    from core.clock import machine_now
    from desk.access.agents import add_agent, set_password
    from otklik.commands.operator import operator
    from otklik.wiring import open_store

    async with open_store() as store, store.write() as connection:
        now = machine_now()
        await add_agent(connection, email, name, actor=operator(), now=now, role=role, **more)
        await set_password(connection, email, secret, actor=operator(), now=now)


async def _password(email: str, secret: str) -> None:
    from core.clock import machine_now
    from desk.access.agents import set_password
    from otklik.commands.operator import operator
    from otklik.wiring import open_store

    async with open_store() as store, store.write() as connection:
        await set_password(connection, email, secret, actor=operator(), now=machine_now())


async def _disable(email: str) -> int:
    from core.clock import machine_now
    from desk.access.agents import disable as send_away
    from otklik.commands.operator import operator
    from otklik.wiring import open_store

    async with open_store() as store, store.write() as connection:
        return await send_away(connection, email, actor=operator(), now=machine_now())


async def _list() -> "Sequence[Any]":
    from desk.access.agents import everybody
    from otklik.wiring import open_store

    async with open_store() as store, store.read() as connection:
        return await everybody(connection)
