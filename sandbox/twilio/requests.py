"""Reading and checking a POST to Messages: pure, apart from looking at the account and the people."""

import re

import orjson

from sandbox.outbound import NotLoopbackError, require_loopback
from sandbox.people import People
from sandbox.twilio.account import Account, TwilioMessage
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.segments import segments

BODY_LIMIT = 1600  # characters
MOST_MEDIA = 10

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_CONTENT = re.compile(r"HX[0-9a-fA-F]{32}")
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,64})\s*\}\}")


def build(form: dict[str, list[str]], account: Account, people: People, now: int) -> TwilioMessage:
    """The new message that ``form`` asks for, queued; TwilioError when Twilio would refuse it."""
    to, sender = _one(form, "To"), _one(form, "From")
    service, callback = _one(form, "MessagingServiceSid"), _one(form, "StatusCallback")
    if not to:
        raise TwilioError(21604)
    number = to.removeprefix("whatsapp:")
    if not _NUMBER.fullmatch(number):
        raise TwilioError(21211, to)
    whatsapp = to.startswith("whatsapp:")
    _check_sender(sender, service, account, whatsapp=whatsapp)
    if not whatsapp and any(number.startswith(prefix) for prefix in account.settings.unserved):
        raise TwilioError(21408, number)
    body, template = _body(form, account)
    media = form.get("MediaUrl", [])
    if not body and not media:
        raise TwilioError(21602 if "Body" in form else 21619)
    if len(body) > BODY_LIMIT:
        raise TwilioError(21617)
    if len(media) > (1 if whatsapp else MOST_MEDIA):
        raise TwilioError(21623)
    if callback:
        try:
            require_loopback(callback)
        except NotLoopbackError:
            raise TwilioError(21609, callback) from None
    person = people.by_phone.get(number)
    if not whatsapp and person is not None and person.sms_stopped:
        raise TwilioError(21610)
    return TwilioMessage(
        sid=account.new_sid("MM" if media and not whatsapp else "SM", to),
        to=to,
        sender=sender or None,
        body=body,
        status="accepted" if service else "queued",
        created=now,
        updated=now,
        service=service or None,
        num_media=len(media),
        media=media,
        num_segments=1 if whatsapp or media else segments(body),
        callback=callback or None,
        template=template,
    )


def text_of(form: dict[str, list[str]]) -> str:
    """What a refused request would have said, for the ledger."""
    return _one(form, "Body") or _one(form, "ContentSid")


def _one(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[-1].strip()


def _check_sender(sender: str, service: str, account: Account, *, whatsapp: bool) -> None:
    settings = account.settings
    if service:
        if service not in settings.services:
            raise TwilioError(21701, service)
        if not sender:
            return
    if not sender:
        raise TwilioError(21603)
    if sender.startswith("whatsapp:") != whatsapp:
        raise TwilioError(21910)
    if whatsapp and sender.removeprefix("whatsapp:") not in settings.whatsapp_numbers:
        raise TwilioError(63007)
    if not whatsapp and sender not in settings.numbers:
        raise TwilioError(21606, sender)


def _body(form: dict[str, list[str]], account: Account) -> tuple[str, bool]:
    """The text, and whether it comes from a template."""
    content = _one(form, "ContentSid")
    if not content:
        return form.get("Body", [""])[-1], False
    if not _CONTENT.fullmatch(content) or content not in account.settings.contents:
        raise TwilioError(21655, content)
    given = _one(form, "ContentVariables")
    try:
        variables = orjson.loads(given) if given else {}
    except orjson.JSONDecodeError:
        raise TwilioError(21656) from None
    if not isinstance(variables, dict) or not all(isinstance(value, str) and value for value in variables.values()):
        raise TwilioError(21656)
    template = account.settings.contents[content]
    if not set(_VARIABLE.findall(template)) <= set(variables):
        raise TwilioError(21656)
    return _VARIABLE.sub(lambda found: variables[found[1]], template), True
