"""The preview of messages with files: pictures in their place, names and sizes of the others."""

from pathlib import Path

from campaigns.composing.links import Addresses
from campaigns.previewing.making import make_preview
from campaigns.previewing.page import facts, page
from campaigns.previewing.readers import example_audience
from campaigns.workspace.loader import load_workspace
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP
from tests.campaigns.sending.test_files import JPEG, PNG, write_shop
from tests.conftest import NOW


def test_files_are_shown_where_they_go(tmp_path: Path) -> None:
    workspace = load_workspace(write_shop(tmp_path))
    body = workspace.campaigns["menu"]
    audience = example_audience("en", body, workspace.config, NOW)
    addresses = Addresses("https://l.example", "secret")
    made = make_preview(body, workspace.config, audience, addresses, NOW, contents=workspace.contents)
    shown = {one.speech.channel: one for one in made.messages if not one.elsewhen}
    assert [problem for one in made.messages for problem in one.problems] == []
    told = {channel: [value for _, value in facts(one, "en")] for channel, one in shown.items()}
    assert {"list.pdf, 1 kB", "logo.png, 1 kB"} <= set(told[EMAIL])
    assert {"Menu.jpg, 1 kB", "list.pdf, 1 kB"} <= set(told[TELEGRAM])
    assert "cid:logo" not in shown[EMAIL].html
    assert "data:image/png;base64,iVBORw0KGgo" in shown[EMAIL].html
    assert "/media/" in "".join(shown[SMS].links)
    assert shown[TELEGRAM].text == "The menu"
    whole = page(made)
    assert whole.count('<img class="sent" src="data:image/jpeg;base64,') == 2, "Telegram, and WhatsApp within its day"
    assert WHATSAPP in shown
    assert (len(JPEG), len(PNG)) == (14, 15)


def test_without_its_bytes_a_message_says_so(tmp_path: Path) -> None:
    workspace = load_workspace(write_shop(tmp_path))
    body = workspace.campaigns["menu"]
    audience = example_audience("en", body, workspace.config, NOW)
    made = make_preview(body, workspace.config, audience, Addresses("https://l.example", "s"), NOW)
    (chat,) = [one for one in made.messages if one.speech.channel == TELEGRAM]
    assert chat.problems == ("attachment 'Menu.jpg' has no content",)
