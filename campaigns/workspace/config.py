"""``otklik.yaml`` → :class:`campaigns.definition.WorkspaceConfig`."""

import re
from collections.abc import Collection

from campaigns.definition import Brand, ChannelPolicy, SendingHours, WorkspaceConfig
from campaigns.periods import Period, zone_named
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.reading.problems import Problems, did_you_mean
from campaigns.reading.yaml import Node
from core.money import parse_micros

LATER = ("caps", "budgets", "flows", "answers", "locales", "senders", "offers")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_URL = re.compile(r"https?://[^\s<>\"']{1,500}")


def locale_code(text: str) -> str:
    """A locale in the form that template files use: ``ru``, ``pt-br``.

    Raises:
        ValueError: if it is not known to the CLDR.
    """
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{text[:80]!r} is not a locale; write one such as en, ru, fa or pt-BR") from None
    return text.replace("_", "-").lower()


def read_config(node: Node | None, file: str, problems: Problems, channels: Collection[str]) -> WorkspaceConfig | None:
    """The workspace's configuration, or None where it cannot be made; ``channels`` are the names that exist."""
    fields = Fields.of(node, file, problems, "the workspace", LATER)
    if fields is None:
        return None
    before = len(problems)
    config = WorkspaceConfig(
        brand=_brand(fields),
        zone=fields.parsed("zone", lambda text: str(zone_named(text)), "UTC"),
        locale=fields.parsed("locale", locale_code, "en"),
        currency=fields.parsed("currency", _currency, "USD"),
        sending_hours=_hours(fields),
        attribution_window=fields.period("attribution_window") or Period(7, "d"),
        channels=_channels(fields, channels),
    )
    fields.finish()
    return config if len(problems) == before else None


def _brand(fields: Fields) -> Brand:
    if fields.get("brand") is None:
        fields.problem("", "the workspace has no 'brand'; add who writes: brand: {name: …, url: …, postal_address: …}")
        return Brand(name="")
    brand = fields.mapping("brand")
    if brand is None:
        return Brand(name="")
    made = Brand(
        name=brand.text("name", required=True, limit=100),
        url=brand.parsed("url", _url, ""),
        postal_address=brand.text("postal_address", limit=300),
    )
    brand.finish()
    return made


def _hours(fields: Fields) -> SendingHours:
    hours = fields.mapping("sending_hours")
    if hours is None:
        return SendingHours()
    opens, closes = hours.parsed("from", _clock, "08:00"), hours.parsed("to", _clock, "21:00")
    if opens >= closes:
        fields.problem("sending_hours", f"sending hours end ({closes}) before they begin ({opens}); swap them")
        opens, closes = "08:00", "21:00"
    hours.finish()
    return SendingHours(opens=opens, closes=closes)


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
    for country in countries:
        if not re.fullmatch(r"[A-Z]{2}", country):
            policy.problem("countries", f"{country[:40]!r} is not a country; write two capitals such as DE")
    made = ChannelPolicy(
        account=policy.parsed("account", name, ""),
        price=policy.parsed("price", _price, "0"),
        countries=frozenset(countries),
        on_unknown="reconcile" if policy.choice("on_unknown", ("hold", "reconcile"), "hold") == "reconcile" else "hold",
    )
    policy.finish()
    return made


def unknown_channel(channel: str, known: Collection[str]) -> str:
    """What to say of a channel that does not exist."""
    return f"unknown channel {channel[:80]!r}{did_you_mean(channel, known) or ' (known: ' + ', '.join(known) + ')'}"


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError(f"{text[:40]!r} is not a currency; write its three letters, such as EUR")
    return text


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a time of day; write one such as 08:00")
    return text


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a web address; write one that begins with https://")
    return text


def _price(text: str) -> str:
    if parse_micros(text) < 0:
        raise ValueError("a price cannot be negative")
    return text
