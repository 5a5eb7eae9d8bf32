"""An answer as the content of a message: its words and how they look, buttons, the question whether it helped. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from campaigns.definition.answers import Answer
from core import catalogue
from core.formatting import Formatted, trimmed
from core.marks import parsed

HELPFUL = "helpful:"
YES, NO, LAST_NO = "yes", "no", "end"
"""What is said of an answer; the last: of the second one, after which there is no third."""


def helpful(said: str, message_id: str) -> str:
    """The value of a button under the answer to the message ``message_id``."""
    return f"{HELPFUL}{said}:{message_id}"


def said_of_answer(value: str) -> tuple[str, str] | None:
    """(what is said, the message that was answered) of a button's value; None for any other."""
    said, _, message_id = value.removeprefix(HELPFUL).partition(":")
    known = value.startswith(HELPFUL) and said in (YES, NO, LAST_NO) and message_id
    return (said, message_id) if known else None


def content_of(answer: Answer, message_id: str, *, instead: bool = False) -> dict[str, Any]:
    """What a message says that answers ``message_id``; with ``instead`` after another answer that did not help.

    Without a ``message_id`` nobody is asked whether it helped.
    """
    said = trimmed(parsed(answer.body))
    if instead:
        said = _joined(Formatted(catalogue.text(answer.locale, "answers.instead")), said)
    return content(said, answer, message_id, instead=instead)


def content(said: Formatted, answer: Answer, message_id: str, *, instead: bool = False) -> dict[str, Any]:
    """The same with other words than the answer's own."""
    buttons = [
        {"label": one.label, "url": one.url} if one.url else {"label": one.label, "value": one.label}
        for one in answer.buttons
    ]
    if answer.feedback and message_id:
        locale = answer.locale
        said = _joined(said, Formatted(catalogue.text(locale, "answers.helpful")))
        buttons += [
            {"label": catalogue.text(locale, "answers.yes"), "value": helpful(YES, message_id)},
            {
                "label": catalogue.text(locale, "answers.no"),
                "value": helpful(LAST_NO if instead else NO, message_id),
            },
        ]
    made: dict[str, Any] = {"text": said.text, "answer": answer.key}
    if said.spans:
        made["spans"] = [asdict(span) for span in said.spans]
    if buttons:
        made["buttons"] = buttons
    return made


def _joined(first: Formatted, then: Formatted) -> Formatted:
    """Two texts with an empty line between them."""
    return Formatted(f"{first.text}\n\n{then.text}", (*first.spans, *_moved(then, len(first.text) + 2)))


def _moved(formatted: Formatted, by: int) -> Sequence[Any]:
    from dataclasses import replace

    return [replace(span, start=span.start + by, end=span.end + by) for span in formatted.spans]
