"""What the composing process does: it reads batches from its standard input and answers on its standard output.

Its imports are few, so that it is up in a second. It has no store, no socket and no state but what it was told.
"""

import gc
import os
import pickle
import signal
from contextlib import suppress
from typing import Any, BinaryIO

from campaigns.composing.batch import Batch, Made
from campaigns.composing.links import MessageLinks
from campaigns.composing.passing import CLAIM, LENGTH, MESSAGE, READER, Answer, Preparing, Work
from campaigns.definition import CampaignBody
from core.clock import machine_now
from core.errors import SendFailure

_HTML, _PREPARED = MESSAGE.names.index("html"), MESSAGE.names.index("prepared")


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


def _made(batch: Batch, work: Work, links: MessageLinks, preparing: dict[str, Preparing]) -> Answer:
    """The batch composed and prepared. HTML that stands in what was prepared is not carried over twice."""
    made = Made()
    for claim, reader in work.messages:
        batch.make(CLAIM.made(claim), READER.made(reader), links, made)
    messages: dict[str, tuple[Any, ...] | str] = {}
    for id_, message in made.messages.items():
        if isinstance(message, str):
            messages[id_] = message
            continue
        fields = list(MESSAGE.of(message))
        if prepare := preparing.get(message.to.channel):
            with suppress(SendFailure):  # what cannot be prepared fails when it is sent, in the adapter's own words
                fields[_PREPARED] = prepare(message, machine_now())
                fields[_HTML] = ""
        messages[id_] = tuple(fields)
    return Answer(messages, made.targets, made.choices)


def _answer(answers: BinaryIO, answer: Answer | None) -> None:
    data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
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
