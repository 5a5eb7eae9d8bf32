"""Settings, from the environment and ``.env``. Each is ``OTKLIK_`` and its name; ``.env.example`` explains them all.

A channel is on when its first setting is there: ``OTKLIK_EMAIL_HOST``, ``OTKLIK_TELEGRAM_TOKEN``,
``OTKLIK_SMS_SENDER``, ``OTKLIK_WHATSAPP_SENDER``, ``OTKLIK_WEBCHAT_ORIGINS``. What follows the channel's name is a
field of its adapter's settings. A plugin's channel is on when every setting that it cannot do without is there.
"""

import difflib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from channels.registry import plugin
from core.errors import ConfigurationError
from core.installed import plugins

PREFIX = "OTKLIK_"
CHANNEL_SWITCHES: dict[str, tuple[str, ...]] = {
    "email": ("host",),
    "telegram": ("token",),
    "sms": ("sender", "messaging_service", "gateway"),
    "whatsapp": ("sender", "messaging_service"),
    "webchat": ("origins",),
}
"""The options of which one must be set for a channel to be on."""
_TWILIO = ("sms", "whatsapp")


class Settings(BaseSettings):
    """What an operator decides. Paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str = "sqlite:///otklik-data/otklik.sqlite3"
    data_dir: Path = Path("otklik-data")
    workspace: Path = Path("shop")
    secret: str = Field(default="", repr=False)
    public_url: str = "http://127.0.0.1:8080"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    api_token: str = Field(default="", repr=False)
    api_rate: float = Field(default=50.0, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    track_clicks: bool = True
    track_opens: bool = True
    rate_scale: float = Field(default=1.0, gt=0)
    lease_seconds: float = Field(default=60.0, ge=0.5)
    spool_mb: int = Field(default=256, ge=1)
    answers_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    answers_model: str = ""
    answers_key: str = Field(default="", repr=False)
    answers_seconds: float = Field(default=8.0, gt=0, le=60)
    composing_process: bool = True
    backup_before_migration: bool = True
    backups_kept: int = Field(default=3, ge=1)
    clock: Literal["system", "virtual"] = "system"
    now: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings with the options of every channel that is on, by channel."""

    settings: Settings
    channels: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @property
    def secret(self) -> str:
        """What signs our links and reply addresses: the setting, else one kept in the data folder."""
        return self.settings.secret or _kept_secret(self.settings.data_dir.absolute())

    @property
    def bot_name(self) -> str:
        """The Telegram bot's username, without @; empty if it is not told."""
        return self.channels.get("telegram", {}).get("bot_name", "").lstrip("@")

    @property
    def bot_id(self) -> str:
        """The Telegram bot's id: chat ids belong to it. Empty without a bot."""
        return self.channels.get("telegram", {}).get("token", "").partition(":")[0]

    @property
    def reply_address(self) -> str:
        """The mailbox whose plus-addresses come back; only where answers are fetched at all."""
        options = self.channels.get("email", {})
        return options.get("reply_address") or options.get("sender", "")

    @property
    def virtual_start(self) -> datetime | None:
        """Where a virtual clock starts, None if time is real."""
        if self.settings.clock == "system":
            return None
        if self.settings.now is None:
            raise ConfigurationError("OTKLIK_NOW is missing; a virtual clock needs a start such as 2026-12-01T10:00Z")
        return self.settings.now


def load_settings(env_file: Path | None = Path(".env")) -> Configuration:
    """Read and check everything.

    Raises:
        ConfigurationError: one line for each missing, unknown or unreadable setting, never with a secret's value.
    """
    values = _environment(env_file)
    channels = _channels(values)
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    taken = {f"{PREFIX}{prefix.upper()}_" for prefix in (*CHANNEL_SWITCHES, "twilio", *plugins())}
    problems = [
        f"{name}: there is no such setting{_nearest(name, known)}"
        for name in sorted(values)
        if name not in known and not name.startswith((*taken, f"{PREFIX}TEST_"))
    ]
    try:
        settings = Settings.model_validate(
            {key.removeprefix(PREFIX).lower(): value for key, value in values.items() if key in known and value}
        )
    except ValidationError as error:
        problems += [f"{PREFIX}{'_'.join(map(str, item['loc'])).upper()}: {_in_words(item)}" for item in error.errors()]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Configuration(settings, channels)


def _environment(env_file: Path | None) -> dict[str, str]:
    from dotenv import dotenv_values

    values: dict[str, str] = {}
    if env_file is not None and env_file.is_file():
        values.update({key: value or "" for key, value in dotenv_values(env_file).items()})
    values.update(os.environ)
    return {key: value for key, value in values.items() if key.startswith(PREFIX)}


def _channels(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    own = _options(values)
    shared = own["twilio"]
    channels: dict[str, dict[str, str]] = {}
    for channel, switches in CHANNEL_SWITCHES.items():
        given = own[channel]
        if any(given.get(switch) for switch in switches):
            by_twilio = channel in _TWILIO and not given.get("gateway")
            channels[channel] = {**shared, **given} if by_twilio else given
        elif given:
            raise _missing(channel, switches[0])
    if shared and not any(channel in channels for channel in _TWILIO):
        raise ConfigurationError("OTKLIK_SMS_SENDER or OTKLIK_WHATSAPP_SENDER: is missing, though Twilio is configured")
    for channel in plugins():
        if own[channel]:
            channels[channel] = own[channel]
            for name in plugin(channel).required:
                if name not in own[channel]:
                    raise _missing(channel, name)
    return channels


def _options(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By channel, its options; a setting belongs to the channel with the longest name that it begins with."""
    names = sorted((*CHANNEL_SWITCHES, "twilio", *plugins()), key=len, reverse=True)
    ours = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, text in values.items():
        start = next((name for name in names if key.startswith(f"{PREFIX}{name.upper()}_")), "")
        if start and text and key not in ours:
            found[start][key.removeprefix(f"{PREFIX}{start.upper()}_").lower()] = text
    return found


def _missing(channel: str, option: str) -> ConfigurationError:
    name = f"{PREFIX}{channel.upper()}_{option.upper()}"
    return ConfigurationError(f"{name}: is missing, though other settings of {channel} are there")


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _in_words(item: Any) -> str:
    message = str(item["msg"])
    return message[0].lower() + message[1:]


@lru_cache(maxsize=8)
def _kept_secret(folder: Path) -> str:
    path = folder / "secret"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(32)
    with path.open("x") as file:
        path.chmod(0o600)
        file.write(secret + "\n")
    return secret
