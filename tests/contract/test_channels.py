"""The channel contract: one suite over every registered kind."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.adapter import Adapter, Polls, ReceivesWebhooks
from channels.registry import ADAPTERS, make, make_mailbox
from core.errors import (
    ChannelFault,
    ConfigurationError,
    PermanentFailure,
    PermanentKind,
    TransientFailure,
    UnknownOutcome,
)
from core.messages import RawInbound
from tests.contract.drivers import DRIVERS, REQUIRED, Expected, Fact

CLASSES = {
    "transient": TransientFailure,
    "permanent": PermanentFailure,
    "unknown": UnknownOutcome,
    "fault": ChannelFault,
}
KINDS = sorted(DRIVERS)
FACTS = [pytest.param(kind, fact, id=f"{kind}: {fact.name}") for kind in KINDS for fact in DRIVERS[kind].facts]
WEBHOOK_KINDS = [kind for kind in KINDS if DRIVERS[kind].webhook(b"") is not None]
FIXTURES = [
    pytest.param(kind, name, id=f"{kind}: {name}") for kind in KINDS for name in sorted(DRIVERS[kind].inbound())
]


def made(kind: str, options: dict[str, object] | None = None) -> Adapter:
    return make(kind, "one", DRIVERS[kind].unreachable() if options is None else options)


def reader(kind: str) -> ReceivesWebhooks | Polls:
    """What parses this kind's deliveries: the adapter, or for mail its mailbox."""
    adapter = made(kind)
    if isinstance(adapter, ReceivesWebhooks | Polls):
        return adapter
    mailbox = make_mailbox("one", DRIVERS[kind].unreachable() | {"imap_host": "127.0.0.1"})
    assert mailbox is not None
    return mailbox


@asynccontextmanager
async def opened(adapter: Adapter) -> AsyncIterator[Adapter]:
    await adapter.open()
    try:
        yield adapter
    finally:
        await adapter.close()


def test_every_registered_kind_has_its_cases() -> None:
    assert sorted(ADAPTERS) == KINDS
    for kind in KINDS:
        assert {fact.name for fact in DRIVERS[kind].facts} >= set(REQUIRED), kind


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_is_what_it_says(kind: str) -> None:
    adapter = made(kind)
    assert isinstance(adapter, Adapter)
    assert (adapter.account, adapter.capabilities.channel) == ("one", kind)


@pytest.mark.parametrize(("kind", "fact"), FACTS)
async def test_each_answer_has_its_outcome(kind: str, fact: Fact) -> None:
    driver = DRIVERS[kind]
    async with driver.provider(fact.script) as provider, opened(made(kind, provider.options)) as adapter:
        if fact.expected.receipt:
            receipt = await adapter.send(driver.message)
            assert fact.expected.receipt in receipt.provider_id
            assert provider.taken() == 1
            return
        with pytest.raises(CLASSES[fact.expected.failure]) as caught:
            await adapter.send(driver.message)
        assert type(caught.value) is CLASSES[fact.expected.failure]
        _check(caught.value, fact.expected)
        assert provider.taken() <= 1, "an adapter makes one attempt"


def _check(failure: BaseException, expected: Expected) -> None:
    assert str(failure), "a failure says why"
    if isinstance(failure, PermanentFailure):
        assert failure.kind is expected.kind
    if isinstance(failure, TransientFailure):
        assert failure.retry_after == expected.retry_after


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_connection_is_proven_not_sent(kind: str) -> None:
    async with opened(made(kind)) as adapter:
        with pytest.raises(TransientFailure):
            await adapter.send(DRIVERS[kind].message)


@pytest.mark.parametrize("kind", KINDS)
async def test_check_tells_what_is_wrong_without_a_provider(kind: str) -> None:
    async with opened(made(kind)) as adapter:
        with pytest.raises(ConfigurationError, match=r"\w"):
            await adapter.check()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_text_over_the_limit_is_refused_not_cut(kind: str) -> None:
    driver = DRIVERS[kind]
    async with driver.provider(driver.facts[0].script) as provider, opened(made(kind, provider.options)) as adapter:
        long = replace(driver.message, text="я" * (adapter.capabilities.text_limit + 1))
        with pytest.raises(PermanentFailure) as caught:
            await adapter.send(long)
        assert caught.value.kind is PermanentKind.CONTENT_REFUSED
        assert provider.taken() == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_secrets_stay_inside(kind: str) -> None:
    """Not in a repr, a message, or anything chained to an exception."""
    driver = DRIVERS[kind]
    told = []
    async with opened(made(kind)) as adapter:
        told += [repr(adapter), str(adapter), repr(adapter.capabilities)]
        for call in (lambda: adapter.send(driver.message), adapter.check):
            with pytest.raises(Exception) as caught:
                await call()
            told.append("".join(traceback.format_exception(caught.value)))
            told += _chained(caught.value)
    for fact in driver.facts:
        if fact.expected.receipt or fact.expected.failure == "permanent":
            continue
        async with driver.provider(fact.script) as provider, opened(made(kind, provider.options)) as adapter:
            with pytest.raises(Exception) as caught:
                await adapter.send(driver.message)
            told += _chained(caught.value)
    for secret in driver.secrets:
        assert not any(secret in text for text in told)


