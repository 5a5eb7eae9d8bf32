"""A message as the parameters of one ``POST Messages``. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from channels.twilio.callbacks import WHATSAPP_PREFIX
from core.errors import PermanentFailure, PermanentKind
from core.messages import SMS, WHATSAPP, Attachment, OutboundMessage

TEXT_LIMIT = 1600
MOST_MEDIA = {SMS: 10, WHATSAPP: 1}
LARGEST_MEDIA = {SMS: 5_000_000, WHATSAPP: 16 * 1024 * 1024}
"""Bytes of all files of a message together (https://www.twilio.com/docs/messaging/api/media-resource, and the page on
WhatsApp's media; read 2026-11)."""

MediaUrl = Callable[[Attachment], str]


def render(message: OutboundMessage, channel: str, media_url: MediaUrl | None = None) -> dict[str, Any]:
    """``to`` with ``body`` and ``media_url``, or where there is a template ``content_sid`` and ``content_variables``.

    ``media_url`` gives the address under which Twilio fetches a file; None where it has no way to us.

    Raises:
        PermanentFailure: an empty or too long text, an address of another kind, buttons, which free text here does not
            carry (a content template does), or files that Twilio would not take or could not fetch.
    """
    to = addressed(channel, message.to.value)
    if message.template is not None:
        if message.attachments:
            raise _unsupported(f"{channel} carries no files beside a content template; put them into the template")
        variables = orjson.dumps(message.template.variables, option=orjson.OPT_SORT_KEYS).decode()
        return {"to": to, "content_sid": message.template.id} | (
            {"content_variables": variables} if message.template.variables else {}
        )
    if message.buttons:
        raise _unsupported(f"{channel} carries no buttons in free text; use a template")
    if not message.text.strip() and not message.attachments:
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, "the text is empty")
    if len(message.text) > TEXT_LIMIT:
        why = f"the text has {len(message.text)} characters; Twilio takes {TEXT_LIMIT}"
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, why)
    parameters: dict[str, Any] = {"to": to}
    if message.text.strip():
        parameters["body"] = message.text
    if message.attachments:
        parameters["media_url"] = _media(message.attachments, channel, media_url)
    return parameters


def _media(attachments: Sequence[Attachment], channel: str, media_url: MediaUrl | None) -> list[str]:
    if media_url is None:
        raise _unsupported(f"{channel} carries files only where Twilio can fetch them: set OTKLIK_PUBLIC_URL to https")
    if len(attachments) > MOST_MEDIA[channel]:
        raise _unsupported(f"{channel} carries {MOST_MEDIA[channel]} files in a message, not {len(attachments)}")
    unkept = next((one for one in attachments if not one.blob), None)
    if unkept is not None:
        raise _unsupported(f"{unkept.name} is not among the stored files, so Twilio cannot fetch it")
    size = sum(one.size for one in attachments)
    if size > LARGEST_MEDIA[channel]:
        why = f"the files have {size} bytes; {channel} takes {LARGEST_MEDIA[channel]}"
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, why)
    return [media_url(one) for one in attachments]


def _unsupported(words: str) -> PermanentFailure:
    return PermanentFailure(PermanentKind.UNSUPPORTED, words)


def addressed(channel: str, value: str) -> str:
    """``value`` as Twilio writes an address of ``channel``."""
    if not value.strip():
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, "no number to send to")
    if channel == WHATSAPP:
        return value if value.startswith(WHATSAPP_PREFIX) else WHATSAPP_PREFIX + value
    if not value.startswith("+"):
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, "not a number in E.164, like +12025550100")
    return value
