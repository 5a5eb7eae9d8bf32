"""A campaign's messages as one customer would get them. Plain values: the terminal and the page both show these."""

from dataclasses import dataclass, field

from core.messages import Button, OutboundMessage
from core.money import Money
from core.sms import Segments


@dataclass(frozen=True, slots=True)
class Speech:
    """One text that a campaign can send: a leg of a step, on one channel, by one template.

    ``variant`` names who gets this template where variants get different ones. ``best`` says that the channel is one
    of those that ``send: best`` chooses among.
    """

    step: str
    leg: str
    channel: str
    template: str
    variant: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it would leave now.

    ``message`` is what the adapter gets, ``text`` what its rendering makes of that (an SMS with its short links);
    ``html`` is a letter whose links lead straight to their pages, for looking at. ``problems`` would keep it from
    arriving as meant, ``notes`` are worth knowing. ``sms`` and ``price`` are None where they mean nothing.
    ``rich`` is the text as HTML where its app shows more than letters. ``has_approved``: the provider keeps a template
    for it; ``elsewhen``: so it would be with WhatsApp's window the other way than now.
    """

    speech: Speech
    locale: str = ""
    right_to_left: bool = False
    to: str = ""
    path: str = ""
    message: OutboundMessage | None = None
    text: str = ""
    subject: str = ""
    preview: str = ""
    html: str = ""
    rich: str = ""
    buttons: tuple[Button, ...] = ()
    links: tuple[str, ...] = ()
    sms: Segments | None = None
    price: Money | None = None
    window_open: bool | None = None
    has_approved: bool = False
    elsewhen: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything that a campaign can send to ``customer``; ``notes`` are about the customer and the journey.

    ``lang`` is the language in which all this is told; the messages are in the customer's own.
    """

    campaign: str
    customer: str
    locale: str
    brand: str
    messages: tuple[Shown, ...] = ()
    notes: tuple[str, ...] = field(default=())
    lang: str = "en"
