"""Which channel kinds there are, and how an account of each is made.

Built-in kinds stand here, greppable; a plugin's kind is an entry point in group ``otklik.channels`` whose value is a
:class:`Channel`. Nothing is imported before an account of that kind is made.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from channels.accounts import read_settings
from channels.adapter import Adapter, Polls
from core.errors import ConfigurationError
from core.installed import installed, plugins
from core.messages import EMAIL, SMS, TELEGRAM, WEBCHAT, WHATSAPP

Options = Mapping[str, object]
Factory = Callable[[str, Options], Adapter]


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel kind of a third party: what its entry point in group ``otklik.channels`` names.

    ``settings`` is a frozen dataclass with a field ``account``; ``adapter`` makes an adapter of one, and is where the
    provider's library may be imported. ``normalise`` brings what people write to the one form of this channel's
    addresses or raises ``ValueError`` in words for people; without it the text itself is the address. ``title`` is the
    channel's name for people.
    """

    settings: type[Any]
    adapter: Callable[[Any], Adapter]
    normalise: Callable[[str], str] = str.strip
    title: str = ""

    def __call__(self, account: str, options: Options) -> Adapter:
        return self.adapter(read_settings(self.settings, account, options))

    def takes(self, name: str) -> bool:
        """Whether there is a setting of that name."""
        return name in {field.name for field in fields(self.settings)}

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the settings that must be there, all of which together switch the channel on."""
        return tuple(
            field.name
            for field in fields(self.settings)
            if field.init and field.name != "account" and field.default is MISSING and field.default_factory is MISSING
        )


def _telegram(account: str, options: Options) -> Adapter:
    from channels.telegram.adapter import TelegramAdapter, TelegramSettings

    return TelegramAdapter(read_settings(TelegramSettings, account, options))


def _sms(account: str, options: Options) -> Adapter:
    if options.get("gateway"):
        from channels.gateway.adapter import make_gateway

        return make_gateway(account, {name: value for name, value in options.items() if name != "media_secret"})
    from channels.twilio.adapter import TwilioAdapter, TwilioSettings

    return TwilioAdapter(read_settings(TwilioSettings, account, options), "sms")


def _whatsapp(account: str, options: Options) -> Adapter:
    from channels.twilio.adapter import TwilioAdapter, TwilioSettings

    return TwilioAdapter(read_settings(TwilioSettings, account, options), "whatsapp")


def _email(account: str, options: Options) -> Adapter:
    from channels.email.adapter import EmailAdapter
    from channels.email.settings import EmailSettings

    return EmailAdapter(read_settings(EmailSettings, account, options))


def _webchat(account: str, options: Options) -> Adapter:
    from channels.webchat.adapter import WebchatAdapter
    from channels.webchat.settings import WebchatSettings

    return WebchatAdapter(read_settings(WebchatSettings, account, options))


ADAPTERS: dict[str, Factory] = {
    EMAIL: _email,
    SMS: _sms,
    WHATSAPP: _whatsapp,
    TELEGRAM: _telegram,
    WEBCHAT: _webchat,
}


def make(kind: str, account: str, options: Options) -> Adapter:
    """The adapter of ``account``, not yet open.

    Args:
        kind: the channel, such as ``telegram``.
        account: its name in the workspace, the prefix of every complaint.
        options: the fields of the adapter's settings, as text or as typed values.

    Raises:
        ConfigurationError: an unknown kind, or settings that are missing, unknown or unreadable, each named.
    """
    return _factory(kind)(account, options)


def make_mailbox(account: str, options: Options) -> Polls | None:
    """The mailbox that an e-mail account's answers arrive in, None where no ``imap_host`` is set.

    Raises:
        ConfigurationError: as :func:`make`.
    """
    from channels.email.settings import EmailSettings

    mailbox = read_settings(EmailSettings, account, options).mailbox()
    if mailbox is None:
        return None
    from channels.email.mailbox import ImapMailbox

    return ImapMailbox(mailbox)


def kinds() -> list[str]:
    """Every kind that can be made here, plugins included; none of them is imported."""
    return [*ADAPTERS, *plugins()]


def plugin(kind: str) -> Channel:
    """The installed kind of a third party.

    Raises:
        ConfigurationError: there is none of that name, it does not load, or what it names is no :class:`Channel`.
    """
    if kind not in plugins():
        near = difflib.get_close_matches(kind, kinds(), 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(kinds())}"
        raise ConfigurationError(f"channel {kind}: no such kind; {hint}")
    found = installed(kind)
    if not isinstance(found, Channel):
        raise ConfigurationError(
            f"channel {kind}: its plugin's entry point {plugins()[kind].value} must name a Channel of otklik.plugin"
        )
    return found


def _factory(kind: str) -> Factory:
    return ADAPTERS[kind] if kind in ADAPTERS else plugin(kind)
