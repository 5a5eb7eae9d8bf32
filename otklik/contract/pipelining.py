"""How an adapter sends over a shared connection: every reply finds its message, and a cut harms one of them only."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from channels.adapter import Pipelines
from core.errors import PermanentFailure, SendFailure, TransientFailure, UnknownOutcome
from core.messages import OutboundMessage, Receipt
from otklik.contract.driver import Driver, Running
from otklik.contract.suite import Contract, opened, until

REFUSED = "refused"
"""The provider takes nothing for this recipient, for good."""
CUT_AFTER = "cut after the content"
"""It breaks off once it has read the message, without a word."""
CUT_AHEAD = "cut before the content"
"""It breaks off once, at what announces the message."""
UNANSWERED = "no answer to the content"
"""It reads the message and stays silent."""
MANY = 12


class PipelineDriver(Driver):
    """What a driver says beside the rest where several messages share a connection.

    Its options allow one connection, and its ``Running.delivered`` is filled.
    """

    @abstractmethod
    def message_to(self, number: int) -> OutboundMessage:
        """One of several messages: ids, recipients and texts differ, and ``recipient-NUMBER`` is in the address."""

    @abstractmethod
    def to_each(self, does: Mapping[int, str]) -> Any:
        """A script: what the provider does with messages by their number, one of the words above; others it takes."""


class PipelineContract(Contract):
    """What may go ahead of a message is everything but the message."""

    driver: PipelineDriver

    @pytest.mark.asyncio
    async def test_every_reply_finds_its_own_message(self) -> None:
        refused = {number for number in range(MANY) if number % 4 == 2 or number == MANY - 1}
        async with self._running(dict.fromkeys(refused, REFUSED)) as (provider, adapter):
            told = await self._in_a_row(adapter, range(MANY))
            for number, outcome in told.items():
                assert isinstance(outcome, PermanentFailure if number in refused else Receipt), f"message {number}"
            ids = {outcome.provider_id for outcome in told.values() if isinstance(outcome, Receipt)}
            assert len(ids) == MANY - len(refused), "every message that was taken has an id of its own"
            self._each_came_to_its_own(provider, set(range(MANY)) - refused)

    @pytest.mark.asyncio
    async def test_nothing_that_follows_is_sent_before_its_call(self) -> None:
        async with self._running({}) as (provider, adapter):
            await adapter.send_before(self._message(0), self._message(1))
            assert provider.taken() == 1
            await adapter.send_before(self._message(1), None)
            self._each_came_to_its_own(provider, {0, 1})

    @pytest.mark.asyncio
    async def test_a_cut_makes_unknown_what_was_under_way_and_nothing_else(self) -> None:
        async with self._running({2: CUT_AFTER}) as (provider, adapter):
            told = await self._in_a_row(adapter, range(5))
            assert type(told[2]) is UnknownOutcome
            others = {number: outcome for number, outcome in told.items() if number != 2}
            assert {type(outcome) for outcome in others.values()} <= {Receipt, TransientFailure}
            self._each_came_to_its_own(provider, {n for n, outcome in others.items() if isinstance(outcome, Receipt)})
            assert provider.taken() == len(provider.delivered()) + 1, "what is unknown was sent once"

    @pytest.mark.asyncio
    async def test_a_cut_ahead_of_a_message_is_proven_not_sent(self) -> None:
        async with self._running({2: CUT_AHEAD}) as (provider, adapter):
            told = await self._in_a_row(adapter, range(5))
            assert {type(outcome) for outcome in told.values()} <= {Receipt, TransientFailure}
            assert isinstance(told[1], Receipt), "it was answered before the cut"
            self._each_came_to_its_own(provider, {n for n, outcome in told.items() if isinstance(outcome, Receipt)})
            assert provider.taken() == len(provider.delivered())

    @pytest.mark.asyncio
    async def test_what_was_announced_and_abandoned_carries_nobody_else(self) -> None:
        async with self._running({}) as (provider, adapter):
            await adapter.send_before(self._message(0), self._message(1))
            adapter.abandon(self._message(1))
            await adapter.send_before(self._message(2), None)
            self._each_came_to_its_own(provider, {0, 2})

    @pytest.mark.asyncio
    async def test_a_cancelled_send_leaves_the_following_unsent(self) -> None:
        async with self._running({0: UNANSWERED}) as (provider, adapter):
            sending = asyncio.ensure_future(adapter.send_before(self._message(0), self._message(1)))
            await until(lambda: provider.taken() or sending.done(), "the content")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            adapter.abandon(self._message(1))
            assert not provider.delivered()
            await adapter.send_before(self._message(2), None)
            self._each_came_to_its_own(provider, {2})

    def _message(self, number: int) -> OutboundMessage:
        return self.driver.message_to(number)

    async def _in_a_row(self, adapter: Pipelines, numbers: Sequence[int]) -> dict[int, Receipt | SendFailure]:
        """Send them as dispatch does, each announced behind the one before; what came of each."""
        told: dict[int, Receipt | SendFailure] = {}
        for number in numbers:
            following = self._message(number + 1) if number + 1 in numbers else None
            try:
                told[number] = await adapter.send_before(self._message(number), following)
            except SendFailure as failure:
                told[number] = failure
        return told

    def _each_came_to_its_own(self, provider: Running, numbers: set[int]) -> None:
        """Each of ``numbers`` once, its text to its recipient; nobody else got anything."""
        came = []
        for recipient, content in provider.delivered():
            told = self.driver.readable(content)
            matching = [number for number in range(MANY) if self._message(number).text in told]
            assert len(matching) == 1, "one text in one message"
            assert recipient == self._message(matching[0]).to.value, "a text went to somebody else's recipient"
            came += matching
        assert sorted(came) == sorted(numbers)

    @asynccontextmanager
    async def _running(self, does: Mapping[int, str]) -> AsyncIterator[tuple[Running, Pipelines]]:
        async with self.driver.provider(self.driver.to_each(does)) as provider:
            adapter = self.make(self.driver.patient(provider.options))  # nothing here waits for a time-out
            async with opened(adapter):
                assert isinstance(adapter, Pipelines), "the adapter has send_before and abandon"
                yield provider, adapter
