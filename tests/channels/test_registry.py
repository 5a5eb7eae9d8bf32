"""Accounts by kind, and complaints that name the setting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from channels import registry
from channels.registry import kinds, make, make_mailbox
from core import installed
from core.errors import ConfigurationError

TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "secret-value", "sender": "+12025550100"}


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("telegramm", {}, "channel telegramm: no such kind; did you mean telegram?"),
        ("telegram", {}, "shop.token: is missing; write the bot's token from @BotFather, like 123456:ABC…"),
        ("telegram", {"token": "secret-value"}, "shop.token: is not a bot token"),
        ("telegram", {"token": "1:abcd", "mode": "push"}, "shop.mode: must be one of polling, webhook"),
        ("telegram", {"token": "1:abcd", "mode": "webhook"}, "shop.webhook_secret: write 1 to 256 characters"),
        ("telegram", {"token": "1:abcd", "sessions": "many"}, "shop.sessions: must be a whole number"),
        ("sms", {"acount_sid": "x"}, "shop.acount_sid: no such setting; did you mean account_sid?"),
        ("sms", {**TWILIO, "account_sid": "secret-value"}, "shop.account_sid: is not an account sid"),
        ("whatsapp", {**TWILIO, "sender": ""}, "shop.sender: is missing"),
        ("sms", {**TWILIO, "countries": 7}, "shop.countries: must be a list"),
    ],
)
def test_complaints_name_the_setting_and_never_its_value(kind: str, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(kind, "shop", options)
    assert complaint in str(caught.value)
    assert "secret-value" not in str(caught.value)


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("sms", "shop", {"sesions": 1, "timeout": "soon"})
    assert len(str(caught.value).splitlines()) == 4


def test_text_from_the_environment_is_read_as_its_type() -> None:
    adapter = make("sms", "shop", {**TWILIO, "sessions": "3", "rate": "0", "countries": "GB, US"})
    assert (adapter.capabilities.sessions, adapter.capabilities.rate) == (3, None)
    assert adapter.capabilities.countries == {"GB", "US"}
    assert adapter.capabilities.unserved == {"IR"}


def test_mail_without_an_imap_host_has_no_mailbox() -> None:
    assert make_mailbox("mail", {"host": "127.0.0.1", "sender": "shop@example.com"}) is None


@dataclass(frozen=True)
class PigeonSettings:
    account: str
    loft: str


@dataclass(frozen=True)
class Pigeon:
    settings: PigeonSettings

    @property
    def account(self) -> str:
        return self.settings.account


PIGEON = registry.Channel(PigeonSettings, Pigeon)  # type: ignore[arg-type]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs a plugin of the kind ``carrier_pigeon`` by its entry point's value."""
    caches = (installed.plugins, installed.channel_names, installed.installed)

    def install(value: str) -> None:
        entries = EntryPoints([EntryPoint("carrier_pigeon", value, installed.GROUP)])
        monkeypatch.setattr(installed, "entry_points", entries.select)
        for cache in caches:
            cache.cache_clear()

    yield install
    for cache in caches:
        cache.cache_clear()


def test_a_plugins_kind_is_found_by_its_entry_point(plugin: Callable[[str], None]) -> None:
    plugin(f"{__name__}:PIGEON")
    assert make("carrier_pigeon", "shop", {"loft": "north"}).account == "shop"
    assert "carrier_pigeon" in kinds()
    with pytest.raises(ConfigurationError, match=r"shop\.loft: is missing"):
        make("carrier_pigeon", "shop", {})


def test_a_plugin_that_does_not_load_is_named(plugin: Callable[[str], None]) -> None:
    plugin("no_such_package:factory")
    with pytest.raises(ConfigurationError, match="channel carrier_pigeon: its plugin no_such_package:factory"):
        make("carrier_pigeon", "shop", {})
