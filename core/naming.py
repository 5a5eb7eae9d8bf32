"""How customers and channels are called: by names that people say, not by ids and codes that they do not."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

from core import catalogue
from core.errors import ConfigurationError
from core.installed import installed, plugins


def called(locale: str, name: str, customer_id: str, *, visitor: bool = False) -> str:
    """A customer by ``name``; one without by a mark that stays theirs, such as "visitor 3F2A" of the web chat."""
    return name or catalogue.text(locale, f"desk.{'visitor' if visitor else 'unnamed'}", mark=mark_of(customer_id))


def channel_named(locale: str, channel: str) -> str:
    """A channel's name in the language of ``locale``; one that a plugin brings is named as it names itself."""
    try:
        return catalogue.text(locale, f"desk.channel_{channel}")
    except KeyError:
        return _titles().get(channel, channel)


@cache
def _titles() -> Mapping[str, str]:
    """What plugins call their channels; a plugin that does not load leaves its channel with its code."""
    titles = {}
    for channel in plugins():
        with suppress(ConfigurationError):
            titles[channel] = installed(channel).title or channel
    return titles


def mark_of(customer_id: str) -> str:
    """Four hexadecimal digits that stand for the customer, such as ``3F2A``. Two may share one: it is no key."""
    return hashlib.sha256(customer_id.encode()).hexdigest()[:4].upper()
