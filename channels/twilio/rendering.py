"""A message as the parameters of one ``POST Messages``. Pure."""

import orjson

from channels.twilio.callbacks import WHATSAPP_PREFIX
from core.errors import PermanentFailure, PermanentKind
from core.messages import WHATSAPP, OutboundMessage

TEXT_LIMIT = 1600


def render(message: OutboundMessage, channel: str) -> dict[str, str]:
    """``to`` with ``body``, or with ``content_sid`` and ``content_variables`` where the message has a template.

    Raises:
        PermanentFailure: an empty or too long text, an address of another kind, or buttons and files, which free text
            here does not carry (a content template does).
    """
    to = addressed(channel, message.to.value)
    if message.template is not None:
        variables = orjson.dumps(message.template.variables, option=orjson.OPT_SORT_KEYS).decode()
        return {"to": to, "content_sid": message.template.id} | (
            {"content_variables": variables} if message.template.variables else {}
        )
    if message.buttons or message.attachments:
        what = "buttons" if message.buttons else "attachments"
        raise PermanentFailure(PermanentKind.UNSUPPORTED, f"{channel} carries no {what} in free text; use a template")
    if not message.text.strip():
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, "the text is empty")
    if len(message.text) > TEXT_LIMIT:
        why = f"the text has {len(message.text)} characters; Twilio takes {TEXT_LIMIT}"
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, why)
    return {"to": to, "body": message.text}


def addressed(channel: str, value: str) -> str:
    """``value`` as Twilio writes an address of ``channel``."""
    if not value.strip():
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, "no number to send to")
    if channel == WHATSAPP:
        return value if value.startswith(WHATSAPP_PREFIX) else WHATSAPP_PREFIX + value
    if not value.startswith("+"):
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, "not a number in E.164, like +12025550100")
    return value
