"""Campaign tags: added where they are missing, nothing else changed."""

import pytest

from campaigns.composing.links import Addresses, MessageLinks
from campaigns.composing.tagging import Tags, tagged, tags_for
from campaigns.definition import Brand, Utm, WorkspaceConfig

TAGS: Tags = (("utm_source", "otklik"), ("utm_medium", "email"))
ID = "0" * 26


@pytest.mark.parametrize(("url", "wanted"), [
    ("https://shop.example.com", "https://shop.example.com?utm_source=otklik&utm_medium=email"),
    ("https://shop.example.com/a?x=1", "https://shop.example.com/a?x=1&utm_source=otklik&utm_medium=email"),
    ("https://shop.example.com/a?x=1#top", "https://shop.example.com/a?x=1&utm_source=otklik&utm_medium=email#top"),
    ("https://shop.example.com/#/cart?y", "https://shop.example.com/?utm_source=otklik&utm_medium=email#/cart?y"),
    ("https://shop.example.com/?", "https://shop.example.com/?utm_source=otklik&utm_medium=email"),
    ("https://shop.example.com/?x=1&", "https://shop.example.com/?x=1&utm_source=otklik&utm_medium=email"),
    ("https://shop.example.com/?utm_source=paper", "https://shop.example.com/?utm_source=paper&utm_medium=email"),
    ("https://shop.example.com/?utm_source=&utm_medium=x", "https://shop.example.com/?utm_source=&utm_medium=x"),
])  # fmt: skip
def test_only_what_is_missing_is_added(url: str, wanted: str) -> None:
    assert tagged(url, TAGS) == wanted
    assert tagged(wanted, TAGS) == wanted


def test_the_workspace_decides() -> None:
    config = WorkspaceConfig(brand=Brand(name="x"), utm=Utm(source="books & more"))
    tags = tags_for(config, channel="sms", campaign="winback", step="nudge")
    assert tagged("https://example.com", tags) == (
        "https://example.com?utm_source=books%20%26%20more&utm_medium=sms&utm_campaign=winback&utm_content=nudge"
    )
    off = WorkspaceConfig(brand=Brand(name="x"), utm=Utm(on=False))
    assert tags_for(off, channel="sms", campaign="winback", step="nudge") == ()


def links(*, track: bool) -> MessageLinks:
    return MessageLinks(Addresses("https://links.example.com", "a secret", bot_name="shop_bot", track_clicks=track))


def test_our_own_links_and_chats_are_left_alone() -> None:
    for track in (True, False):
        ours = links(track=track)
        targets: dict[str, str] = {}
        for url in (ours.unsubscribe(ID), ours.telegram(ID), "https://wa.me/12025550100", "mailto:a@example.org"):
            assert ours.tracked_url(url, ID, targets, TAGS) == url
            letter = f'<a href="{url}">x</a>'
            assert ours.tracked_html(letter, ID, targets, TAGS) == letter
        assert targets == {}


def test_links_are_tagged_before_they_are_tracked() -> None:
    targets: dict[str, str] = {}
    made = links(track=True).tracked_text("See https://shop.example.com/a.", ID, targets, TAGS)
    assert made.startswith("See https://links.example.com/c/")
    assert made.endswith(".")
    assert list(targets.values()) == ["https://shop.example.com/a?utm_source=otklik&utm_medium=email"]


@pytest.mark.parametrize("letter", [
    '<a class="b" href="{}">x</a>',
    "<A HREF='{}'>x</A>",
    '<a data-href="https://no.example.com" href=" {} ">x</a>',
    '<!--[if mso]><v:roundrect xmlns:v="urn:x" href="{}" arcsize="8%"><![endif]-->',
    '<map><area shape="rect" href="{}"></map>',
])  # fmt: skip
def test_every_kind_of_link_in_a_letter(letter: str) -> None:
    made = links(track=False).tracked_html(letter.format("https://example.com/?a=1&amp;b=2"), ID, {}, TAGS)
    assert "https://example.com/?a=1&amp;b=2&amp;utm_source=otklik&amp;utm_medium=email" in made
    assert "no.example.com/" not in made
