"""What the composing process does: it reads batches from its standard input and answers on its standard output.

Its imports are few, so that it is up in a second. It has no store, no socket and no state but what it was told.
"""

import gc
import os
import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO, NamedTuple

from campaigns.composing.batch import Batch, Made, Reader
from campaigns.composing.links import MessageLinks
from campaigns.definition import CampaignBody, WorkspaceConfig
from core.clock import machine_now
from core.dispatching import Claim
from core.errors import SendFailure
from core.messages import OutboundMessage

LENGTH = 8
"""Bytes before an answer that say how long it is; big-endian."""
Preparing = Callable[[OutboundMessage, datetime], bytes]
"""What an adapter will send for a message; the instant is machine time. Can be pickled."""


class Work(NamedTuple):
    """A batch to compose. ``bodies`` are the versions that were not told before, or not since all were forgotten."""

    now: datetime
    config: WorkspaceConfig
    bodies: dict[str, CampaignBody]
    forget: bool
    messages: Sequence[tuple[Claim, Reader]]


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    links, preparing = pickle.load(requests)  # noqa: S301  whoever started us
    _answer(answers, None)
    bodies: dict[str, CampaignBody] = {}
    while True:
        try:
            work: Work = pickle.load(requests)  # noqa: S301  as above
        except (EOFError, pickle.UnpicklingError):  # they are gone, perhaps in the midst of a word
            return
        if work.forget:
            bodies.clear()
        bodies.update(work.bodies)
        _answer(answers, _made(Batch(work.config, bodies, work.now), work, links, preparing))


def _made(batch: Batch, work: Work, links: MessageLinks, preparing: dict[str, Preparing]) -> Made:
    """The batch composed and prepared. HTML that stands in what was prepared is not carried over twice."""
    made = Made()
    for claim, reader in work.messages:
        batch.make(claim, reader, links, made)
    for id_, message in made.messages.items():
        if isinstance(message, OutboundMessage) and (prepare := preparing.get(message.to.channel)):
            with suppress(SendFailure):  # what cannot be prepared fails when it is sent, in the adapter's own words
                made.messages[id_] = replace(message, prepared=prepare(message, machine_now()), html="")
    return made


def _answer(answers: BinaryIO, made: Made | None) -> None:
    data = pickle.dumps(made, pickle.HIGHEST_PROTOCOL)
    answers.write(len(data).to_bytes(LENGTH) + data)
    answers.flush()


def main() -> None:
    """Keep the two pipes for ourselves: whatever prints goes to standard error. Signals are for who started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    with suppress(BrokenPipeError):
        serve(requests, answers)


if __name__ == "__main__":
    main()
