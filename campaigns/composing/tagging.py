"""Campaign tags on links: UTM parameters, as web analytics read them."""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote_plus

from campaigns.definition import WorkspaceConfig

Tags = tuple[tuple[str, str], ...]
NO_TAGS: Tags = ()


def tags_for(config: WorkspaceConfig, *, channel: str, campaign: str, step: str) -> Tags:
    """The tags of a step's links; none where the workspace says so, or where no campaign speaks."""
    utm = config.utm
    if not utm.on or not campaign:
        return NO_TAGS
    wanted: Mapping[str, str] = {
        "utm_source": utm.source,
        "utm_medium": utm.medium or channel,
        "utm_campaign": campaign,
        "utm_content": step,
    }
    return tuple((name, text) for name, text in wanted.items() if text)


@lru_cache(maxsize=4096)
def tagged(url: str, tags: Tags) -> str:
    """``url`` with the tags that it does not have; nothing else in it changes, and its fragment stays last."""
    address, hash_, fragment = url.partition("#")
    before, mark, query = address.partition("?")
    there = {unquote_plus(pair.partition("=")[0]) for pair in query.split("&")}
    missing = "&".join(f"{name}={quote(text, safe='')}" for name, text in tags if name not in there)
    if not missing:
        return url
    joint = "" if not query or query.endswith("&") else "&"
    return f"{before}?{query}{joint}{missing}{hash_}{fragment}" if mark else f"{before}?{missing}{hash_}{fragment}"
