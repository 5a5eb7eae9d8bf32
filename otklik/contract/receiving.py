"""How an adapter receives: forgeries are refused, repeats known, and nothing that a stranger sends makes it fall."""

import copy
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from channels.adapter import NotADelivery, ReceivesLargeBodies, ReceivesWebhooks, WebhookRequest
from core.machines.message import MessageState
from core.messages import ChannelEvent, DeliveryReport, RawInbound
from otklik.contract.driver import ACCOUNT
from otklik.contract.suite import Contract

_BOUNDS = settings(deadline=None, max_examples=60)  # a busy machine is no failure
_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class InboundContract(Contract):
    """``parse``: pure, repeatable, total. For channels that poll; those with webhooks run this as well."""

    def _parse(self, payload: bytes, key: str = "key") -> list[ChannelEvent]:
        return self.driver.reader().parse(RawInbound(ACCOUNT, self.driver.kind, key, payload))

    def test_there_are_captured_payloads(self) -> None:
        assert self.driver.inbound()

    def test_parse_is_pure(self, sample: str) -> None:
        raw = RawInbound(ACCOUNT, self.driver.kind, f"key-of-{sample}", self.driver.inbound()[sample])
        kept = copy.deepcopy(raw)
        reader = self.driver.reader()
        first = reader.parse(raw)
        assert first == reader.parse(raw) == self._parse(raw.payload, raw.key)
        assert raw == kept
        assert all(event.account == ACCOUNT for event in first)

    def test_reports_bring_the_status_that_the_driver_names(self, sample: str) -> None:
        reports = [event for event in self._parse(self.driver.inbound()[sample]) if isinstance(event, DeliveryReport)]
        assert all(report.provider_id or report.message_id for report in reports), "a report says of what"
        assert {report.status for report in reports} == {
            status for name, status in self.driver.statuses.items() if name == sample
        }

    def test_what_capabilities_promise_of_reports_is_shown_by_a_sample(self) -> None:
        capabilities = self.driver.adapter(self.driver.unreachable()).capabilities
        shown = set(self.driver.statuses.values())
        assert capabilities.reports_reading == (MessageState.READ in shown)
        if capabilities.reports_delivery:
            assert shown & {MessageState.DELIVERED, MessageState.FAILED}

    def test_parse_bears_damage(self, sample: str) -> None:
        """Whatever is cut off, struck out or put in, parsing ends without an exception."""
        payload = self.driver.inbound()[sample]

        @_BOUNDS
        @given(damaged=_damaged(payload) | _altered(payload))
        def bears(damaged: bytes) -> None:
            assert isinstance(self._parse(damaged), list)

        bears()

    def test_parse_bears_anything(self) -> None:
        @_BOUNDS
        @given(payload=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
        def bears(payload: bytes) -> None:
            assert isinstance(self._parse(payload), list)

        bears()


class WebhookContract(InboundContract):
    """``receive``: verified, cut, each delivery with its own key."""

    def _receive(self, request: WebhookRequest) -> list[RawInbound] | None:
        adapter = self.make()
        assert isinstance(adapter, ReceivesWebhooks)
        return adapter.receive(request)

    def _genuine(self, body: bytes) -> WebhookRequest:
        request = self.driver.webhook(body)
        assert request is not None, "the driver makes genuine webhooks"
        return request

    def test_a_genuine_webhook_is_taken(self, sample: str) -> None:
        body = self.driver.inbound()[sample]
        taken = self._receive(self._genuine(body))
        assert taken
        assert all((raw.account, raw.channel) == (ACCOUNT, self.driver.kind) for raw in taken)

    def test_forged_webhooks_are_refused(self, sample: str) -> None:
        genuine = self._genuine(self.driver.inbound()[sample])
        forged = self.driver.forgeries(genuine)
        assert len(forged) > 1
        assert [self._receive(request) for request in forged] == [None] * len(forged)

    def test_a_repeat_has_the_same_key_and_another_delivery_another(self) -> None:
        keys = []
        for body in self.driver.inbound().values():
            first, again = self._receive(self._genuine(body)), self._receive(self._genuine(body))
            assert first == again
            keys += [raw.key for raw in first or []]
        assert len(set(keys)) == len(keys)

    def test_large_bodies_are_admitted_by_their_head_alone(self) -> None:
        """What may be megabytes is proven before it is read; for others there is nothing to try."""
        adapter = self.make()
        genuine = self._genuine(next(iter(self.driver.inbound().values())))
        if isinstance(adapter, ReceivesLargeBodies):
            assert adapter.largest_delivery > len(genuine.body)
            assert adapter.admits(replace(genuine, body=b""))
            assert not [one for one in self.driver.forgeries(genuine) if adapter.admits(replace(one, body=b""))]

    def test_a_webhook_of_anything_is_no_error(self) -> None:
        """A body that is signed and yet nonsense, and headers of any sort."""
        genuine = self._genuine(next(iter(self.driver.inbound().values())))

        @_BOUNDS
        @given(body=st.binary(max_size=100), value=st.text(max_size=20))
        def forged(body: bytes, value: str) -> None:
            assert self._receive(replace(genuine, body=body, headers={self.driver.proof: value})) is None

        @_BOUNDS
        @given(body=_JSON.map(lambda value: json.dumps(value).encode()))
        def signed(body: bytes) -> None:
            with suppress(NotADelivery):
                assert isinstance(self._receive(self._genuine(body)), list | None)

        forged()
        signed()


def _damaged(payload: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda start, length, put: payload[:start] + put + payload[start + length :],
        st.integers(0, len(payload)),
        st.integers(0, 30),
        st.binary(max_size=8),
    )


def _altered(payload: bytes) -> st.SearchStrategy[bytes]:
    """The payload with one value of its JSON or its form replaced by another."""
    try:
        tree = json.loads(payload)
    except ValueError:
        tree = None
    if isinstance(tree, dict):
        return st.builds(lambda path, value: _with(tree, path, value), st.sampled_from(list(_paths(tree))), _JSON)
    form = parse_qsl(payload.decode("utf-8", "replace"), keep_blank_values=True)
    if not form:
        return st.binary(max_size=len(payload))
    return st.builds(
        lambda at, text: urlencode(
            [(name, text if at == index else old) for index, (name, old) in enumerate(form)]
        ).encode(),
        st.integers(0, len(form) - 1),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    )


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        found = [inner for key, value in items for inner in _paths(value, (*path, key))]
        return [path, *found] if path else found
    return [path]


def _with(tree: Any, path: tuple[Any, ...], value: Any) -> bytes:
    altered = copy.deepcopy(tree)
    place = altered
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(altered).encode()
