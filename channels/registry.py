"""Which channel kinds there are, and how an account of each is made.

Built-in kinds stand here, greppable; a plugin's kind is an entry point in group ``otklik.channels`` whose value is a
factory ``(account, options) -> Adapter``. Nothing is imported before an account of that kind is made.
"""

import difflib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from channels.accounts import read_settings
from channels.adapter import Adapter, Polls
from core.errors import ConfigurationError
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP

Options = Mapping[str, object]
Factory = Callable[[str, Options], Adapter]
GROUP = "otklik.channels"


def _telegram(account: str, options: Options) -> Adapter:
    from channels.telegram.adapter import TelegramAdapter, TelegramSettings

    return TelegramAdapter(read_settings(TelegramSettings, account, options))


def _sms(account: str, options: Options) -> Adapter:
    from channels.twilio.adapter import TwilioAdapter, TwilioSettings

    return TwilioAdapter(read_settings(TwilioSettings, account, options), "sms")


def _whatsapp(account: str, options: Options) -> Adapter:
    from channels.twilio.adapter import TwilioAdapter, TwilioSettings

    return TwilioAdapter(read_settings(TwilioSettings, account, options), "whatsapp")


def _email(account: str, options: Options) -> Adapter:
    from channels.email.adapter import EmailAdapter
    from channels.email.settings import EmailSettings

    return EmailAdapter(read_settings(EmailSettings, account, options))


ADAPTERS: dict[str, Factory] = {EMAIL: _email, SMS: _sms, WHATSAPP: _whatsapp, TELEGRAM: _telegram}


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
    """Every kind that can be made here, plugins included."""
    return [*ADAPTERS, *(entry.name for entry in entry_points(group=GROUP) if entry.name not in ADAPTERS)]


def _factory(kind: str) -> Factory:
    if kind in ADAPTERS:
        return ADAPTERS[kind]
    for entry in entry_points(group=GROUP, name=kind):
        try:
            loaded: Factory = entry.load()
        except Exception as error:
            raise ConfigurationError(f"channel {kind}: its plugin {entry.value} does not load: {error}") from error
        return loaded
    near = difflib.get_close_matches(kind, kinds(), 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(kinds())}"
    raise ConfigurationError(f"channel {kind}: no such kind; {hint}")
