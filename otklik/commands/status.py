"""``otklik status``: does everything move? What the desk's health page shows, for a terminal and for a monitor."""

from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from otklik.commands.plainly import plainly

if TYPE_CHECKING:
    from datetime import datetime

    from desk.health.reading import Channel, Health
    from desk.health.words import HealthWords


def status() -> None:
    """Show what waits, which channels rest or are refused, and which processes work. Asks no provider.

    Ends with 1 where something needs a person now, so that a monitor can ask it.

    Example: `otklik status`
    """
    from desk.health.judging import findings_of, level_of
    from desk.health.words import HealthWords
    from desk.rendering import Reader
    from otklik.running import run_async

    with plainly():
        health, now = run_async(_read())
    words, found = HealthWords(Reader("en", "UTC")), findings_of(health, now)
    level = level_of(found)
    colours = {"well": typer.colors.GREEN, "note": typer.colors.YELLOW, "bad": typer.colors.RED}
    typer.secho(words.say(f"all_{level}"), fg=colours[level])
    for one in found:
        typer.echo(
            typer.style("! " if one.bad else "· ", fg=colours["bad" if one.bad else "note"]) + words.finding(one)
        )
    typer.echo()
    for name, told in [*_channels(health, words, now), *_queues(health, words, now), *_workers(health, words)]:
        typer.echo(f"{name:<28} {told}")
    if level == "bad":
        raise typer.Exit(1)


async def _read() -> "tuple[Health, datetime]":
    from core.clock import machine_now
    from desk.health.reading import read_health
    from otklik.settings import load_settings
    from otklik.wiring import make_clock, open_store

    configuration = load_settings()
    now = make_clock(configuration).now()
    async with open_store(configuration) as store, store.read() as connection:
        return await read_health(connection, now, machine_now()), now


def _channels(health: "Health", words: "HealthWords", now: "datetime") -> list[tuple[str, str]]:
    return [(one.account, _channel(one, words, now)) for one in health.channels]


def _channel(one: "Channel", words: "HealthWords", now: "datetime") -> str:
    trouble = one.troubled
    state = words.say(f"state_{trouble.trouble if trouble else 'well' if one.standings else 'off'}")
    rate = words.say("rate_is", rate=one.rate) if one.rate else words.say("rate_none")
    waits = f"answers waiting: {words.waits(one.replies, now)}; campaigns: {words.waits(one.bulk, now)}"
    ended = f"in ten minutes {words.say('lately_is', accepted=one.accepted)}"
    return f"{state}; {waits}; {ended}; at most: {rate}"


def _queues(health: "Health", words: "HealthWords", now: "datetime") -> list[tuple[str, str]]:
    queues = {
        "inbound": health.inbound, "journeys": health.journeys, "commands": health.commands, "unknowns": health.unknown,
    }  # fmt: skip
    return [(words.say(name), words.waits(queue, now)) for name, queue in queues.items()]


def _workers(health: "Health", words: "HealthWords") -> list[tuple[str, str]]:
    alive = health.alive
    return [
        (
            f"process on {one.host}",
            words.say("alive" if one in alive else "silent_for", time=timedelta(seconds=one.age)),
        )
        for one in health.workers
    ]
