"""Accounts: the configured channels as adapters, with what is polled and how deliveries are read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from campaigns.composing.companion import Companion
from campaigns.composing.links import MessageLinks
from channels import registry
from channels.adapter import Adapter, Capabilities, Polls, Prepares
from core.addresses import phone_countries
from core.installed import plugins
from core.messages import EMAIL, ChannelEvent, RawInbound
from otklik.running import usable_cores
from otklik.settings import Configuration

_OURS = frozenset({"bot_name"})
"""Options that are for us, not for the adapter."""
_TOLD_THE_PUBLIC_URL = frozenset({"sms", "whatsapp"})


@dataclass(frozen=True, slots=True)
class Account:
    """One account of one channel; it is named like its channel."""

    channel: str
    adapter: Adapter
    parse: Callable[[RawInbound], list[ChannelEvent]]
    sources: list[Polls] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.adapter.account

    async def open(self, public_url: str) -> None:
        """Make the adapter ready, and tell a provider that calls us where.

        Raises:
            ConfigurationError: if the provider refuses the address.
        """
        await self.adapter.open()
        if isinstance(self.adapter, RegistersWebhook) and not self.sources:
            await self.adapter.register_webhook(f"{public_url.rstrip('/')}/webhooks/{self.name}")

    async def close(self) -> None:
        """Close the adapter and what it is polled by."""
        for source in self.sources:
            if isinstance(source, Closes):
                await source.close()
        await self.adapter.close()


@runtime_checkable
class RegistersWebhook(Protocol):
    """An adapter whose provider must be told by a call where to deliver."""

    async def register_webhook(self, url: str) -> None: ...


@runtime_checkable
class Parses(Protocol):
    """An adapter, or its mailbox, that reads what was delivered to it."""

    def parse(self, raw: RawInbound) -> list[ChannelEvent]: ...


@runtime_checkable
class Closes(Protocol):
    """Something that holds a connection."""

    async def close(self) -> None: ...


def unserved_countries(accounts: Iterable[Account]) -> dict[str, frozenset[str]]:
    """By channel: countries that its provider does not reach, so that planning goes another way.

    A provider that reaches only some leaves out all the others.
    """
    return {account.channel: _not_reached(account.adapter.capabilities) for account in accounts}


def _not_reached(capabilities: Capabilities) -> frozenset[str]:
    if not capabilities.countries:
        return capabilities.unserved
    return (phone_countries() - capabilities.countries) | capabilities.unserved


def make_accounts(configuration: Configuration) -> list[Account]:
    """An account for each channel that is on, none of them open yet.

    Raises:
        ConfigurationError: naming the setting.
    """
    accounts = []
    for channel, given in configuration.channels.items():
        options: dict[str, object] = {name: value for name, value in given.items() if name not in _OURS}
        if channel in plugins() and registry.plugin(channel).takes("public_url"):
            options.setdefault("public_url", configuration.settings.public_url)
        if channel in _TOLD_THE_PUBLIC_URL:
            options.setdefault("public_url", configuration.settings.public_url)
            options.setdefault("media_secret", configuration.secret)
        if channel == EMAIL:
            options.setdefault("reply_address", configuration.reply_address)
        adapter = registry.make(channel, channel, options)
        sources: list[Polls] = []
        if channel == EMAIL:
            mailbox = registry.make_mailbox(channel, options)
            sources += [mailbox] if mailbox is not None else []
        elif isinstance(adapter, Polls) and given.get("mode", "polling") == "polling":
            sources.append(adapter)
        reader = sources[0] if sources else adapter
        parse = reader.parse if isinstance(reader, Parses) else _nothing
        accounts.append(Account(channel, adapter, parse, sources))
    return accounts


def _nothing(_: RawInbound) -> list[ChannelEvent]:
    """An account that never receives."""
    return []


def bulk_companion(configuration: Configuration, links: MessageLinks, accounts: Sequence[Account]) -> Companion | None:
    """Who composes bulk beside us; nobody on a machine with one core."""
    if not configuration.settings.composing_process or usable_cores() < 2:
        return None
    return Companion(links, {one.channel: one.adapter.prepare for one in accounts if isinstance(one.adapter, Prepares)})
