"""``.env.example`` names every setting, shows its default, and can be used as it stands."""

import dataclasses
import os
import re
from pathlib import Path

import pytest

from channels.email.settings import EmailSettings
from channels.telegram.adapter import TelegramSettings
from channels.twilio.adapter import TwilioSettings
from channels.webchat.settings import WebchatSettings
from otklik.accounts import make_accounts
from otklik.settings import CHANNEL_SWITCHES, PREFIX, Settings, load_settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"
LINE = re.compile(r"^#? ?(OTKLIK_[A-Z_]+)=(.*)$", re.MULTILINE)
CHANNELS = {"EMAIL": EmailSettings, "TELEGRAM": TelegramSettings, "TWILIO": TwilioSettings, "WEBCHAT": WebchatSettings}
DEFAULTS_THAT_DEPEND = {"OTKLIK_EMAIL_LOCAL_HOSTNAME"}


@pytest.fixture
def shown() -> dict[str, str]:
    """What the example shows, by setting."""
    return dict(LINE.findall(EXAMPLE.read_text(encoding="utf-8")))


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def _channel_fields() -> dict[str, dataclasses.Field[object]]:
    return {
        f"{PREFIX}{channel}_{field.name.upper()}": field
        for channel, kind in CHANNELS.items()
        for field in dataclasses.fields(kind)
        if field.name != "account" and not field.metadata.get("ours")
    }


def test_every_setting_is_named(shown: dict[str, str]) -> None:
    wanted = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | set(_channel_fields())
    # each channel of Twilio's has a sender of its own
    wanted -= {"OTKLIK_TWILIO_SENDER", "OTKLIK_TWILIO_MESSAGING_SERVICE"}
    for channel, switches in CHANNEL_SWITCHES.items():
        wanted |= {f"{PREFIX}{channel.upper()}_{switch.upper()}" for switch in switches}
    wanted |= {"OTKLIK_TELEGRAM_BOT_NAME"}
    assert set(shown) == wanted


def test_every_setting_has_a_sentence() -> None:
    """No block of settings stands without words above it."""
    for block in EXAMPLE.read_text(encoding="utf-8").split("\n\n"):
        if LINE.search(block):
            assert not LINE.match(block), f"no sentence above {block.splitlines()[0]}"


def test_defaults_are_the_true_ones(shown: dict[str, str]) -> None:
    defaults = {f"{PREFIX}{name.upper()}": field.default for name, field in Settings.model_fields.items()}
    defaults |= {name: field.default for name, field in _channel_fields().items()}
    wrong = {
        name: (shown[name], default)
        for name, default in defaults.items()
        if name in shown and default not in ("", None, dataclasses.MISSING) and shown[name] != _as_text(default)
    }
    assert not wrong


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def test_the_example_loads_as_it_stands() -> None:
    assert load_settings(EXAMPLE).channels == {}


def test_the_example_loads_with_every_line_in_force(tmp_path: Path) -> None:
    """Each shown value is one that its setting takes."""
    text = LINE.sub(r"\1=\2", EXAMPLE.read_text(encoding="utf-8"))
    env = tmp_path / ".env"
    env.write_text(
        text.replace("123456:replace-me", "123456:ABCdef")
        .replace("OTKLIK_EMAIL_CA_FILE=/etc/ssl/certs/example.pem", "")
        .replace("OTKLIK_SMS_GATEWAY=gateways/smsc-ru.yaml", "")
        .replace("OTKLIK_TWILIO_AUTH_TOKEN=\n", "OTKLIK_TWILIO_AUTH_TOKEN=a-token\n"),
        encoding="utf-8",
    )
    configuration = load_settings(env)
    assert set(configuration.channels) == set(CHANNEL_SWITCHES)
    assert [account.channel for account in make_accounts(configuration)] == list(CHANNEL_SWITCHES)


def test_an_unknown_setting_would_be_seen(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("OTKLIK_EMAIL_HOST=smtp.example.com\nOTKLIK_EMAIL_SENDRE=vera@shop.example.com\n")
    with pytest.raises(Exception, match="sendre"):
        make_accounts(load_settings(env))
