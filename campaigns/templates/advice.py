"""What a template that works may still get wrong: a reader who cannot leave, a text that costs several SMS."""

from campaigns.definition import Brand
from campaigns.templates.adapting import CAPABILITIES, OTHERS, Adapted, Envelope, adapt
from campaigns.templates.content import Rendered
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.leaving import says_stop
from campaigns.templates.sources import TemplateSource
from core.messages import SMS, WHATSAPP
from core.purposes import NEEDS_CONSENT, Purpose
from core.reading.problems import Problems
from core.sms import sms_parts

MANY_PARTS = 3
"""SMS that one message may be without a word about it."""
_EXAMPLE_BRAND = Brand(name="Lantern Books", url="https://shop.example.com", postal_address="1 Harbour Lane")
_EXAMPLE_LINK = "https://shop.example.com/u/" + "0" * 42


def check_buttons(channel: str, source: TemplateSource, problems: Problems) -> None:
    """Note buttons that cannot stand on the channel."""
    file, asks = f"templates/{source.path}", CAPABILITIES.get(channel, OTHERS).asks
    in_place = asks and (source.keyboard == "reply" or any(button.asks for button in source.buttons))
    for button in source.buttons:
        if button.asks and not asks:
            able = " or ".join(name for name, can in CAPABILITIES.items() if can.asks)
            hint = f"remove it, or give {able} a file of its own"
            problems.add(file, button.label.line, f"no app of {channel} is asked for what its reader has; {hint}")
        if in_place and button.url.source:
            why = "a keyboard in the place of the reader's own opens no pages"
            problems.add(file, button.url.line, f"{why}; put the address into the text")


def check_leaving(channel: str, source: TemplateSource, problems: Problems) -> None:
    """Note marketing that does not say how to stop it where nobody adds that: the file wants so, or cannot be added to.

    A letter is held to its link elsewhere; to other texts the way out is added where they have none.
    """
    if says_stop(source):
        return
    file, line = f"templates/{source.path}", source.body.line
    if source.own_footer:
        hint = "add a line such as: To hear no more, send STOP; or leave out footer: own"
        problems.add(file, line, f"footer: own, but nothing tells the reader on {channel} how to stop it; {hint}")
    elif channel == WHATSAPP:
        hint = "add a line such as: To hear no more, send STOP"
        problems.warn(file, line, f"nothing tells its reader how to stop it; {hint}")


def advise_on_length(channel: str, path: str, text: str, problems: Problems) -> None:
    """Warn of an SMS that is many to the provider."""
    counted = sms_parts(text)
    if channel == SMS and counted.parts > MANY_PARTS:
        said = f"{counted.parts} SMS for an example customer ({counted.units} units of {counted.encoding})"
        problems.warn(f"templates/{path}", 0, f"{said}; each is paid for, shorten it")


def check_adapted(
    channel: str, purpose: Purpose, path: str, rendered: Rendered, who: str, problems: Problems
) -> Adapted | None:
    """The text as its channel would take it, tried out on ``who``; noted, and nothing, where it would not."""
    envelope = Envelope(
        channel, _EXAMPLE_BRAND, marketing=purpose in NEEDS_CONSENT, reply_to="shop@example.com",
        unsubscribe=_EXAMPLE_LINK, not_now=_EXAMPLE_LINK,
    )  # fmt: skip
    try:
        return adapt(rendered, envelope)
    except TemplateFailure as failure:
        problems.add(f"templates/{path}", 0, f"{failure.reason} on {channel} ({who})")
        return None
