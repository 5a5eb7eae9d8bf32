"""News: what one look at the store found, and the frame in which a page is told of it.

A page is sent the rows that its list shows, as HTML; of every other conversation only what tells the page that it is
not in the list, or that somebody waits too long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from desk.inbox.counting import Tallies
from desk.inbox.listing import OWN, Filters, Line, View
from desk.rendering import Reader, rendered

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class News:
    """Changed conversations as they are now, and what the views have.

    ``whole``: nothing more was new than one look takes.
    """

    lines: Sequence[Line]
    tallies: Tallies
    whole: bool = True
    _full: dict[Reader, list[bytes]] = field(default_factory=dict)
    _brief: dict[Reader, list[bytes]] = field(default_factory=dict)
    _rows: dict[tuple[Reader, Filters, str], bytes] = field(default_factory=dict)
    _facets: list[bytes] = field(default_factory=list)

    def frame(self, reader: Reader, me: str, filters: Filters) -> bytes:
        """What the page of ``me`` with that list is told, as JSON. What pages have in common is written once."""
        counts, facets = self.tallies.told(me)
        own = orjson.dumps({"counts": _plain(counts), "own": _plain(facets)})
        return b'{"type":"rows","team":%b,%b,"rows":%b}' % (self._team(), own[1:-1], self._told(reader, me, filters))

    def counts(self, me: str) -> dict[View, int]:
        """The views' numbers for one agent."""
        return self.tallies.counts(me)

    def _team(self) -> bytes:
        """The filters' numbers of the views that all have in common."""
        if not self._facets:
            self._facets.append(orjson.dumps(_plain(self.tallies.team_facets)))
        return self._facets[0]

    def _told(self, reader: Reader, me: str, filters: Filters) -> bytes:
        key = reader, filters, me if filters.view in OWN else ""
        rows = self._rows.get(key)
        if rows is None:
            listed = [filters.has(line, me) for line in self.lines]
            full = self._written(self._full, reader, html=True) if any(listed) else ()
            brief = self._written(self._brief, reader, html=False) if not all(listed) else ()
            some = (full[place] if here else brief[place] for place, here in enumerate(listed))
            rows = self._rows[key] = b"[%b]" % b",".join(some)
        return rows

    def _written(self, kept: dict[Reader, list[bytes]], reader: Reader, *, html: bool) -> list[bytes]:
        written = kept.get(reader)
        if written is None:
            written = kept[reader] = [orjson.dumps(_row(line, reader, html=html)) for line in self.lines]
        return written


def _plain(values: Mapping[View, T]) -> dict[str, T]:
    return {view.value: value for view, value in values.items()}


def _row(line: Line, reader: Reader, *, html: bool) -> dict[str, Any]:
    """``html`` for those that the list shows; ``due`` and ``who`` for the notice of somebody who waits."""
    row = {
        "id": line.id, "state": line.state.value, "agent": line.agent, "priority": line.priority,
        "due": line.late.isoformat() if line.late is not None else "",
        "who": reader.called(line.name, line.customer_id, visitor=line.channel == "webchat"),
    }  # fmt: skip
    return row | {"html": rendered("inbox/row.html", reader, line=line)} if html else row
