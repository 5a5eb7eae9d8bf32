"""The submission servers of a mail account: where each is, and which of them takes the next mail.

Mails go to servers by their weights (smooth weighted round robin), each within its pace. A server that cannot be
reached or turns sessions away rests, twice as long each time; then one session tries it before the others follow.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from channels.resting import Spell
from core.clock import uptime
from core.errors import ConfigurationError, ProviderAway, TransientFailure

Tls = Literal["none", "starttls", "tls"]
"""Encryption of a connection: in the clear, upgraded after the greeting, or from the first byte."""

FIRST_REST = 1.0
LONGEST_REST = 60.0
_PACE_MARGIN = 1.02
"""Mails are this much further apart than a server's rate asks: clocks and queues jitter, limits do not."""
_SCHEMES: dict[str, tuple[Tls, int]] = {"smtp": ("starttls", 587), "smtps": ("tls", 465)}
_URL = "smtp://user:password@relay.example.com:587?weight=3&rate=50&sessions=4"


@dataclass(frozen=True, slots=True)
class Server:
    """A submission server. ``rate`` is mails a second, 0 where there is no limit; ``sessions`` connections at once."""

    host: str
    port: int = 587
    tls: Tls = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    weight: int = 1
    rate: float = 0.0
    sessions: int = 4

    def __post_init__(self) -> None:
        if self.sessions < 1:
            raise ConfigurationError(f"sessions: must be 1 or more, not {self.sessions}")
        if self.weight < 1:
            raise ConfigurationError(f"weight: must be 1 or more, not {self.weight}")
        if self.rate < 0:
            raise ConfigurationError(f"rate: must be 0 (no limit) or more, not {self.rate:g}")

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


def read_server(url: str, sessions: int) -> Server:
    """A server from ``smtp://`` (STARTTLS) or ``smtps://`` (TLS); ``?tls=none`` for one on this machine.

    Raises:
        ConfigurationError: what is wrong with it, never with its password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        asked = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        tls, usual_port = _SCHEMES[parts.scheme]
        given_tls = asked.pop("tls", tls)
        server = Server(
            host=host,
            port=port or usual_port,
            tls=tls if given_tls != "none" else "none",
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            weight=int(asked.pop("weight", "1")),
            rate=float(asked.pop("rate", "0")),
            sessions=int(asked.pop("sessions", str(sessions))),
        )
    except (ValueError, KeyError):
        raise ConfigurationError(f"servers: one of them cannot be read; write each like {_URL}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"servers: {error}") from None
    if not host or parts.path not in ("", "/") or asked or given_tls not in ("none", tls):
        raise ConfigurationError(f"servers: {host or 'one of them'} cannot be read; write each like {_URL}")
    return server


class Turns:
    """How one server stands: mails under way, pace, rest. Pure but for the time it is told."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.in_use = 0
        self.credit = 0
        self.why = ""
        self._rest = Spell(FIRST_REST, LONGEST_REST)
        self._next = 0.0
        self._interval = _PACE_MARGIN / server.rate if server.rate else 0.0

    @property
    def rests_until(self) -> float:
        """When its rest ends, or ended."""
        return self._rest.until

    def free_at(self, now: float) -> float | None:
        """When it may take one more mail: at ``now``, later, or None once a session is given back."""
        if self.in_use >= (1 if self._rest.seconds else self.server.sessions):
            return None
        return max(now, self.rests_until, self._next)

    def take(self, now: float) -> None:
        """One more mail is under way."""
        self.in_use += 1
        self.step(now)

    def step(self, now: float) -> None:
        """One more mail leaves by a session that is in use already."""
        # up to one place may be caught up: timers ring late
        self._next = max(self._next, now - self._interval) + self._interval

    def rest(self, now: float, why: str) -> None:
        """It turned us away: twice as long as the last time, counted once for sessions that failed together."""
        if self._rest.begin(now):
            self.why = why

    def worked(self) -> None:
        """It answered as it should."""
        self._rest.end()


class Rota:
    """Who is next among the servers of an account."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._all = [Turns(server) for server in servers]
        self._given_back = asyncio.Event()

    @property
    def alone(self) -> bool:
        return len(self._all) == 1

    async def take(self, but: Collection[Turns] = ()) -> Turns:
        """The next server that may take a mail, none of ``but``; waits for a session or for its pace.

        Raises:
            TransientFailure: if all of them rest.
        """
        while True:
            now = uptime()
            candidates = [turns for turns in self._all if turns not in but]
            awake = [turns for turns in candidates if turns.rests_until <= now]
            if not awake:
                raise self._at_rest(candidates, now)
            free = [turns for turns in awake if turns.free_at(now) == now]
            if free:
                chosen = self._chosen(free)
                chosen.take(now)
                return chosen
            times = [at for turns in candidates if (at := turns.free_at(now)) is not None]
            self._given_back.clear()
            try:
                async with asyncio.timeout(min(times) - now if times else None):
                    await self._given_back.wait()
            except TimeoutError:
                continue

    def stays(self, turns: Turns) -> bool:
        """Whether the mail after the one that is under way is that server's too; takes its place if so."""
        now = uptime()
        if turns.rests_until > now or turns.free_at(now) not in (now, None):
            return False
        if not self.alone:
            others = [other for other in self._all if other is not turns and other.free_at(now) == now]
            if self._first([turns, *others]) is not turns:
                return False
            self._chosen([turns, *others])
        turns.step(now)
        return True

    def give_back(self, turns: Turns) -> None:
        """A mail is no longer under way there."""
        turns.in_use -= 1
        self._given_back.set()

    @staticmethod
    def _first(free: Sequence[Turns]) -> Turns:
        return max(free, key=lambda turns: turns.credit + turns.server.weight)

    def _chosen(self, free: Sequence[Turns]) -> Turns:
        if len(free) == 1:
            return free[0]
        chosen = self._first(free)
        for turns in free:
            turns.credit += turns.server.weight
        chosen.credit -= sum(turns.server.weight for turns in free)
        return chosen

    @staticmethod
    def _at_rest(candidates: Sequence[Turns], now: float) -> TransientFailure:
        if not candidates:
            return TransientFailure("no other mail server is left")
        first = min(candidates, key=lambda turns: turns.rests_until)
        wait = first.rests_until - now
        return ProviderAway(f"{first.why}; it is tried again in {wait:.0f} s", retry_after=wait)
