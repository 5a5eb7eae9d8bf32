"""Words that stay empty: of an offer that the campaign does not have, of an event that does not start it."""

from pathlib import Path

import pytest

from tests.campaigns.workspace.small_shop import HEAD, expect, write_shop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small shop with an offer."""
    return write_shop(tmp_path)


@pytest.mark.parametrize(("more", "text", "words"), [
    ("", "{{ offer.code }}", "'offer.code' is always empty in campaign 'hello', which has no offer; add offer: NAME"),
    ("offer: ten", "{{ offer.code }}", ""),
    ("", "{% if offer.code %}{{ offer.title }}{% endif %}", ""),
    ("", "{% if offer.code %}{% else %}{{ offer.title }}{% endif %}", "'offer.title' is always empty"),
    ("", "{{ offer.code | default('-') }}{{ 'yes' if offer.code }}", ""),
    ("", "{% for offer in orders.last['items'] %}{{ offer.name }}{% endfor %}", ""),
    ("", "{{ event.number }} {{ event.at }}", "'event.number' is always empty in campaign 'hello', which no event"),
    ("start: {date: created_at}", "{{ event['items'] }}", "'event.items' is always empty"),
    ("start: {event: cart_left}", "{{ event.number }}", ""),
    ("start: api", "{{ event.number }}", ""),
    ("", "{{ events.cart_left.last.number }}", ""),
    ("start: {event: cart_left}", "{% if event.name == 'cart_left' %}a{% endif %}", ""),
    ("start: {event: cart_left}", "{% if event.name == 'visit' %}a{% endif %}",
     "campaign 'hello' starts by 'cart_left', never by 'visit'"),
])  # fmt: skip
def test_words_that_stay_empty(folder: Path, more: str, text: str, words: str) -> None:
    start = "\n".join(line for line in HEAD.replace("goal:", f"{more}\ngoal:").splitlines() if line)
    (folder / "campaigns" / "hello.yaml").write_text(start + "\n")
    (folder / "templates" / "warm" / "sms.txt").write_text(f"Hello. STOP to stop\n{text}\n")
    expect(folder, words, place="templates/warm/sms.txt:2:", warned=True)
