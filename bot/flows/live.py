"""Flows as they are applied: which are in force, their versions, and what sets them off."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.definition import FlowBody
from core.text import folded
from storage.outbox.columns import table
from storage.tables import Flow, FlowVersion

_FLOWS, _VERSIONS = table(Flow), table(FlowVersion)
_EDGES = "/.!?…,;:؟،؛\"'«»“” "


@dataclass(frozen=True)
class LiveFlows:
    """The flows that new conversations may begin, by name with their versions' hashes."""

    versions: Mapping[str, str] = field(default_factory=dict)
    bodies: Mapping[str, FlowBody] = field(default_factory=dict)

    @cached_property
    def _by_word(self) -> Mapping[str, str]:
        return {
            folded(word).strip(_EDGES): name
            for name, body in self.bodies.items()
            for words in body.definition.triggers.words.values()
            for word in words
        }

    @cached_property
    def _by_start(self) -> Mapping[str, str]:
        return {payload: name for name, body in self.bodies.items() for payload in body.definition.triggers.start}

    @cached_property
    def _by_button(self) -> Mapping[str, str]:
        return {value: name for name, body in self.bodies.items() for value in body.definition.triggers.button}

    @cached_property
    def events(self) -> Mapping[str, tuple[str, ...]]:
        """The flows that each event sets off."""
        found: dict[str, tuple[str, ...]] = {}
        for name, body in sorted(self.bodies.items()):
            for event in body.definition.triggers.event:
                found[event] = (*found.get(event, ()), name)
        return found

    @cached_property
    def default(self) -> str:
        """The flow that takes what no other takes; empty where there is none."""
        return next((name for name, body in self.bodies.items() if body.definition.triggers.default), "")

    def called_by(self, text: str, *, button: str = "", start: str = "") -> str:
        """The flow that a message sets off by name; empty where there is none. The default is not asked."""
        if start and start in self._by_start:
            return self._by_start[start]
        if button and button in self._by_button:
            return self._by_button[button]
        return self._by_word.get(folded(text[:200]).strip(_EDGES), "") if len(text) <= 100 else ""


def flow_hash(body: FlowBody) -> str:
    """The version of a flow: SHA-256 (hex) of its canonical JSON."""
    text = json.dumps(body.as_json(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_live: WeakKeyDictionary[Engine, LiveFlows] = WeakKeyDictionary()
_bodies: WeakKeyDictionary[Engine, dict[str, FlowBody]] = WeakKeyDictionary()
_LIMIT = 256


async def live_flows(connection: AsyncConnection) -> LiveFlows:
    """What is in force now; read whole only when a version has changed."""
    rows = await connection.execute(select(_FLOWS.c.name, _FLOWS.c.version))
    versions = {row.name: row.version for row in rows}
    engine = connection.engine.sync_engine
    known = _live.get(engine)
    if known is None or known.versions != versions:
        found = await flow_bodies(connection, versions.values())
        known = LiveFlows(versions, {name: found[hash_] for name, hash_ in versions.items() if hash_ in found})
        _live[engine] = known
    return known


async def flow_bodies(connection: AsyncConnection, hashes: Iterable[str]) -> dict[str, FlowBody]:
    """The bodies of these versions, by hash; a hash that the store does not know is left out."""
    known = _bodies.setdefault(connection.engine.sync_engine, {})
    wanted = set(hashes)
    result = {hash_: known[hash_] for hash_ in wanted if hash_ in known}
    missing = sorted(wanted - result.keys())
    if missing:
        rows = await connection.execute(select(_VERSIONS.c.hash, _VERSIONS.c.body).where(_VERSIONS.c.hash.in_(missing)))
        read = {row.hash: FlowBody.model_validate(row.body) for row in rows}
        if len(known) + len(read) > _LIMIT:
            known.clear()
        known.update(read)
        result.update(read)
    return result
