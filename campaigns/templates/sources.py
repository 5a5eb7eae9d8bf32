"""Template files: their names, their front matter, their body.

A file is ``NAME/CHANNEL[.LOCALE].EXTENSION``; ``NAME/message[.LOCALE].md`` speaks on every channel that has no file of
its own. It may begin with YAML between two lines of ``---``: ``subject`` and ``preview`` (email), ``content_sid`` and
``variables`` (whatsapp), ``buttons``, ``attach``, ``keyboard``, ``long`` and ``footer`` (all). Each value is a template
too, but ``content_sid`` and the last four.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from campaigns.reading.fields import Fields
from campaigns.templates.attachments import AttachSource, read_attachments
from campaigns.templates.pasted import guarded
from core.messages import EMAIL, WHATSAPP
from core.reading.problems import Problem, Problems, WorkspaceInvalid
from core.reading.yaml import Scalar, Sequence, read_yaml

MESSAGE = "message"
"""In the place of a channel: the one text for all of them."""
FORMATTED = "md"
HTML_EXTENSIONS = ("mjml", "html")
Long = Literal["", "shorten", "refuse"]
Keyboard = Literal["inline", "reply"]
Asked = Literal["", "contact", "location"]
"""What becomes of a text that is too long for its channel; empty: what is usual there."""
_ASKED: Mapping[str, Asked] = {"phone": "contact", "location": "location"}
"""What a button may ask of the reader's own app, by the word for it in a file."""
_FILE = re.compile(r"(?P<channel>[a-z0-9_]+)(?:\.(?P<locale>[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})?))?\.(?P<ext>[a-z]+)")


def extensions(channel: str) -> tuple[str, ...]:
    """The kinds of file that speak on a channel, best first."""
    if channel == MESSAGE:
        return (FORMATTED,)
    return (*HTML_EXTENSIONS, FORMATTED, "txt") if channel == EMAIL else ("txt", FORMATTED)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of template source with the line it stands at in its file."""

    source: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class ButtonSource:
    """A button before rendering."""

    label: Text
    value: Text
    url: Text
    asks: Asked = ""


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A template file taken apart. ``path`` is below ``templates/``.

    ``own_footer``: the text itself says how to end what it belongs to, nothing is added.
    """

    path: str
    channel: str
    locale: str
    extension: str
    body: Text
    subject: Text | None = None
    preview: Text | None = None
    content_sid: str = ""
    variables: Mapping[str, Text] | None = None
    buttons: tuple[ButtonSource, ...] = ()
    keyboard: Keyboard = "inline"
    long: Long = ""
    own_footer: bool = False
    attach: tuple[AttachSource, ...] = ()

    @property
    def is_html(self) -> bool:
        return self.extension in HTML_EXTENSIONS

    @property
    def is_formatted(self) -> bool:
        return self.extension == FORMATTED

    def texts(self) -> list[Text]:
        """Every piece of template source in the file."""
        found = [self.body, *(text for text in (self.subject, self.preview) if text), *(self.variables or {}).values()]
        for button in self.buttons:
            found += [button.label, button.value, button.url]
        return found


def file_parts(path: str) -> tuple[str, str, str] | None:
    """Channel, locale (lower case, ``-``) and extension of ``name/email.ru.mjml``; None if it is not of that form."""
    match = _FILE.fullmatch(path.rpartition("/")[2])
    if match is None:
        return None
    return match["channel"], (match["locale"] or "").replace("_", "-").lower(), match["ext"]


def take_apart(path: str, text: str) -> TemplateSource:
    """Read the front matter of the template file ``path`` (below ``templates/``).

    Raises:
        WorkspaceInvalid: with every problem of the front matter.
    """
    file, problems = f"templates/{path}", Problems()
    parts = file_parts(path)
    if parts is None:
        raise WorkspaceInvalid(
            [Problem(file, 0, "not a template's name; write one such as email.mjml or email.ru.mjml")]
        )
    channel, locale, extension = parts
    front, body = _split(text.replace("\r\n", "\n"), file)
    if extension == "html":
        body = Text(guarded(body.source), body.line)
    if front is None:
        return TemplateSource(path, channel, locale, extension, body)
    node = read_yaml(front.source, file, first_line=front.line)
    if node is None:
        return TemplateSource(path, channel, locale, extension, body)
    fields = Fields.of(node, file, problems, "the front matter")
    problems.raise_if_any()
    assert fields is not None  # noqa: S101  a failure was a problem
    subject = preview = None
    content_sid, variables = "", None
    if channel in (EMAIL, MESSAGE):
        subject, preview = _text(fields, "subject"), _text(fields, "preview")
    if channel in (WHATSAPP, MESSAGE):
        content_sid = fields.parsed("content_sid", _content_sid, "")
        listed = fields.mapping("variables")
        variables = {key: _text(listed, key) or Text("") for key in listed.node.entries} if listed else {}
    buttons = _buttons(fields, problems)
    keyboard: Keyboard = fields.parsed("keyboard", _keyboard, "inline")
    long: Long = fields.parsed("long", _long, "")
    own_footer = fields.parsed("footer", _footer, default=False)
    attach = read_attachments(fields, problems)
    fields.finish()
    problems.raise_if_any()
    return TemplateSource(
        path, channel, locale, extension, body, subject, preview, content_sid, variables, buttons, keyboard, long,
        own_footer, attach,
    )  # fmt: skip