def _chained(error: BaseException | None) -> list[str]:
    told = []
    while error is not None:
        told += [str(error), repr(error), repr(getattr(error, "__dict__", ""))]
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize(("kind", "name"), FIXTURES)
def test_parse_is_pure(kind: str, name: str) -> None:
    payload = DRIVERS[kind].inbound()[name]
    read = reader(kind)
    raw = RawInbound("one", kind, f"key-of-{name}", payload)
    first = read.parse(raw)
    assert first == read.parse(raw) == reader(kind).parse(raw)
    assert raw == RawInbound("one", kind, f"key-of-{name}", payload)
    assert all(event.account == "one" for event in first)


@pytest.mark.parametrize(("kind", "name"), FIXTURES)
@given(data=st.data())
def test_parse_is_total(kind: str, name: str, data: st.DataObject) -> None:
    """Whatever is cut off or struck out, parsing ends without an exception."""
    payload = DRIVERS[kind].inbound()[name]
    start = data.draw(st.integers(0, len(payload)))
    length = data.draw(st.integers(0, 30))
    damaged = payload[:start] + data.draw(st.binary(max_size=8)) + payload[start + length :]
    assert isinstance(reader(kind).parse(RawInbound("one", kind, "k", damaged)), list)


@pytest.mark.parametrize("kind", WEBHOOK_KINDS)
def test_forged_webhooks_are_refused(kind: str) -> None:
    adapter = made(kind)
    assert isinstance(adapter, ReceivesWebhooks)
    for body in DRIVERS[kind].inbound().values():
        genuine = DRIVERS[kind].webhook(body)
        assert genuine is not None
        assert adapter.receive(genuine)
        proof = next(name for name in genuine.headers if name.startswith("x-"))
        without = {name: value for name, value in genuine.headers.items() if name != proof}
        forged = [
            replace(genuine, headers=without),
            replace(genuine, headers=without | {proof: ""}),
            replace(genuine, headers=without | {proof: "é"}),
            replace(genuine, headers=without | {proof: genuine.headers[proof][:-2]}),
            replace(genuine, headers=without | {proof: genuine.headers[proof].swapcase()}),
        ]
        assert [adapter.receive(request) for request in forged] == [None] * len(forged)


@pytest.mark.parametrize("kind", [kind for kind in WEBHOOK_KINDS if kind != "telegram"])  # its proof is a bare secret
def test_a_signature_covers_body_and_address(kind: str) -> None:
    adapter = made(kind)
    assert isinstance(adapter, ReceivesWebhooks)
    body = next(iter(DRIVERS[kind].inbound().values()))
    genuine = DRIVERS[kind].webhook(body)
    assert genuine is not None
    assert adapter.receive(replace(genuine, body=body + b"&Body=forged")) is None
    assert adapter.receive(replace(genuine, url="https://other.example/webhooks/one?via=proxy")) is None
    assert adapter.receive(replace(genuine, headers={**genuine.headers, "content-type": "application/json"})) is None


@pytest.mark.parametrize("kind", WEBHOOK_KINDS)
def test_a_repeat_has_the_same_key_and_another_delivery_another(kind: str) -> None:
    keys = []
    for body in DRIVERS[kind].inbound().values():
        request = DRIVERS[kind].webhook(body)
        adapter, again = made(kind), made(kind)
        assert isinstance(adapter, ReceivesWebhooks)
        assert isinstance(again, ReceivesWebhooks)
        assert request is not None
        (first,) = adapter.receive(request) or []
        (second,) = again.receive(request) or []
        assert first == second
        assert (first.account, first.payload) == ("one", body)
        keys.append(first.key)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_settings_are_named(kind: str) -> None:
    options = DRIVERS[kind].unreachable()
    with pytest.raises(ConfigurationError, match=r"one\.timeuot: no such setting; did you mean timeout"):
        make(kind, "one", options | {"timeuot": 1})
    with pytest.raises(ConfigurationError, match=r"one\.timeout: must be a number"):
        make(kind, "one", options | {"timeout": "soon"})
    with pytest.raises(ConfigurationError, match="is missing"):
        make(kind, "one", {})
