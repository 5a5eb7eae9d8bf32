"""How an adapter sends: each answer of the provider has its outcome, and what is carried is what was promised."""

import asyncio
import pickle
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from channels.adapter import Adapter, Pipelines, Polls, Prepares, ReceivesWebhooks
from channels.registry import kinds
from core.clock import machine_now
from core.errors import (
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    SendFailure,
    TransientFailure,
    UnknownOutcome,
)
from core.messages import Attachment, Button, OutboundMessage
from otklik.contract.driver import ACCOUNT, Running
from otklik.contract.facts import ACCEPTED, CHECK, FAILURES, REFUSED_CONNECTION, REQUIRED, SILENT, Expected, Fact
from otklik.contract.suite import Contract, opened

_BREAK = "\r\nX-Injected: yes"


class SendingContract(Contract):
    """One attempt a call, and an honest word on how it ended."""

    def test_the_driver_shows_what_every_driver_must(self) -> None:
        names = [fact.name for fact in self.driver.facts]
        assert len(set(names)) == len(names), "two facts have one name"
        assert set(REQUIRED) <= {*names, *self.driver.lacks}

    def test_the_kind_is_registered(self) -> None:
        assert self.driver.kind in kinds(), "built-in kinds stand in ADAPTERS, others are entry points"

    def test_an_adapter_is_what_it_says(self) -> None:
        adapter = self.make()
        assert isinstance(adapter, Adapter)
        assert (adapter.account, adapter.capabilities.channel) == (ACCOUNT, self.driver.kind)
        assert adapter.capabilities.text_limit > 0
        assert adapter.capabilities.sessions > 0

    def test_one_that_receives_runs_that_part_of_the_contract_too(self) -> None:
        from otklik.contract.receiving import InboundContract, WebhookContract

        adapter = self.make()
        if isinstance(adapter, ReceivesWebhooks):
            assert isinstance(self, WebhookContract), "the adapter receives webhooks: inherit WebhookContract"
        elif isinstance(adapter, Polls):
            assert isinstance(self, InboundContract), "the adapter polls: inherit InboundContract"

    def test_one_that_pipelines_runs_that_part_of_the_contract_too(self) -> None:
        from otklik.contract.pipelining import PipelineContract

        if isinstance(self.make(), Pipelines):
            assert isinstance(self, PipelineContract), "the adapter pipelines: inherit PipelineContract"

    @pytest.mark.asyncio
    async def test_what_is_prepared_elsewhere_is_what_arrives(self) -> None:
        """``prepare`` goes to another process, and what it makes there is sent as it is."""
        async with self.facing(self.needed(ACCEPTED)) as (provider, adapter):
            if not isinstance(adapter, Prepares):
                return
            now = machine_now()
            prepared = pickle.loads(pickle.dumps(adapter.prepare))(self.driver.message, now)  # noqa: S301  our own
            assert prepared == adapter.prepare(self.driver.message, now), "it is not pure"
            await adapter.send(replace(self.driver.message, html="", prepared=prepared))
            assert provider.contents == [prepared]

    @pytest.mark.asyncio
    async def test_each_answer_has_its_outcome(self, fact: Fact) -> None:
        async with self.facing(fact) as (provider, adapter):
            if fact.expected.receipt:
                receipt = await adapter.send(self.driver.message)
                assert fact.expected.receipt in receipt.provider_id
                assert provider.taken() == 1
                return
            wanted = FAILURES[fact.expected.failure]
            if fact.name == SILENT:
                failure: BaseException = await self.unanswered(provider, adapter)
            else:
                with pytest.raises(wanted) as caught:
                    await adapter.send(self.driver.message)
                failure = caught.value
            assert type(failure) is wanted
            _check(failure, fact.expected)
            assert provider.taken() <= 1, "an adapter makes one attempt; trying again is dispatch's"

    @pytest.mark.asyncio
    async def test_a_refused_connection_is_proven_not_sent(self) -> None:
        async with opened(self.make()) as adapter:
            told = UnknownOutcome if REFUSED_CONNECTION in self.driver.lacks else TransientFailure
            with pytest.raises(told):
                await adapter.send(self.driver.message)

    @pytest.mark.asyncio
    async def test_a_silent_provider_is_left_after_the_time_out(self) -> None:
        async with self.facing(self.needed(SILENT)) as (provider, adapter):
            assert type(await self.unanswered(provider, adapter)) is UnknownOutcome

    @pytest.mark.asyncio
    async def test_sends_at_once_are_each_one_request(self) -> None:
        fact = self.needed(ACCEPTED)
        async with self.facing(fact) as (provider, adapter):
            count = min(adapter.capabilities.sessions, 8)
            receipts = await asyncio.gather(*(adapter.send(self.driver.message) for _ in range(count)))
            assert all(fact.expected.receipt in receipt.provider_id for receipt in receipts)
            assert provider.taken() == count

    @pytest.mark.asyncio
    async def test_check_tells_what_is_wrong_without_a_provider(self) -> None:
        async with opened(self.make()) as adapter:
            if CHECK in self.driver.lacks:
                assert await adapter.check()
                return
            with pytest.raises(ConfigurationError, match=r"\w"):
                await adapter.check()

    @pytest.mark.parametrize("letter", ["w", "ж", "😀"], ids=["latin", "cyrillic", "emoji"])
    @pytest.mark.asyncio
    async def test_a_text_over_the_limit_is_refused_or_split_never_cut(self, letter: str) -> None:
        async with self.facing(self.needed(ACCEPTED)) as (provider, adapter):
            words = [f"{letter}{number:07d}" for number in range(adapter.capabilities.text_limit // 9 + 1)]
            refusal = None
            try:
                await adapter.send(replace(self.driver.message, text=" ".join(words)))
            except PermanentFailure as failure:
                refusal = failure
            if refusal is not None:
                assert refusal.kind is PermanentKind.CONTENT_REFUSED
                assert provider.taken() == 0
                return
            told = "\n".join(self.driver.readable(content) for content in provider.contents)
            assert set(words) <= set(re.findall(rf"{letter}\d{{7}}", told)), "a part of the text was lost"

    @pytest.mark.asyncio
    async def test_buttons_are_carried_or_refused(self) -> None:
        buttons = (Button("Tell me more", "more"), Button("The shop", url="https://shop.example"))
        limit = self.make().capabilities.buttons
        message = replace(self.driver.message, buttons=buttons[: limit or None])
        await self._carried_or_refused(message, promised=limit > 0, what=[button.label for button in message.buttons])

    @pytest.mark.asyncio
    async def test_attachments_are_carried_or_refused(self) -> None:
        file = Attachment("prices.txt", "text/plain", 5, content=b"1 EUR")
        message = replace(self.driver.message, attachments=(file,))
        await self._carried_or_refused(message, promised=self.make().capabilities.attachments, what=["prices.txt"])

    async def _carried_or_refused(self, message: OutboundMessage, *, promised: bool, what: list[str]) -> None:
        """What is promised reaches the provider; what is not does so in another shape, or is refused before sending."""
        async with self.facing(self.needed(ACCEPTED)) as (provider, adapter):
            refusal = None
            try:
                await adapter.send(message)
            except PermanentFailure as failure:
                refusal = failure
            if refusal is None:
                told = "\n".join(self.driver.readable(content) for content in provider.contents)
                assert not [part for part in what if part not in told], "a part of the message was dropped"
                return
            assert not promised, f"capabilities promise it, and yet: {refusal}"
            assert refusal.kind is PermanentKind.UNSUPPORTED
            assert provider.taken() == 0

    @pytest.mark.parametrize(
        "field", ["subject", "to_name", "reply_to", "in_reply_to", "unsubscribe_url", "unsubscribe_mailto", "address"]
    )
    @pytest.mark.asyncio
    async def test_a_line_break_in_a_field_starts_no_line_of_its_own(self, field: str) -> None:
        message = _poisoned(self.driver.message, field)
        async with self.facing(self.needed(ACCEPTED)) as (provider, adapter):
            with suppress(SendFailure):
                await adapter.send(message)
            assert not _injected(provider)


def _check(failure: BaseException, expected: Expected) -> None:
    assert str(failure), "a failure says why"
    if isinstance(failure, PermanentFailure):
        assert failure.kind is expected.kind
    if isinstance(failure, TransientFailure):
        assert failure.retry_after == expected.retry_after


def _poisoned(message: OutboundMessage, field: str) -> OutboundMessage:
    if field == "address":
        return replace(message, to=replace(message.to, value=message.to.value + _BREAK))
    poisoned: dict[str, Any] = {field: f"{getattr(message, field) or 'Hello'}{_BREAK}"}
    return replace(message, **poisoned)


def _injected(provider: Running) -> list[str]:
    """Lines that the break began: in contents, header lines and commands."""
    lines = [line for content in provider.contents for line in content.decode("utf-8", "replace").splitlines()]
    return [line for line in [*lines, *provider.spoken()] if line.lower().startswith("x-injected")]
