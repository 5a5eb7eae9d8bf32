"""Price ceilings: countries, currencies by date, SMS parts counted in the text that the customer will read."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import (
    Brand,
    CampaignBody,
    CampaignDefinition,
    ChannelPolicy,
    Leg,
    Rate,
    SendStep,
    WorkspaceConfig,
)
from campaigns.engine.journey import IdentityFacts, Price
from campaigns.limits.batch_prices import BatchPrices, speaks_sms
from campaigns.limits.prices import PriceList, price_problems
from core.errors import ConfigurationError

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
CONFIG = WorkspaceConfig(
    brand=Brand(name="Lantern"),
    zone="Europe/Moscow",
    currency="RUB",
    channels={
        "sms": ChannelPolicy(price="0.0079", prices={"RU": "0.05", "DE": "0.1001"}, currency="USD"),
        "whatsapp": ChannelPolicy(price="3.50"),
    },
    rates=(
        Rate(from_day=date(2026, 1, 1), currency="USD", rate=Decimal("80.5")),
        Rate(from_day=date(2026, 12, 2), currency="USD", rate=Decimal("79.123457")),
    ),
)


def test_the_price_of_a_country_else_the_channels() -> None:
    prices = PriceList.of(CONFIG, NOON)
    assert prices.price("sms", "RU") == 4_025_000
    assert prices.price("sms", "RU", parts=3) == 12_075_000
    assert prices.price("sms", "FR") == prices.price("sms") == 635_950
    assert prices.price("whatsapp", "RU") == 3_500_000
    assert prices.price("email", "RU") == 0


def test_the_newest_rate_of_the_organisations_day_rounds_up() -> None:
    night = datetime(2026, 12, 1, 21, tzinfo=UTC)  # the second of December in Moscow
    assert PriceList.of(CONFIG, night - timedelta(microseconds=1)).price("sms", "DE") == 8_058_050
    assert PriceList.of(CONFIG, night).price("sms", "DE") == 7_920_259  # 0.1001 × 79.123457 = 7.9202580457


@given(st.decimals(0, 1000, places=6), st.decimals(Decimal("0.000001"), 1000, places=6))
def test_converting_never_rounds_down(amount: Decimal, rate: Decimal) -> None:
    config = WorkspaceConfig(
        brand=Brand(name="b"),
        channels={"sms": ChannelPolicy(price=str(amount), currency="EUR")},
        rates=(Rate(from_day=date(2020, 1, 1), currency="EUR", rate=rate),),
    )
    exact = amount * rate * 1_000_000
    assert exact <= PriceList.of(config, NOON).price("sms") < exact + 1


def test_a_missing_rate_is_said_in_words() -> None:
    unrated = CONFIG.model_copy(update={"rates": ()})
    prices = PriceList.of(unrated, NOON)
    with pytest.raises(ConfigurationError, match=r"channels.sms is priced in USD.*counts in RUB.*rates"):
        prices.price("sms", "RU")
    assert prices.price("whatsapp") == 3_500_000
    assert [where for where, _ in price_problems(unrated)] == ["channels.sms"]
    assert not list(price_problems(CONFIG))


def test_before_the_first_rate_that_one_counts() -> None:
    assert PriceList.of(CONFIG, datetime(2025, 6, 1, tzinfo=UTC)).price("sms", "RU") == 4_025_000


def _body(text: str, channel: str = "sms") -> CampaignBody:
    step = SendStep(id="s", main=Leg(channel=channel, template="t"))
    definition = CampaignDefinition(name="winback", audience="all", steps=(step,))
    return CampaignBody(definition=definition, templates={"t/sms.txt": text, "t/sms.ru.txt": "Привет. " + text})


def _price(body: CampaignBody, customer: dict[str, object], links: MessageLinks | None = None) -> Price:
    prices = BatchPrices(PriceList.of(CONFIG, NOON), NOON, {"c": customer}, links=links)
    return prices.price_of("c", body)("sms", IdentityFacts("i", "sms", country="RU"), "t")


def test_an_sms_costs_its_parts_for_this_customer() -> None:
    body = _body("{{ customer.first_name }}" + "x" * 122)  # and the line that says how to end it
    assert _price(body, {"first_name": "Anna"}) == Price(4_025_000, 1)
    assert _price(body, {"first_name": "Maximiliane"}) == Price(8_050_000, 2)
    assert _price(body, {"first_name": "Аня"}) == Price(12_075_000, 3)  # one foreign letter: 70 a part
    assert _price(body, {"first_name": "Anna", "locale": "ru"}).parts == 3


def test_a_tracked_link_counts_as_long_as_it_is() -> None:
    links = MessageLinks(Addresses(public_url="https://shop.example.com", secret="s" * 32))
    body = _body("x" * 100 + " https://example.org/a")
    assert _price(body, {}).parts == 1
    assert _price(body, {}, links).parts == 2


def test_what_cannot_be_rendered_counts_as_one_part() -> None:
    assert _price(_body("{{ customer.first_name.nothing.there }}"), {"first_name": "Anna"}).parts == 1


def test_only_a_campaign_with_sms_needs_its_customers() -> None:
    assert speaks_sms(_body("x"))
    assert not speaks_sms(_body("x", "email"))
