"""``otklik segment``: who is in the applied segments, and how that is asked of the database."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.counting import counted
from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Dialect, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

app = typer.Typer(name="segment", help="Look into the applied segments.", no_args_is_help=True)
SAMPLE = 10


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    size: int
    refreshed_at: datetime | None
    description: str


@app.command("list")
def list_segments() -> None:
    """List every applied segment with its present size, and when its members were last written down.

    Example: otklik segment list
    """
    with plainly():
        rows = asyncio.run(_list())
    if not rows:
        typer.echo("no segments are applied; write segments.yaml, then: otklik apply")
    for row in rows:
        typer.echo(f"{row.size:>10,}  {row.name:<24}  {_when(row.refreshed_at):<22}  {row.description}".rstrip())


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The segment.")],
    *,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statement that is asked.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print how the database goes about it.")] = False,
    sample: Annotated[int, typer.Option("--sample", min=0, max=1000, help="So many of its people.")] = SAMPLE,
) -> None:
    """Show the size and a sample of one segment, when it was refreshed, and how it is asked.

    Example: otklik segment show dormant --sql --explain
    """
    with plainly():
        lines = asyncio.run(_show(name, sql=sql, explain=explain, sample=sample))
    for line in lines:
        typer.echo(line)


@app.command("refresh")
def refresh(
    name: Annotated[str, typer.Argument(help="The segment; without it all of them.")] = "",
    *,
    full: Annotated[bool, typer.Option("--full", help="Ask everybody, not only those who may have changed.")] = False,
) -> None:
    """Write down who is in a segment now, and who has entered and left it since the last time.

    Example: otklik segment refresh dormant --full
    """
    with plainly():
        for line in asyncio.run(_refresh(name, full=full)):
            typer.echo(line)


async def _refresh(name: str, *, full: bool) -> list[str]:
    from campaigns.live import workspace_config
    from campaigns.periods import zone_named
    from campaigns.segments.refresh import refresh_segment, stored_segments
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    now = make_clock(configuration).now()
    lines = []
    async with open_store(configuration) as store:
        async with store.read() as connection:
            segments = await stored_segments(connection)
            zone = zone_named((await workspace_config(connection)).zone)
        for one in [name] if name else sorted(segments):
            _require(one, segments)
            done = await refresh_segment(store, one, segments, now=now, zone=zone, full=full)
            asked = "everybody was asked" if done.full else "only those who may have changed were asked"
            lines.append(f"{one}: {done.size:,} members, {done.entered:,} entered, {done.left:,} left; {asked}")
    return lines


def _require(name: str, segments: "Mapping[str, Any]") -> None:
    from core.errors import Refused
    from core.reading.problems import did_you_mean

    if name not in segments:
        hint = did_you_mean(name, segments) or "; otklik segment list shows all"
        if not segments:
            hint = ", nor any other; bring them in first: otklik apply DIR"
        raise Refused(f"there is no applied segment {name!r}{hint}")


async def _list() -> list[_Listed]:
    from sqlalchemy import func, select

    from campaigns.live import workspace_config
    from campaigns.periods import zone_named
    from campaigns.segments.compiling import compile_segment
    from campaigns.segments.refresh import stored_segments
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from storage.outbox.columns import table
    from storage.tables import Segment

    configuration = load_settings()
    now = make_clock(configuration).now()
    stored = table(Segment)
    async with open_store(configuration) as store, store.read() as connection:
        segments = await stored_segments(connection)
        zone = zone_named((await workspace_config(connection)).zone)
        refreshed = await connection.execute(select(stored.c.name, stored.c.refreshed_at))
        at = {row.name: row.refreshed_at for row in refreshed}
        rows = []
        for name, segment in sorted(segments.items()):
            inside = compile_segment(name, segments, now=now, zone=zone).subquery()
            size = await connection.scalar(select(func.count()).select_from(inside))
            rows.append(_Listed(name, int(size or 0), at[name], segment.description))
        return rows


async def _show(name: str, *, sql: bool, explain: bool, sample: int) -> list[str]:
    from sqlalchemy import func, select

    from campaigns.live import workspace_config
    from campaigns.periods import zone_named
    from campaigns.segments.compiling import compile_segment
    from campaigns.segments.refresh import stored_segments
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store
    from storage.outbox.columns import table
    from storage.tables import Customer

    configuration = load_settings()
    customers = table(Customer)
    async with open_store(configuration) as store, store.read() as connection:
        segments = await stored_segments(connection)
        _require(name, segments)
        zone = zone_named((await workspace_config(connection)).zone)
        query = compile_segment(name, segments, now=make_clock(configuration).now(), zone=zone)
        inside = query.subquery()
        size = int(await connection.scalar(select(func.count()).select_from(inside)) or 0)
        columns = (customers.c.external_id, customers.c.first_name, customers.c.last_name, customers.c.city)
        chosen = select(inside.c.id).order_by(inside.c.id).limit(sample)
        people = (
            await connection.execute(select(*columns).where(customers.c.id.in_(chosen)).order_by(customers.c.id))
        ).all()
        lines = [f"{name}: {counted(size, 'customer')}"]
        if segments[name].description:
            lines.append(segments[name].description)
        lines.append(await _written_down(connection, name))
        lines += [f"  {_person(row)}" for row in people]
        if size > len(people):
            lines.append("  …")
        if sql:
            lines += ["", _statement(query, connection.dialect)]
        if explain:
            lines += ["", *await _plan(connection, query)]
        return lines


async def _written_down(connection: "AsyncConnection", name: str) -> str:
    """When the members were last written down, and how many they were."""
    from sqlalchemy import select

    from storage.outbox.columns import table
    from storage.tables import SegmentRefresh

    refreshes = table(SegmentRefresh)
    row = (await connection.execute(select(refreshes).where(refreshes.c.segment == name))).one_or_none()
    if row is None or row.at is None:
        return "its members have never been written down: no campaign has asked for them yet"
    seconds = f"{row.took_ms / 1000:.1f} s"
    return f"refreshed {_when(row.at)}: {row.size:,} members, in {seconds}; everybody was asked {_when(row.full_at)}"


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "never refreshed"


def _person(row: Any) -> str:
    named = " ".join(part for part in (row.first_name, row.last_name) if part) or "(no name)"
    return "  ".join(part for part in (row.external_id or "", named, row.city) if part)


def _statement(query: "Select[Any]", dialect: "Dialect") -> str:
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


async def _plan(connection: "AsyncConnection", query: "Select[Any]") -> list[str]:
    """How the database goes about the statement, a step a line; it is not carried out."""
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    statement = _statement(query, connection.dialect)
    # a colon in a bound text is no parameter: this goes to the driver as it is
    rows = (await connection.exec_driver_sql(f"{explain} {statement}")).all()
    if connection.dialect.name == "postgresql":
        return [str(row[0]) for row in rows]
    depth = {0: 0}
    lines = []
    for row in rows:
        depth[row.id] = depth.get(row.parent, 0) + 1
        lines.append("  " * (depth[row.id] - 1) + row.detail)
    return lines
