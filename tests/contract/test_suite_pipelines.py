"""The part of the suite for pipelines: adapters that mix up what shares a connection fail the test that is for it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from channels.accounts import read_settings
from channels.adapter import Adapter
from channels.email.adapter import EmailAdapter
from channels.email.settings import EmailSettings
from core.errors import SendFailure, TransientFailure, UnknownOutcome
from core.messages import OutboundMessage, Receipt
from otklik.contract import ACCOUNT, ChannelContract, PipelineContract
from tests.contract.drivers.email import EmailDriver

Following = OutboundMessage | None


class MixesUpReplies(EmailAdapter):
    """Gives each message the answer to the one before."""

    _before: Receipt | SendFailure | None = None

    async def send_before(self, message: OutboundMessage, following: Following) -> Receipt:
        now: Receipt | SendFailure
        try:
            now = await super().send_before(message, following)
        except SendFailure as failure:
            now = failure
        given, self._before = self._before or now, now
        if isinstance(given, SendFailure):
            raise given
        return given


class SendsAhead(EmailAdapter):
    """Sends at once what it is told will follow."""

    async def send_before(self, message: OutboundMessage, following: Following) -> Receipt:
        receipt = await super().send_before(message, None)
        if following is not None:
            await super().send_before(following, None)
        return receipt


class TriesAgain(EmailAdapter):
    """Takes silence for a loss."""

    async def send_before(self, message: OutboundMessage, following: Following) -> Receipt:
        try:
            return await super().send_before(message, following)
        except UnknownOutcome:
            raise TransientFailure("surely not sent") from None


class DoubtsEverything(EmailAdapter):
    """Knows nothing of a message whose connection was cut, however early."""

    async def send_before(self, message: OutboundMessage, following: Following) -> Receipt:
        reply = await super().send_before(message, following)
        if message.id.endswith("2"):
            raise UnknownOutcome("there was a cut")
        return reply


class CarriesOn(EmailAdapter):
    """Puts the next content under the envelope that is open."""

    _open: Following = None

    def abandon(self, message: OutboundMessage) -> None:
        super().abandon(message)
        self._open = message

    async def send_before(self, message: OutboundMessage, following: Following) -> Receipt:
        to = self._open.to if self._open is not None else message.to
        return await super().send_before(replace(message, to=to), following)


class WorksOn(EmailAdapter):
    """Sends what follows when the message before it is cancelled."""

    async def send_before(self, message: OutboundMessage, following: Following) -> Receipt:
        try:
            return await super().send_before(message, None)
        except asyncio.CancelledError:
            if following is not None:
                await super().send_before(following, None)
            raise


class Driver(EmailDriver):
    def __init__(self, kind: type[EmailAdapter]) -> None:
        self._kind = kind

    def adapter(self, options: Mapping[str, object]) -> Adapter:
        return self._kind(read_settings(EmailSettings, ACCOUNT, options))


BREACHES = [
    (MixesUpReplies, "test_every_reply_finds_its_own_message"),
    (SendsAhead, "test_nothing_that_follows_is_sent_before_its_call"),
    (TriesAgain, "test_a_cut_makes_unknown_what_was_under_way_and_nothing_else"),
    (DoubtsEverything, "test_a_cut_ahead_of_a_message_is_proven_not_sent"),
    (CarriesOn, "test_what_was_announced_and_abandoned_carries_nobody_else"),
    (WorksOn, "test_a_cancelled_send_leaves_the_following_unsent"),
]


@pytest.mark.parametrize(("breach", "name"), BREACHES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_breach_is_seen(breach: type[EmailAdapter], name: str) -> None:
    case = PipelineContract()
    case.driver = Driver(EmailAdapter)
    await getattr(case, name)()
    case.driver = Driver(breach)
    with pytest.raises((AssertionError, SendFailure, pytest.fail.Exception)):
        await getattr(case, name)()


def test_every_test_of_the_part_has_its_breach() -> None:
    assert {name for _, name in BREACHES} == {name for name in vars(PipelineContract) if name.startswith("test_")}


def test_an_adapter_that_pipelines_without_that_part_is_seen() -> None:
    case = ChannelContract()
    case.driver = EmailDriver()
    with pytest.raises(AssertionError, match="inherit PipelineContract"):
        case.test_one_that_pipelines_runs_that_part_of_the_contract_too()
