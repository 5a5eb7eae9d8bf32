"""The channels that there are: those of this program, and those that installed plugins bring.

A plugin is found by its entry point, whose name is the channel's. It is imported when one of its addresses is read or
an account of it is made, not before.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from core.errors import ConfigurationError
from core.messages import CHANNELS

GROUP = "otklik.channels"
"""The entry points' group."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
"""What a channel may be called: its settings are ``OTKLIK_<NAME>_<FIELD>``."""
_TAKEN = frozenset({*CHANNELS, "twilio", "gateway"})


class Installed(Protocol):
    """What an entry point of :data:`GROUP` names; ``otklik.plugin.Channel`` is one."""

    @property
    def normalise(self) -> Callable[[str], str]: ...

    @property
    def title(self) -> str: ...


@cache
def plugins() -> Mapping[str, EntryPoint]:
    """By channel, in the order of their names. What takes a built-in channel's name, or none that fits, is left out."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    return {name: found[name] for name in sorted(found) if NAME.fullmatch(name) and name not in _TAKEN}


@cache
def channel_names() -> tuple[str, ...]:
    """Every channel that a campaign may send on: the built-in ones first."""
    return (*CHANNELS, *plugins())


@cache
def installed(channel: str) -> Installed:
    """What the plugin of ``channel`` brings, imported.

    Raises:
        ConfigurationError: if it does not load.
        KeyError: if there is no such plugin.
    """
    entry = plugins()[channel]
    try:
        return cast("Installed", entry.load())
    except Exception as error:
        raise ConfigurationError(f"channel {channel}: its plugin {entry.value} does not load: {error}") from error
