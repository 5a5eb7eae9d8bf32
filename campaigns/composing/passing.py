"""What passes between the service and the process that composes bulk: batches one way, what was made of them back.

Claims, readers and messages pass as their fields, which takes a third of the time of passing them as they are.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.composing.batch import Made, Reader
from campaigns.definition import CampaignBody, WorkspaceConfig
from core.dispatching import Claim
from core.messages import Button, OutboundMessage
from core.values import Fields

LENGTH = 8
"""Bytes before an answer that say how long it is; big-endian."""
CLAIM, READER, MESSAGE = Fields(Claim), Fields(Reader), Fields(OutboundMessage)
Preparing = Callable[[OutboundMessage, datetime], bytes]
"""What an adapter will send for a message; the instant is machine time. Can be pickled."""


class Work(NamedTuple):
    """A batch to compose. ``bodies`` are the versions that were not told before, or not since all were forgotten.

    ``messages`` are claims with their readers, either as its fields.
    """

    now: datetime
    config: WorkspaceConfig
    bodies: dict[str, CampaignBody]
    forget: bool
    messages: Sequence[tuple[tuple[Any, ...], tuple[Any, ...]]]


class Answer(NamedTuple):
    """What was made of a :class:`Work`: :class:`Made`, its messages as their fields or the reason in words."""

    messages: dict[str, tuple[Any, ...] | str]
    targets: dict[str, str]
    choices: dict[str, Sequence[Button]]

    def made(self) -> Made:
        """As whoever asked wants it."""
        messages = {id_: one if isinstance(one, str) else MESSAGE.made(one) for id_, one in self.messages.items()}
        return Made(messages, self.targets, self.choices)
