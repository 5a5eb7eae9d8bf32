"""Line breaks of every kind, in every field that reaches a header or the envelope: no line of theirs begins."""

import re
from email import message_from_bytes

import pytest

from channels.email.settings import EmailSettings
from core.errors import ConfigurationError, PermanentFailure
from core.messages import EMAIL, Address, Attachment, Button
from core.purposes import Purpose
from tests.channels.email.scripted import scripted

BREAKS = {
    "CRLF": "\r\n", "CR": "\r", "LF": "\n", "NEL": "\x85", "LS": "\u2028", "PS": "\u2029", "VT": "\x0b", "FF": "\x0c",
    "NUL": "\x00", "FS": "\x1c", "folded": "\r\n ", "doubled": "\r\n\r\n", "dot": "\r\n.\r\n",
}  # fmt: skip
EVIL = "Bcc: evil@example.com"
COMMAND = "RCPT TO:<evil@example.com>"
OURS = {
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    "Content-ID", "Content-Disposition", "Auto-Submitted",
}  # fmt: skip
FIELDS = {
    "subject": lambda text: {"subject": text},
    "to_name": lambda text: {"to_name": text},
    "to": lambda text: {"to": Address(EMAIL, f"mina@example.net{text}")},
    "to before": lambda text: {"to": Address(EMAIL, f"{text}mina@example.net")},
    "reply_to": lambda text: {"reply_to": f"shop@example.org{text}"},
    "in_reply_to": lambda text: {"in_reply_to": f"<a@example.net>{text}"},
    "in_reply_to inside": lambda text: {"in_reply_to": f"<a{text}@example.net>"},
    "references": lambda text: {"references": (f"<a@example.net{text}>", text)},
    "unsubscribe_url": lambda text: {"unsubscribe_url": f"https://example.org/{text}"},
    "unsubscribe_mailto": lambda text: {"unsubscribe_mailto": f"stop@example.org{text}"},
    "file name": lambda text: {"attachments": (Attachment(f"a{text}.pdf", "application/pdf", 1, content=b"x"),)},
    "media type": lambda text: {"attachments": (Attachment("a", f"application/pdf{text}", 1, content=b"x"),)},
    "content id": lambda text: {
        "html": "<p>",
        "attachments": (Attachment("a", "image/png", 1, content=b"x", content_id=f"a{text}"),),
    },
    "button": lambda text: {"html": "<p>", "buttons": (Button(text, text), Button(text, url=f"https://x/{text}"))},
}


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("field", FIELDS)
async def test_no_message_can_write_a_line_of_its_own(mail, adapter, field, line_break):
    text = f"x{BREAKS[line_break]}{EVIL}{BREAKS[line_break]}{COMMAND}"
    message = mail(purpose=Purpose.SERVICE, **FIELDS[field](text))
    async with scripted() as server, adapter(server.port) as out:
        try:
            await out.send(message)
        except PermanentFailure:
            assert server.commands == []
            return
    assert [command.split(":")[0] for command in server.commands] == ["EHLO test", "MAIL FROM", "RCPT TO", "DATA"]
    assert server.commands[2] == "RCPT TO:<mina@example.net>"
    [raw] = server.took
    for part in message_from_bytes(raw).walk():
        assert set(part.keys()) <= OURS
        assert len(part.keys()) == len(set(part.keys()))
        for value in part.values():
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029]", value)
    heads = [head for head in re.split(rb"\r\n\r\n", raw) if b"Content-Type" in head]
    assert not any(line.lower().startswith((b"bcc", b"rcpt")) for head in heads for line in head.splitlines())


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "setting",
    [
        "sender",
        "bounce_address",
        "reply_address",
        "sender_name",
        "list_id",
        "dkim_domain",
        "dkim_selector",
        "local_hostname",
    ],
)
async def test_no_setting_can_either(mail, adapter, setting, line_break):
    good = {"sender_name": "Vera", "list_id": "news", "dkim_domain": "example.org", "dkim_selector": "s1"}
    text = f"{good.get(setting, 'shop@example.org')}{BREAKS[line_break]}{EVIL}"
    settings = {"host": "x", "sender": "shop@example.org", setting: text}
    if setting not in ("sender_name", "list_id"):
        with pytest.raises(ConfigurationError, match=f"^{setting}"):
            EmailSettings(**settings, **({"dkim_key": "k"} if setting == "dkim_selector" else {}))
        return
    async with scripted() as server, adapter(server.port, **{setting: text}) as out:
        await out.send(mail(unsubscribe_url="https://example.org/u"))
    assert set(message_from_bytes(server.took[0]).keys()) <= OURS
    assert b"\r\nBcc" not in server.took[0]
