"""What a gateway delivers to us: proven by a shared secret, cut into single deliveries, read as events. Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from channels.adapter import WebhookRequest
from channels.gateway.description import Gateway, Webhook
from channels.gateway.finding import as_text, at, data_of
from channels.gateway.numbers import read
from core.machines.message import MessageState
from core.messages import SMS, Address, ChannelEvent, DeliveryReport, InboundMessage, RawInbound
from core.text import clipped

MAX_FIELDS = 1000
MAX_ITEMS = 1000


def receive(webhook: Webhook, request: WebhookRequest, account: str) -> list[RawInbound] | None:
    """The deliveries in a request, each as JSON under a key of its own; None for a request without the proof.

    The proof itself is left out of what is kept.
    """
    query = _pairs(urlsplit(request.url).query)
    if query is None or not hmac.compare_digest(_shown(webhook, request, query).encode(), webhook.proof.encode()):
        return None
    if webhook.encoding == "json":
        data = data_of(request.body.decode("utf-8", "replace"))
        items = at(webhook.items, data) if webhook.items else data
    else:
        items = dict(query if webhook.encoding == "query" else _pairs(request.body.decode("utf-8", "replace")) or ())
        if webhook.proof_in == "query" and webhook.encoding == "query":
            items.pop(webhook.proof_name, None)
    listed = items if isinstance(items, list) else [items]
    return [_raw(webhook, account, item) for item in listed[:MAX_ITEMS] if isinstance(item, dict) and item]


def _shown(webhook: Webhook, request: WebhookRequest, query: list[tuple[str, str]]) -> str:
    """What the request shows for a proof, empty for nothing."""
    match webhook.proof_in:
        case "query":
            return dict(query).get(webhook.proof_name, "")
        case "header":
            return request.headers.get(webhook.proof_name.lower(), "")
        case "basic":
            scheme, _, packed = request.headers.get("authorization", "").partition(" ")
            try:
                return base64.b64decode(packed, validate=True).decode() if scheme.lower() == "basic" else ""
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return ""


def _pairs(text: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None


def _raw(webhook: Webhook, account: str, item: Mapping[str, Any]) -> RawInbound:
    payload = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return RawInbound(account, SMS, _key(webhook, item, payload), payload)


def _key(webhook: Webhook, item: Mapping[str, Any], payload: bytes) -> str:
    """A report's id and status, a letter's id; the whole content where there is none."""
    reports, letters = webhook.reports, webhook.letters
    if reports is not None and (id_ := as_text(at(reports.id, item))) and (status := as_text(at(reports.status, item))):
        return f"{id_}:{status}"
    if letters is not None and letters.id and (id_ := as_text(at(letters.id, item))):
        return f"in:{id_}"
    return "sha256:" + hashlib.sha256(payload).hexdigest()


def parse(gateway: Gateway, raw: RawInbound) -> list[ChannelEvent]:
    """The one event in a stored delivery; none where it says nothing that the file describes."""
    webhook, item = gateway.webhook, data_of(raw.payload.decode("utf-8", "replace"))
    if webhook is None or not isinstance(item, dict):
        return []
    return _report(webhook, raw, item) or _letter(gateway, webhook, raw, item)


def _report(webhook: Webhook, raw: RawInbound, item: Mapping[str, Any]) -> list[ChannelEvent]:
    reports = webhook.reports
    if reports is None:
        return []
    id_, status = as_text(at(reports.id, item)), as_text(at(reports.status, item))
    state = reports.states.get(status)
    if not id_ or state is None:
        return []  # a status of the future: kept raw, says nothing we know
    code = as_text(at(reports.code, item)) if reports.code else ""
    failure = reports.failures.get(code) or reports.failures.get(status)
    return [
        DeliveryReport(
            account=raw.account,
            provider_id=clipped(id_, 200),
            status=state,
            key=raw.key,
            code=clipped(code, 20),
            detail=clipped(f"status {status}", 300),
            failure=failure.value if failure is not None and state is MessageState.FAILED else "",
        )
    ]


def _letter(gateway: Gateway, webhook: Webhook, raw: RawInbound, item: Mapping[str, Any]) -> list[ChannelEvent]:
    letters = webhook.letters
    if letters is None:
        return []
    sender, text = read(gateway.numbers, as_text(at(letters.sender, item))), at(letters.text, item)
    if not sender or not isinstance(text, str):
        return []
    return [InboundMessage(raw.account, raw.key, Address(SMS, sender), clipped(text, 8192))]
