"""What each provider accepted or refused, in the order it happened: the oracle of delivery tests.

A message is *accepted* from the moment on which the provider could deliver it (the final dot of a mail, the whole
body of a request), even when the client never hears of it. The ledger lives in a JSON-lines file, written through
entry by entry without fsync (it survives the death of this process), and only offsets are kept in memory.
"""

import os
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from sandbox.clock import BusinessClock, iso

TEXT_LIMIT = 2000  # characters of a message kept in its entry

_PROVIDERS = ("smtp", "telegram", "twilio", "gateway")


class Ledger:
    """Append-only entries, numbered from 1."""

    def __init__(self, clock: BusinessClock, path: Path | None = None) -> None:
        self._clock = clock
        self._file: IO[bytes]
        if path is None:
            self._file = tempfile.TemporaryFile(prefix="sandbox-ledger-")  # noqa: SIM115 - lives as long as self
        else:
            self._file = path.open("w+b", buffering=0)
        self._fd = self._file.fileno()
        self._offsets = array("Q", [0])
        self._kinds = bytearray()  # one byte an entry: index of the provider, plus 8 when accepted
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._kinds)

    def record(
        self,
        provider: str,
        channel: str,
        *,
        account: str,
        to: str,
        accepted: bool,
        provider_id: str | None = None,
        otklik_id: str | None = None,
        text: str = "",
        subject: str | None = None,
        code: int | None = None,
        fault: str | None = None,
    ) -> int:
        """Write one entry and return its number. ``code`` is the provider's own code of a refusal."""
        number = len(self._kinds) + 1
        line = (
            orjson.dumps(
                {
                    "n": number,
                    "at": iso(self._clock.micros()),
                    "provider": provider,
                    "channel": channel,
                    "account": account,
                    "to": to,
                    "provider_id": provider_id,
                    "otklik_id": otklik_id,
                    "text": text[:TEXT_LIMIT].encode("utf-8", "replace").decode(),
                    "subject": subject,
                    "accepted": accepted,
                    "code": code,
                    "fault": fault,
                }
            )
            + b"\n"
        )
        os.pwrite(self._fd, line, self._offsets[-1])
        self._offsets.append(self._offsets[-1] + len(line))
        self._kinds.append(_PROVIDERS.index(provider) + (8 if accepted else 0))
        (self.accepted if accepted else self.refused)[channel] += 1
        return number

    def lines(
        self, after: int = 0, provider: str | None = None, *, accepted: bool | None = None, limit: int | None = None
    ) -> Iterator[bytes]:
        """Entries numbered above ``after`` that fit, as JSON lines (each with its newline)."""
        index = None if provider is None else _PROVIDERS.index(provider)
        left = limit if limit is not None else -1
        for position in range(max(after, 0), len(self._kinds)):
            kind = self._kinds[position]
            if (index is not None and kind & 7 != index) or (accepted is not None and bool(kind & 8) != accepted):
                continue
            if left == 0:
                return
            left -= 1
            start = self._offsets[position]
            yield os.pread(self._fd, self._offsets[position + 1] - start, start)

    def count(self) -> dict[str, Any]:
        """Totals: {"total", "accepted", "refused", "by_channel": {channel: {"accepted", "refused"}}}."""
        channels = sorted({*self.accepted, *self.refused})
        return {
            "total": len(self),
            "accepted": self.accepted.total(),
            "refused": self.refused.total(),
            "by_channel": {name: {"accepted": self.accepted[name], "refused": self.refused[name]} for name in channels},
        }

    def close(self) -> None:
        """Close the file; nothing is lost, every entry was written when it was made."""
        self._file.close()
