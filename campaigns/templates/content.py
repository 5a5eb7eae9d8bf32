"""What a customer reads: a leg's templates, in the customer's locale, over plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2.exceptions import TemplateSyntaxError
from markupsafe import escape

from campaigns.definition import Leg
from campaigns.templates.attachments import AttachSource
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.leaving import says_later, says_stop
from campaigns.templates.markup import MarkupProblem, compiled_mjml, plain_text
from campaigns.templates.names import NOTHING_ASKED, Asks, asked_by
from campaigns.templates.pasted import PREVIEW, with_place_for_preview
from campaigns.templates.sandbox import HTML, MARKED, NOTHING, TEXT, Compiled, run
from campaigns.templates.sources import (
    FORMATTED,
    HTML_EXTENSIONS,
    MESSAGE,
    Asked,
    Keyboard,
    Long,
    TemplateSource,
    Text,
    extensions,
    take_apart,
)
from core.formatting import trimmed
from core.marks import parsed
from core.messages import EMAIL, SMS, Button, Span
from core.reading.problems import WorkspaceInvalid
from core.values import value

MOST = 512_000
"""Characters of one part of a message; what a channel takes is less (:mod:`campaigns.templates.adapting`)."""
LINE_LIMIT = 500
"""Characters of a subject, a label, a variable, an address."""

_PLAIN_SPACES = {0x00A0: " ", 0x202F: " ", 0x2009: " "}
"""Locales group digits by these; one of them would make a whole SMS UCS-2, which is less than half as long."""
_HIDDEN = (
    '<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;">'
    "{preview}</div>"
)


@dataclass(frozen=True, slots=True)
class Manner:
    """What a template's file settles for all of its readers.

    ``is_formatted``: its text is in our markup, so that a letter is still to be made of it. ``keyboard`` is where its
    buttons stand on a channel that puts them in the place of the reader's own. ``says_stop`` and
    ``says_later``: it names these ways out itself; ``own_footer``: none is to be added.
    """

    path: str = ""
    is_formatted: bool = False
    keyboard: Keyboard = "inline"
    long: Long = ""
    own_footer: bool = False
    says_stop: bool = False
    says_later: bool = False


@value(frozen=True, slots=True)
class Rendered:
    """A message's content as its template says it, on no channel yet. ``preview`` is also inside ``html``.

    ``spans`` are how ``text`` looks, ``attach`` the files that go with it; ``manner`` is what the template says of
    itself.
    """

    text: str
    subject: str = ""
    html: str = ""
    preview: str = ""
    buttons: tuple[Button, ...] = ()
    template_id: str = ""
    template_variables: Mapping[str, str] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    locale: str = ""
    attach: tuple[AttachSource, ...] = ()
    manner: Manner = Manner()

    def saying(self, text: str, spans: tuple[Span, ...], html: str, buttons: tuple[Button, ...]) -> "Rendered":
        """The same with other words; ``dataclasses.replace`` takes five times as long."""
        return Rendered(
            text, self.subject, html, self.preview, buttons, self.template_id, self.template_variables, spans,
            self.locale, self.attach, self.manner,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    channel: str
    body: Compiled
    as_text: Compiled | None  # of an HTML body
    subject: Compiled
    preview: Compiled
    content_sid: str
    variables: tuple[tuple[str, Compiled], ...]
    buttons: tuple[tuple[Compiled, Compiled, Compiled, Asked], ...]
    attach: tuple[AttachSource, ...]
    asks: Asks
    manner: Manner


@dataclass(frozen=True, slots=True)
class Letter:
    """A leg's templates for one locale, chosen and compiled: :meth:`render` makes a customer's message of them."""

    channel: str
    main: _File
    own_text: _File | None  # beside HTML
    locale: str
    currency: str

    @property
    def asks(self) -> Asks:
        """What its templates want to know beyond the customer."""
        own = self.own_text
        return self.main.asks | own.asks if own is not None else self.main.asks

    def render(self, data: Mapping[str, Any]) -> Rendered:
        """One customer's message; ``data`` is from :func:`campaigns.templates.variables.variables_for`.

        Raises:
            TemplateFailure: if it cannot be rendered with these data.
        """
        main = self.main
        variables = {**data, "_locale": self.locale, "_currency": self.currency}

        def line(template: Compiled) -> str:
            return one_line(run(template, variables, path=main.path, limit=LINE_LIMIT))

        is_mail = self.channel == EMAIL  # a text for all channels has both
        subject, preview = (line(main.subject), line(main.preview)) if is_mail else ("", "")
        html, spans = "", tuple[Span, ...]()
        text = run(main.body, variables, path=main.path, limit=MOST)
        if main.manner.is_formatted:
            formatted = trimmed(parsed(text))
            text, spans = formatted.text, formatted.spans
        elif main.as_text is not None:
            html = _with_preview(text, preview)
            if self.own_text is not None:
                text = run(self.own_text.body, variables, path=self.own_text.path, limit=MOST)
            else:
                text = _tidied(run(main.as_text, variables, path=main.path, limit=MOST))
        if self.channel == SMS:
            text = text.translate(_PLAIN_SPACES)
        return Rendered(
            text=text.strip() + "\n" if self.channel == EMAIL and not main.manner.is_formatted else text.strip(),
            subject=subject,
            html=html,
            preview=preview,
            buttons=tuple(
                Button(label=line(label), value=line(value), url=line(url), asks=asks)
                for label, value, url, asks in main.buttons
            ),
            template_id=main.content_sid,
            template_variables={key: line(template) for key, template in main.variables},
            spans=spans,
            locale=self.locale,
            attach=main.attach,
            manner=main.manner,
        )


def letter_for(
    templates: Mapping[str, str], leg: Leg, locale: str, *, default_locale: str = "en", currency: str = "USD"
) -> Letter:
    """The templates of ``leg`` for whoever reads ``locale``.

    They are the first that exist for ``locale``, its language, ``default_locale``, no locale.

    Raises:
        TemplateFailure: if there is none, or it is broken.
    """
    chosen, paths = _choose(templates, leg, locale, default_locale)
    return Letter(
        channel=leg.channel,
        main=_ready(paths[0], templates),
        own_text=_ready(paths[1], templates) if len(paths) > 1 else None,
        locale=_spoken(chosen, locale, default_locale),
        currency=currency,
    )


def render_templates(
    templates: Mapping[str, str],
    leg: Leg,
    locale: str,
    data: Mapping[str, Any],
    *,
    default_locale: str = "en",
    currency: str = "USD",
) -> Rendered:
    """One message of ``leg``, as :func:`letter_for` and :meth:`Letter.render`."""
    return letter_for(templates, leg, locale, default_locale=default_locale, currency=currency).render(data)


def _choose(templates: Mapping[str, str], leg: Leg, locale: str, default_locale: str) -> tuple[str, list[str]]:
    """The locale that is served and its files: the main one and, beside an HTML letter, its own text.

    Raises:
        TemplateFailure: if the leg has no template at all.
    """
    start = f"{leg.template}/{leg.channel}"
    kinds = extensions(leg.channel)
    for candidate in _fallbacks(locale, default_locale):
        suffix = candidate and f".{candidate}"
        found = [path for kind in kinds if (path := f"{start}{suffix}.{kind}") in templates]
        if found:
            html = found[0].endswith(HTML_EXTENSIONS)
            return candidate, [found[0], *([found[-1]] if html and found[-1].endswith(".txt") else [])]
        common = f"{leg.template}/{MESSAGE}{suffix}.{FORMATTED}"
        if common in templates:
            return candidate, [common]
    raise TemplateFailure(f"{start}.{kinds[0]}", "there is no such file, nor one for another locale")


@lru_cache(maxsize=256)
def _fallbacks(locale: str, default_locale: str) -> tuple[str, ...]:
    order: list[str] = []
    for wanted in (locale, default_locale):
        code = wanted.replace("_", "-").lower()
        order += [code, code.partition("-")[0]]
    # The unsuffixed file is the workspace's own language: it goes before nothing but real matches.
    return (*dict.fromkeys(code for code in order if code), "")


@lru_cache(maxsize=256)
def _spoken(chosen: str, locale: str, default_locale: str) -> str:
    # How dates and money are written: in the language of the file, with the territory of whoever speaks it.
    language = (chosen or default_locale).partition("-")[0].lower()
    for own in (chosen, locale, default_locale):
        code = own.replace("_", "-")
        if "-" in code and code.partition("-")[0].lower() == language:
            return code
    return chosen or default_locale


@lru_cache(maxsize=512)
def compiled(path: str, text: str) -> _File:
    """A template file compiled, kept by its path and text (hence by version).

    Raises:
        WorkspaceInvalid: for broken front matter.
        MarkupProblem: for broken MJML.
        TemplateSyntaxError: for broken or refused template syntax.
    """
    source = take_apart(path, text)
    parts = html_and_text(source)
    sandbox = HTML if source.is_html else MARKED if source.is_formatted else TEXT
    return _File(
        path=path,
        channel=source.channel,
        body=sandbox.compile_checked(parts[0]),
        as_text=TEXT.compile_checked(parts[1]) if source.is_html else None,
        subject=_line(source.subject),
        preview=_line(source.preview),
        content_sid=source.content_sid,
        variables=tuple((key, TEXT.compile_checked(text.source)) for key, text in (source.variables or {}).items()),
        buttons=tuple(
            (
                TEXT.compile_checked(button.label.source),
                TEXT.compile_checked(button.value.source),
                TEXT.compile_checked(button.url.source),
                button.asks,
            )
            for button in source.buttons
        ),
        attach=source.attach,
        asks=asked_by(TEXT.tree(piece.source) for piece in source.texts()) if "{" in text else NOTHING_ASKED,
        manner=Manner(
            path=path,
            is_formatted=source.is_formatted,
            keyboard=source.keyboard,
            long=source.long,
            own_footer=source.own_footer,
            says_stop=says_stop(source),
            says_later=says_later(source),
        ),
    )


def asks_of(path: str, text: str) -> Asks:
    """What a template file wants to know beyond the customer.

    Raises:
        TemplateFailure: if it is broken.
    """
    return _ready(path, {path: text}).asks


def _ready(path: str, templates: Mapping[str, str]) -> _File:
    try:
        return compiled(path, templates[path])
    except (WorkspaceInvalid, MarkupProblem, TemplateSyntaxError) as error:
        # An applied version was checked; what an older release accepted may still not do any more.
        raise TemplateFailure(path, str(error)) from None


def html_and_text(source: TemplateSource) -> tuple[str, str]:
    """The body as Jinja will see it, and its plain text where it is HTML."""
    if not source.is_html:
        return source.body.source, ""
    made = compiled_mjml(source.body.source) if source.extension == "mjml" else source.body.source
    said = plain_text(made)
    return with_place_for_preview(made) if source.preview is not None else made, said


def _tidied(text: str) -> str:
    """No blanks beside a line break, no more than one empty line in a row."""
    if " \n" in text or "\n " in text or "\t" in text:
        first, *lines = text.split("\n")
        if lines:
            *middle, last = lines
            text = "\n".join([first.rstrip(" \t"), *[line.strip(" \t") for line in middle], last.lstrip(" \t")])
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def one_line(text: str) -> str:
    """``text`` without line breaks of any kind, so that it can stand in a header."""
    return " ".join(text.split())


def _line(text: Text | None) -> Compiled:
    return NOTHING if text is None else TEXT.compile_checked(text.source)


def _with_preview(html: str, preview: str) -> str:
    return html.replace(PREVIEW, _HIDDEN.format(preview=escape(preview)) if preview else "", 1)
