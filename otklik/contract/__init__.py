"""The channel contract: the suite that every adapter passes, our own and everybody's.

An author writes a :class:`Driver` and inherits the parts that fit::

    class TestMyChannel(ChannelContract):  # sends only
        driver = MyDriver()

with :class:`InboundContract` beside it for a channel that polls, :class:`WebhookContract` for one whose provider calls
us, and :class:`PipelineContract` for one that announces what comes next. It needs the extra
``otklik[contract]``; pytest finds the suite's fixtures by itself.
"""

from otklik.contract.driver import ACCOUNT, MESSAGE_ID, Driver, Running
from otklik.contract.facts import (
    ACCEPTED,
    CHECK,
    DROPPED,
    FAULT,
    REFUSED_CONNECTION,
    REQUIRED,
    SILENT,
    UNKNOWN,
    Expected,
    Fact,
    accepted,
    permanent,
    transient,
)
from otklik.contract.keeping import KeepingContract
from otklik.contract.pipelining import CUT_AFTER, CUT_AHEAD, REFUSED, UNANSWERED, PipelineContract, PipelineDriver
from otklik.contract.receiving import InboundContract, WebhookContract
from otklik.contract.sending import SendingContract
from otklik.contract.servers import DROP, SILENCE, Http, HttpServer, closed_port, http_server


class ChannelContract(SendingContract, KeepingContract):
    """What every adapter passes."""


__all__ = [
    "ACCEPTED",
    "ACCOUNT",
    "CHECK",
    "CUT_AFTER",
    "CUT_AHEAD",
    "DROP",
    "DROPPED",
    "FAULT",
    "MESSAGE_ID",
    "REFUSED",
    "REFUSED_CONNECTION",
    "REQUIRED",
    "SILENCE",
    "SILENT",
    "UNANSWERED",
    "UNKNOWN",
    "ChannelContract",
    "Driver",
    "Expected",
    "Fact",
    "Http",
    "HttpServer",
    "InboundContract",
    "PipelineContract",
    "PipelineDriver",
    "Running",
    "WebhookContract",
    "accepted",
    "closed_port",
    "http_server",
    "permanent",
    "transient",
]
