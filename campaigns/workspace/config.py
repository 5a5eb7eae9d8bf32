"""``otklik.yaml`` → :class:`campaigns.definition.WorkspaceConfig`."""

import re
from collections.abc import Collection
from decimal import Decimal

from campaigns.definition import Brand, ChannelPolicy, SendingHours, WorkspaceConfig
from campaigns.periods import Period, zone_named
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.workspace.desk import read_desk, read_staff
from campaigns.workspace.locales import locale_code
from campaigns.workspace.policies import (
    read_budgets,
    read_caps,
    read_hours,
    read_no_send,
    read_rates,
    read_utm,
)
from campaigns.workspace.sends import unknown_channel
from campaigns.workspace.values import country, currency, share, web_address
from core.money import parse_micros
from core.reading.problems import Problems
from core.reading.yaml import Mapping, Node

LATER = ("flows", "answers", "locales", "senders")
MAX_LISTED = 1000


def read_config(node: Node | None, file: str, problems: Problems, channels: Collection[str]) -> WorkspaceConfig | None:
    """The workspace's configuration, or None where it cannot be made; ``channels`` are the names that exist."""
    fields = Fields.of(node, file, problems, "the workspace", LATER)
    if fields is None:
        return None
    before = len(problems)
    own = fields.parsed("currency", currency, "USD")
    config = WorkspaceConfig(
        brand=_brand(fields),
        zone=fields.parsed("zone", lambda text: str(zone_named(text)), "UTC"),
        locale=fields.parsed("locale", locale_code, "en"),
        currency=own,
        sending_hours=read_hours(fields, "sending_hours", SendingHours()),
        no_send=read_no_send(fields),
        attribution_window=fields.period("attribution_window") or Period(7, "d"),
        channels=_channels(fields, channels),
        caps=read_caps(fields, channels),
        budgets=read_budgets(fields),
        rates=read_rates(fields, own),
        holdout=fields.parsed("holdout", share, Decimal(0)),
        staff=read_staff(fields),
        desk=read_desk(fields),
        utm=read_utm(fields),
        mode="allowlist" if fields.choice("mode", ("live", "allowlist"), "live") == "allowlist" else "live",
        allowlist=_allowlist(fields),
        approval=fields.flag("approval"),
        consent_document=fields.text("consent_document", limit=200),
        topics=_topics(fields),
    )
    fields.finish()
    _check(config, fields)
    return config if len(problems) == before else None


def _check(config: WorkspaceConfig, fields: Fields) -> None:
    if config.holdout == 1:
        fields.problem("holdout", "a holdout of 100% writes to nobody; write less, such as 5%")
    if config.mode == "allowlist" and not config.allowlist:
        hint = "add allowlist: [NUMBER or ADDRESS, …] of those who may"
        fields.problems.warn(fields.file, fields.line("mode"), f"mode: allowlist, but nobody is listed; {hint}")
    rated = {rate.currency for rate in config.rates}
    for channel, policy in config.channels.items():
        if policy.currency and policy.currency != config.currency and policy.currency not in rated:
            hint = f"add rates: [{{from: 2026-01-01, {policy.currency}: …}}], what one is worth in {config.currency}"
            fields.problem("channels", f"{channel} is paid in {policy.currency}, which has no rate; {hint}")
    for budget in config.budgets:
        if budget.currency and budget.currency != config.currency:
            hint = f"budgets are kept in the workspace's currency; write it in {config.currency}"
            fields.problem("budgets", f"budget {budget.name!r} is in {budget.currency}; {hint}")


def _topics(fields: Fields) -> dict[str, dict[str, str]]:
    """Topics by name: words for all, under an empty key, or words by language."""
    found: dict[str, dict[str, str]] = {}
    listed = fields.mapping("topics")
    if listed is None:
        return found
    for key, node in listed.node.entries.items():
        try:
            name(key)
        except ValueError as error:
            listed.problem(key, str(error))
            continue
        by_language = listed.mapping(key) if isinstance(node, Mapping) else None
        if by_language is None:
            found[key] = {"": listed.text(key, required=True, limit=100)}
            continue
        found[key] = {code: by_language.text(code, limit=100) for code in by_language.node.entries}
        for code in found[key]:
            if not re.fullmatch(r"[a-z]{2,3}", code):
                by_language.problem(code, f"{code!r} is no language; write one such as en, ru or fa")
    return found


def _brand(fields: Fields) -> Brand:
    if fields.get("brand") is None:
        fields.problem("", "the workspace has no 'brand'; add who writes: brand: {name: …, url: …, postal_address: …}")
        return Brand(name="")
    brand = fields.mapping("brand")
    if brand is None:
        return Brand(name="")
    made = Brand(
        name=brand.text("name", required=True, limit=100),
        url=brand.parsed("url", web_address, ""),
        postal_address=brand.text("postal_address", limit=300),
    )
    brand.finish()
    return made


def _channels(fields: Fields, known: Collection[str]) -> dict[str, ChannelPolicy]:
    listed = fields.mapping("channels")
    policies: dict[str, ChannelPolicy] = {}
    if listed is None:
        return policies
    for channel in listed.node.entries:
        if channel not in known:
            listed.problem(channel, unknown_channel(channel, known))
            continue
        policy = listed.mapping(channel)
        policies[channel] = ChannelPolicy() if policy is None else _policy(policy)
    return policies


def _policy(policy: Fields) -> ChannelPolicy:
    countries = policy.words("countries") or []
    for word in countries:
        _is_country(policy, "countries", word)
    prices = policy.mapping("prices")
    made = ChannelPolicy(
        account=policy.parsed("account", name, ""),
        price=policy.parsed("price", _price, "0"),
        prices={key: prices.parsed(key, _price, "0") for key in prices.node.entries} if prices else {},
        currency=policy.parsed("currency", currency, ""),
        countries=frozenset(countries),
        on_unknown="reconcile" if policy.choice("on_unknown", ("hold", "reconcile"), "hold") == "reconcile" else "hold",
    )
    for word in prices.node.entries if prices else ():
        _is_country(prices, word, word) if prices else None
    policy.finish()
    return made


def _is_country(fields: Fields, key: str, word: str) -> None:
    try:
        country(word)
    except ValueError as error:
        fields.problem(key, str(error))


def _price(text: str) -> str:
    if parse_micros(text) < 0:
        raise ValueError("a price cannot be negative")
    return text


def _allowlist(fields: Fields) -> frozenset[str]:
    listed = fields.words("allowlist") or []
    if len(listed) > MAX_LISTED:
        fields.problem("allowlist", f"more than {MAX_LISTED} customers are listed; go live with mode: live instead")
    return frozenset(listed)
