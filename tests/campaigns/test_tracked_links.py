"""Each switch of tracking leaves out what it is for, and nothing else."""

import pytest

from campaigns.composing.links import Addresses, MessageLinks
from core.ids import new_id

LETTER = '<p><a href="https://shop.example.com/sale?a=1&amp;b=2">Sale</a></p>'
TEXT = "Sale: https://shop.example.com/sale?a=1&b=2."


@pytest.mark.parametrize("clicks", [True, False])
@pytest.mark.parametrize("opens", [True, False])
def test_what_is_off_leaves_no_trace(clicks: bool, opens: bool) -> None:
    addresses = Addresses("https://links.example.com", "a secret", track_clicks=clicks, track_opens=opens)
    links, targets, id_ = MessageLinks(addresses), dict[str, str](), new_id()
    html, text = links.tracked_html(LETTER, id_, targets), links.tracked_text(TEXT, id_, targets)
    assert ("links.example.com/o/" in links.pixel(id_)) is opens
    if clicks:
        assert "shop.example.com" not in html + text  # no address in a link of ours: nothing to redirect to but ours
        assert set(targets.values()) == {"https://shop.example.com/sale?a=1&b=2"}
    else:
        assert (html, text, targets) == (LETTER, TEXT, {})
