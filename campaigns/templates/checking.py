"""Checking templates before anything is sent: syntax, markup, names, and a render for a full and an empty customer."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from campaigns.definition import KeptFile, Leg
from campaigns.templates.advice import advise_on_length, check_adapted, check_buttons, check_leaving
from campaigns.templates.carrying import check_files, check_pictures
from campaigns.templates.content import compiled, render_templates
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.markup import MarkupProblem
from campaigns.templates.names import asked_by, dotted_names
from campaigns.templates.sandbox import TEXT
from campaigns.templates.sources import MESSAGE, TemplateSource, extensions, file_parts, files_for, take_apart
from campaigns.templates.variables import FREE_FORM, GROUPS, HAPPENING, NAMES, is_known, sample
from core.installed import channel_names
from core.messages import EMAIL, WHATSAPP
from core.purposes import NEEDS_CONSENT, Purpose
from core.reading.problems import Problems, WorkspaceInvalid, did_you_mean

_EXTENSIONS = frozenset({*extensions(EMAIL), *extensions(MESSAGE)})


def check_file(
    path: str, text: str, problems: Problems, *, more: Mapping[str, Callable[[str], str | None]] = MappingProxyType({})
) -> TemplateSource | None:
    """The template file taken apart, unless it could not be; whatever is wrong with it is noted.

    ``more`` are groups of variables that only its reader knows, such as ``answers``: each says what is wrong with a
    dotted name of its group, or None.
    """
    file, is_written = f"templates/{path}", True
    try:
        source = take_apart(path, text)
    except WorkspaceInvalid as error:
        for problem in error.problems:
            problems.add(problem.file, problem.line, problem.message)
        return None
    check_pictures(source, problems)
    for piece in source.texts():
        try:
            tree = TEXT.tree(piece.source)
        except TemplateSyntaxError as error:
            problems.add(file, piece.line + error.lineno - 1, error.message or "broken template syntax")
            is_written = False
            continue
        for line, message in unknown_variables(tree, more):
            problems.add(file, piece.line + line - 1, message)
    if is_written:
        try:
            compiled(path, text)
        except MarkupProblem as error:
            problems.add(file, source.body.line + error.line - 1, error.message)
        except TemplateSyntaxError as error:
            problems.add(file, source.body.line, f"{error.message} (in the HTML that this becomes)")
    return source


def check_templates(
    templates: Mapping[str, str],
    purpose: Purpose,
    wanted: Mapping[tuple[str, str], int],
    *,
    file: str,
    default_locale: str,
    problems: Problems,
    attached: Mapping[str, KeptFile] = MappingProxyType({}),
) -> None:
    """Note everything wrong with a campaign's templates.

    ``wanted`` are (template, channel), each with the line of ``file`` that asks for it; ``attached`` are the files
    that the templates name and that are there, by their place in the workspace.
    """
    sources: dict[str, TemplateSource | None] = {}
    broken: set[str] = set()
    for path, text in templates.items():
        before = len(problems)
        sources[path] = check_file(path, text, problems)
        broken |= {path} if len(problems) != before else set()
    for (template, channel), line in wanted.items():
        leg = Leg(channel=channel, template=template)
        own = files_for(sources, leg.template, leg.channel)
        if not own:
            files = " or ".join([*(f"{leg.channel}.{kind}" for kind in extensions(leg.channel)), "message.md"])
            message = f"no template for {leg.channel}; write templates/{leg.template}/{files}"
            problems.add(file, line, message)
            continue
        if not {_locale(path) for path in own} & {"", default_locale, default_locale.partition("-")[0]}:
            message = f"templates/{leg.template} has no {leg.channel} text for other locales; add one without a suffix"
            problems.add(file, line, message)
            continue
        read = [source for path in own if (source := sources[path])]
        _check_content(purpose, leg, read, problems)
        for source in read:
            check_files(channel, source, attached, problems)
        if not broken & set(own):
            _try_out(templates, purpose, leg, read, default_locale, problems)


def _check_content(purpose: Purpose, leg: Leg, sources: list[TemplateSource], problems: Problems) -> None:
    marketing = purpose in NEEDS_CONSENT
    html_locales = {source.locale for source in sources if source.is_html}
    for source in sources:
        file = f"templates/{source.path}"
        letter = source.is_html or source.locale not in html_locales
        if leg.channel == EMAIL and letter and source.subject is None:
            problems.add(file, 1, "an email needs a subject; begin the file with ---, subject: …, ---")
        has_footer = source.is_formatted and not source.own_footer
        if leg.channel == EMAIL and marketing and not has_footer and "links.unsubscribe" not in source.body.source:
            problems.add(file, 0, "a marketing email must let its reader leave; add a link to {{ links.unsubscribe }}")
        if leg.channel == WHATSAPP and not source.content_sid:
            hint = "begin the file with ---, content_sid: HX…, ---"
            problems.add(file, 1, f"outside 24 hours WhatsApp takes approved templates only; {hint}")
        check_buttons(leg.channel, source, problems)
        if leg.channel != EMAIL and marketing:
            check_leaving(leg.channel, source, problems)


def _try_out(
    templates: Mapping[str, str],
    purpose: Purpose,
    leg: Leg,
    sources: list[TemplateSource],
    default_locale: str,
    problems: Problems,
) -> None:
    asks = asked_by(TEXT.tree(text.source) for source in sources for text in source.texts())
    for source in {source.locale: source for source in reversed(sources)}.values():
        for empty in (False, True):
            who = "for a customer we know nothing of" if empty else "for an example customer"
            data = sample(empty=empty, asks=asks)
            try:
                made = render_templates(templates, leg, source.locale, data, default_locale=default_locale)
            except TemplateFailure as error:
                problems.add(f"templates/{error.path}", 0, f"{error.reason} ({who})")
                break
            adapted = check_adapted(leg.channel, purpose, source.path, made, who, problems)
            if adapted is None:
                break
            if not empty:
                advise_on_length(leg.channel, source.path, adapted.text, problems)


def stray_file(path: str) -> str | None:
    """What is wrong with the name of a file among templates, or None."""
    parts = file_parts(path)
    if parts is None:
        return "not a template's name; write one such as email.mjml, email.ru.mjml or sms.txt"
    channel, _, extension = parts
    if channel not in (*channel_names(), MESSAGE) and (near := did_you_mean(channel, (*channel_names(), MESSAGE))):
        return f"unknown channel {channel!r}{near}"
    if channel not in (*channel_names(), MESSAGE) and extension not in _EXTENSIONS:
        return "no text here attaches it; name it under attach:, or remove it"
    if extension not in extensions(channel):
        kinds = ", ".join(f".{kind}" for kind in extensions(channel))
        return f".{extension} is no kind of file that {channel} speaks; rename it to {kinds}"
    return None


def unknown_variables(
    tree: nodes.Template, more: Mapping[str, Callable[[str], str | None]] = MappingProxyType({})
) -> Iterator[tuple[int, str]]:
    """(line, message) for every name that the data will not have; ``more`` is as in :func:`check_file`."""
    for line, dotted in dotted_names(tree):
        if (message := more.get(dotted.partition(".")[0], _unknown)(dotted)) is not None:
            yield line, message


def _unknown(dotted: str) -> str | None:
    if is_known(dotted):
        return None
    first = dotted.partition(".")[0]
    if first == "events":
        keys = ", ".join((*HAPPENING, "properties.KEY"))
        return f"{dotted!r} is no value of an event; write events.NAME.last.KEY, KEY is one of {keys}"
    if dotted in GROUPS or any(group.startswith(dotted + ".") for group in (*FREE_FORM, *NAMES)):
        known = sorted(name for name in NAMES if name.startswith(dotted + "."))
        return f"{dotted!r} is a group; name one of its values, such as {(known or [dotted + '.colour'])[0]!r}"
    hint = did_you_mean(dotted, NAMES)
    if not hint:
        known = sorted(name for name in NAMES if name.startswith(first + "."))
        hint = f" (known: {', '.join(known or sorted(NAMES))})"
    return f"unknown variable {dotted!r}{hint}"


def _locale(path: str) -> str:
    parts = file_parts(path)
    return parts[1] if parts else ""
