"""Campaign mails a second, end to end, beside a bare aiosmtplib loop that sends the very same bytes to the same sink.

    python benchmarks/emails.py --messages 5000 --rounds 5

*Ours* is the whole service on uvloop, as ``otklik run`` runs it. The clock starts with customers who are enrolled and
due, and stops when every outcome is committed: planned, checked, rendered, composed, journalled, sent, recorded.
With ``--planned`` a second side starts where the messages stand planned in the store: what the dispatcher alone does,
from claim to record. Both start the process that composes bulk within their time, and its CPU is counted as ours.
*Bare* gets finished mails in memory and only sends them: one aiosmtplib client a session, once on asyncio's loop and
once on uvloop. Rounds alternate, each side in a process of its own; the medians and their ratios are printed. The sink
is Postfix's ``smtp-sink`` where there is one (``--sink`` names it), else a small one of ours. ``--away 20`` puts it as
far away as a provider is: on this machine's own loopback an answer takes no time, and pipelining nothing to save.
"""

import argparse
import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sending import Channel, main
from sides import Taken, parser
from sink import running_sink

if TYPE_CHECKING:
    from core.messages import OutboundMessage

SESSIONS = 5
SENDER = "vera@shop.example.com"
PARAGRAPH = (
    "Since your last parcel left our shop two hundred new books have climbed the stairs to our shelves, and more than "
    "once we have thought: this one is for you. Tell us the last book that you could not put down, and Vera, who has "
    "looked after our fiction shelves for eleven years, will write back with three more."
)
LETTER = (
    "---\nsubject: '{{ customer.first_name }}, we kept your place'\npreview: Two hundred new books and one good lamp.\n"
    '---\n<html><head><title>{{ brand.name }}</title></head>\n<body style="background:#f5efe3">\n'
    "<h1>It has been a while</h1>\n<p>Dear {{ customer.first_name | default('reader', true) }},</p>\n"
    "{% if orders.last_at %}<p>Your last parcel left on {{ orders.last_at | date }}.</p>{% endif %}\n"
    + f'<p style="font-size:17px;line-height:28px;color:#2b2b26">{PARAGRAPH}</p>\n'
    * 4
    + '<p><a href="{{ brand.url }}/new" style="color:#9a5b12">See what is new</a></p>\n'
    '<p><a href="{{ brand.url }}/events?for=readers" style="color:#9a5b12">Evenings in the shop</a></p>\n'
    '<p>{{ brand.name }}, {{ brand.postal_address }} · <a href="{{ links.unsubscribe }}">Unsubscribe</a></p>\n'
    "</body></html>\n"
)


def people(number: int, *, chats: bool = False) -> Iterator[str]:
    """So many customers with a mail address; with ``chats`` every other one has a chat with our bot too."""
    yield "id,first name,last name,email,telegram id,city"
    for n in range(number):
        yield f"{n},Reader{n},Petrova,reader{n}@example.org,{7000000 + n if chats and n % 2 else ''},Riga"


def settings(_: argparse.Namespace, port: int) -> Mapping[str, str]:
    """Ours, for the sink at ``port``."""
    return {
        "OTKLIK_EMAIL_HOST": "127.0.0.1", "OTKLIK_EMAIL_PORT": str(port), "OTKLIK_EMAIL_TLS": "none",
        "OTKLIK_EMAIL_SENDER": SENDER, "OTKLIK_EMAIL_SESSIONS": str(SESSIONS),
    }  # fmt: skip


def finished(message: "OutboundMessage", _: Any) -> Iterable[tuple[str, bytes]]:
    """A mail as (recipient, bytes)."""
    from channels.email.mime import Composer
    from channels.email.settings import EmailSettings
    from core.clock import machine_now

    yield message.to.value, Composer(EmailSettings(host="127.0.0.1", sender=SENDER)).compose(message, machine_now())


async def bare(mails: Sequence[tuple[str, bytes]], port: int) -> Taken:
    """Five clients send the finished mails, each its next one as soon as the last is accepted."""
    import aiosmtplib

    left = iter(mails)

    async def session() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, use_tls=False)
        await client.connect()
        for recipient, raw in left:
            await client.sendmail(SENDER, [recipient], raw)
        await client.quit()

    begun = Taken.now()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    return begun.since()


MAIL = Channel(
    name="email", rival="bare aiosmtplib", sessions=SESSIONS, template=("email.html", LETTER), people=people,
    settings=settings, finished=finished, bare=bare,
    server=lambda told, port: running_sink(told.sink, port, told.away),
)  # fmt: skip


if __name__ == "__main__":
    taking = parser(__doc__, 5000)
    taking.add_argument("--sink", default="", help="path of Postfix's smtp-sink")
    taking.add_argument("--away", type=float, default=0.0, help="milliseconds from here to the sink and back")
    main(__file__, MAIL, taking.parse_args())
