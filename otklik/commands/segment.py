"""``otklik segment``: who is in the applied segments, and how that is asked of the database."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from sqlalchemy import Select

app = typer.Typer(name="segment", help="Look into the applied segments.", no_args_is_help=True)
SAMPLE = 10


@app.command("list")
def list_segments() -> None:
    """Every applied segment with its present size.

    Example: otklik segment list
    """
    with plainly():
        rows = asyncio.run(_list())
    if not rows:
        typer.echo("no segments are applied; write segments.yaml, then: otklik apply")
    for name, size, description in rows:
        typer.echo(f"{size:>10,}  {name}" + (f"  {description}" if description else ""))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The segment.")],
    *,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statement that is asked.")] = False,
) -> None:
    """Size and a sample of one segment.

    Example: otklik segment show dormant --sql
    """
    with plainly():
        lines = asyncio.run(_show(name, sql=sql))
    for line in lines:
        typer.echo(line)


async def _list() -> list[tuple[str, int, str]]:
    from sqlalchemy import func, select

    from campaigns.live import workspace_config
    from campaigns.periods import zone_named
    from campaigns.segments.compiling import compile_segment
    from campaigns.segments.refresh import stored_segments
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    now = make_clock(configuration).now()
    async with open_store(configuration) as store, store.read() as connection:
        segments = await stored_segments(connection)
        zone = zone_named((await workspace_config(connection)).zone)
        rows = []
        for name, segment in sorted(segments.items()):
            inside = compile_segment(name, segments, now=now, zone=zone).subquery()
            size = await connection.scalar(select(func.count()).select_from(inside))
            rows.append((name, int(size or 0), segment.description))
        return rows


async def _show(name: str, *, sql: bool) -> list[str]:
    from sqlalchemy import func, select

    from campaigns.live import workspace_config
    from campaigns.periods import zone_named
    from campaigns.reading.problems import did_you_mean
    from campaigns.segments.compiling import compile_segment
    from campaigns.segments.refresh import stored_segments
    from core.errors import Refused
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from storage.outbox.columns import table
    from storage.tables import Customer

    configuration = load_settings()
    customers = table(Customer)
    async with open_store(configuration) as store, store.read() as connection:
        segments = await stored_segments(connection)
        if name not in segments:
            hint = did_you_mean(name, segments) or "; otklik segment list shows all"
            raise Refused(f"there is no applied segment {name!r}{hint}")
        zone = zone_named((await workspace_config(connection)).zone)
        query = compile_segment(name, segments, now=make_clock(configuration).now(), zone=zone)
        size = await connection.scalar(select(func.count()).select_from(query.subquery()))
        columns = (customers.c.external_id, customers.c.first_name, customers.c.last_name, customers.c.city)
        chosen = customers.c.id.in_(query.order_by(customers.c.id).limit(SAMPLE))
        sample = (await connection.execute(select(*columns).where(chosen).order_by(customers.c.id))).all()
        lines = [f"{name}: {int(size or 0):,} customers"]
        if segments[name].description:
            lines.append(segments[name].description)
        lines += [f"  {_person(row)}" for row in sample]
        if int(size or 0) > len(sample):
            lines.append("  …")
        return [*lines, "", _statement(query, connection.dialect)] if sql else lines


def _person(row: Any) -> str:
    named = " ".join(part for part in (row.first_name, row.last_name) if part) or "(no name)"
    return "  ".join(part for part in (row.external_id or "", named, row.city) if part)


def _statement(query: "Select[Any]", dialect: Any) -> str:
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
