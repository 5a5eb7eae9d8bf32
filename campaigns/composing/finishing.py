"""From what a template says to what leaves: links of ours, then the channel's own way. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from campaigns.composing.links import MessageLinks
from campaigns.composing.tagging import NO_TAGS, Tags
from campaigns.definition import Brand
from campaigns.templates.adapting import Adapted, Envelope, adapt
from campaigns.templates.carrying import apart
from campaigns.templates.content import Rendered
from campaigns.templates.leaving import NARROWING
from campaigns.templates.letters import with_block
from core.formatting import Formatted
from core.messages import EMAIL, Attachment, Button
from core.values import value

VALUE_BYTES = 64
"""A button carries no more; a longer value stays with us, and the button carries a token for it."""


@value(frozen=True, slots=True)
class Occasion:
    """Which message it is and for whom, and the files that belong to it, named by their content.

    ``approved``: its words are the provider's own template.
    """

    message_id: str
    channel: str
    customer_id: str = ""
    marketing: bool = False
    approved: bool = False
    tags: Tags = NO_TAGS
    files: tuple[Attachment, ...] = ()


def finished(
    rendered: Rendered, occasion: Occasion, brand: Brand, links: MessageLinks, targets: dict[str, str]
) -> Adapted:
    """The message as its channel takes it, its links tagged and leading through us, to ``targets``.

    Raises:
        TemplateFailure: if it is too long for its channel.
    """
    id_, tags = occasion.message_id, occasion.tags
    is_mail = occasion.channel == EMAIL
    if rendered.spans:
        said = links.tracked_formatted(Formatted(rendered.text, rendered.spans), id_, targets, tags)
    else:
        said = Formatted(links.tracked_text(rendered.text, id_, targets, tags))
    buttons = tuple(
        replace(one, url=links.tracked_url(one.url, id_, targets, tags)) if one.url else one for one in rendered.buttons
    )
    carried, buttons = _with_files(occasion, buttons, links, targets)
    html = links.tracked_html(rendered.html, id_, targets, tags) if rendered.html else ""
    leaves = occasion.marketing and not rendered.manner.own_footer
    envelope = Envelope(
        channel=occasion.channel,
        brand=brand,
        marketing=occasion.marketing,
        approved=occasion.approved,
        reply_to=links.reply_to(id_) if is_mail and buttons else "",
        unsubscribe=links.unsubscribe(id_) if is_mail and leaves else "",
        not_now=links.not_now(id_) if is_mail and leaves else "",
        preferences=links.preferences(occasion.customer_id) if is_mail and leaves else "",
    )
    made = adapt(rendered.saying(said.text, said.spans, html, buttons), envelope)
    if made.html:
        return made.as_letter(with_block(made.html, links.pixel(id_)), carried)
    if made.buttons and made.choices:
        made = replace(made, buttons=_carried(made, id_, links))
    return replace(made, attachments=carried) if carried else made


def _with_files(
    occasion: Occasion, buttons: tuple[Button, ...], links: MessageLinks, targets: dict[str, str]
) -> tuple[tuple[Attachment, ...], tuple[Button, ...]]:
    """The files that go along, and the buttons with those that lead to the others."""
    if not occasion.files or occasion.approved:  # a provider's own template has its own
        return (), buttons
    carried, linked = apart(occasion.channel, occasion.files)
    ways = (Button(one.name, url=links.file(one, occasion.message_id, targets)) for one in linked)
    return carried, (*buttons, *ways)


def _carried(made: Adapted, message_id: str, links: MessageLinks) -> tuple[Button, ...]:
    """The buttons; what is too long for one, or means this very message, as a token."""
    numbers: Mapping[int, int] = {id(one): number for number, one in enumerate(made.choices, 1)}
    return tuple(
        replace(one, value=links.choice(message_id, numbers[id(one)]))
        if id(one) in numbers and (len(one.value.encode()) > VALUE_BYTES or one.value in NARROWING)
        else one
        for one in made.buttons
    )


def finished_words(
    rendered: Rendered,
    occasion: Occasion,
    brand: Brand,
    links: MessageLinks,
    targets: dict[str, str] | None = None,
) -> Adapted:
    """Words that were chosen for one customer, as the channel takes them; their links lead where they say.

    Where a link leads to a file, it is added to ``targets``.
    """
    carried, buttons = _with_files(occasion, rendered.buttons, links, {} if targets is None else targets)
    made = adapt(replace(rendered, buttons=buttons), Envelope(occasion.channel, brand, approved=occasion.approved))
    if made.buttons and made.choices:
        made = replace(made, buttons=_carried(made, occasion.message_id, links))
    return replace(made, attachments=carried) if carried else made
