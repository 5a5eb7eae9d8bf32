"""What a template that works may still get wrong: a reader who cannot leave, a text that costs several SMS."""

from campaigns.reading.problems import Problems
from campaigns.templates.content import Rendered
from campaigns.templates.sources import TemplateSource
from core.messages import EMAIL, SMS, TELEGRAM
from core.purposes import NEEDS_CONSENT, Purpose
from core.sms import sms_parts

MANY_PARTS = 3
"""SMS that one message may be without a word about it."""
TELEGRAM_BUTTON_BYTES = 64
_WAYS_OUT = ("links.unsubscribe", "stop", "unsubscribe", "стоп", "отпис", "لغو", "توقف", "انصراف")
"""What tells a reader how to leave; the words are orders that every channel obeys."""


def advise_on_leaving(purpose: Purpose, source: TemplateSource, problems: Problems) -> None:
    """Warn of marketing that does not say how to stop it. A letter without a link is a problem of its own."""
    if purpose not in NEEDS_CONSENT or source.channel == EMAIL:
        return
    said = "\n".join(text.source for text in source.texts()).lower()
    if not any(way in said for way in _WAYS_OUT):
        hint = "add a line such as: To hear no more, send STOP"
        problems.warn(f"templates/{source.path}", source.body.line, f"nothing tells its reader how to stop it; {hint}")


def advise_on_length(channel: str, path: str, rendered: Rendered, problems: Problems) -> None:
    """Warn of an SMS that is many to the provider."""
    counted = sms_parts(rendered.text)
    if channel == SMS and counted.parts > MANY_PARTS:
        said = f"{counted.parts} SMS for an example customer ({counted.units} units of {counted.encoding})"
        problems.warn(f"templates/{path}", 0, f"{said}; each is paid for, shorten it")


def check_rendered(channel: str, path: str, rendered: Rendered, who: str, problems: Problems) -> None:
    """Note what a provider refuses of a text that was tried out. ``who`` it was for."""
    file = f"templates/{path}"
    if channel == TELEGRAM:
        for button in rendered.buttons:
            if len(button.value.encode()) > TELEGRAM_BUTTON_BYTES:
                said = f"the value of button {button.label!r} is longer than {TELEGRAM_BUTTON_BYTES} bytes {who}"
                problems.add(file, 0, f"{said}, and Telegram refuses it; shorten it")