def can_speak(source: TemplateSource, channel: str) -> bool:
    """Whether the file has what ``channel`` needs: a letter a subject, WhatsApp an approved template."""
    if source.channel != MESSAGE:
        return source.channel == channel
    needs = {EMAIL: source.subject is not None, WHATSAPP: bool(source.content_sid)}
    return needs.get(channel, True)


def files_for(paths: Iterable[str], template: str, channel: str) -> list[str]:
    """The files of ``template`` that speak on ``channel``: its own, and the common one in other locales."""
    named = [(path, parts) for path in paths if path.startswith(f"{template}/") and (parts := file_parts(path))]
    own = [(path, parts[1]) for path, parts in named if parts[0] == channel]
    taken = {locale for _, locale in own}
    common = [path for path, parts in named if parts[0] == MESSAGE and parts[1] not in taken]
    return [*(path for path, _ in own), *common]


def _split(text: str, file: str) -> tuple[Text | None, Text]:
    text = text.removeprefix("\ufeff")
    if not text.startswith("---\n"):
        return None, Text(text)
    lines = text.split("\n")
    for index in range(1, len(lines)):
        if lines[index].rstrip() == "---":
            return Text("\n".join(lines[1:index]), 2), Text("\n".join(lines[index + 1 :]), index + 2)
    raise WorkspaceInvalid([Problem(file, 1, "the front matter has no end; close it with a line of ---")])


def _text(fields: Fields, key: str) -> Text | None:
    node = fields.get(key)
    if node is None:
        return None
    if not isinstance(node, Scalar):
        fields.text(key)  # says what is wrong
        return None
    return Text(node.text, node.line)


def _buttons(fields: Fields, problems: Problems) -> tuple[ButtonSource, ...]:
    node = fields.get("buttons")
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        fields.problem("buttons", "'buttons' must be a list, such as [{label: Shop, url: https://example.com}]")
        return ()
    made = []
    for item in node.items:
        button = Fields.of(item, fields.file, problems, "a button")
        if button is None:
            continue
        label, value, url = _text(button, "label"), _text(button, "value"), _text(button, "url")
        asks: Asked = button.parsed("asks", _asks, "")
        button.finish()
        if label is None or sum((value is not None, url is not None, button.get("asks") is not None)) != 1:
            button.problem("", "a button has a label, and one of: a url, a value, asks")
            continue
        made.append(ButtonSource(label, value or Text(""), url or Text(""), asks))
    return tuple(made)


def _asks(text: str) -> Asked:
    if text not in _ASKED:
        raise ValueError(f"{text[:40]!r} is nothing that a button asks for; write phone or location")
    return _ASKED[text]


def _keyboard(text: str) -> Keyboard:
    if text == "reply":
        return "reply"
    if text == "inline":
        return "inline"
    raise ValueError(f"{text[:40]!r} is no keyboard; write reply for one in the place of the reader's own, or nothing")


def _long(text: str) -> Long:
    if text == "shorten":
        return "shorten"
    if text == "refuse":
        return "refuse"
    raise ValueError(f"{text[:40]!r} is no rule for a long text; write shorten or refuse")


def _footer(text: str) -> bool:
    if text != "own":
        raise ValueError(f"{text[:40]!r} is no footer; write own where the text itself says how to end it, or nothing")
    return True


def _content_sid(text: str) -> str:
    if not re.fullmatch(r"HX[0-9a-fA-F]{32}", text):
        raise ValueError(
            f"{text[:60]!r} is no content SID; copy it from Twilio's Content Template Builder (HX and 32 hex)"
        )
    return text
