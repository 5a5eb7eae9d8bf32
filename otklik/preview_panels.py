"""A preview at the terminal: each message in a panel as wide as a phone, right-to-left text on the right.

Terminals that know bidirectional text order it themselves; each line of a right-to-left text is isolated, so that the
panel's borders stay where they are.
"""

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from campaigns.previewing.advice import base_direction
from campaigns.previewing.page import facts
from campaigns.previewing.shown import Preview, Shown
from campaigns.previewing.words import say
from core.catalogue import listed
from core.messages import EMAIL
from core.naming import channel_named

PHONE_COLUMNS, LETTER_COLUMNS = 48, 76
_BORDERS = 4
_ISOLATE_RTL, _ISOLATE_LTR, _END = "\u2067", "\u2066", "\u2069"


def print_preview(console: Console, preview: Preview) -> None:
    """Print every message, step by step, in the preview's language."""
    lang = preview.lang
    console.print()
    whom = say(lang, "for", customer=_isolated(preview.customer))
    console.print(Text.assemble((preview.campaign, "bold"), "  ", listed(lang, [_isolated(whom), preview.locale])))
    for note in preview.notes:
        console.print(Text(f"  {_isolated(note)}", "yellow"))
    step = ""
    for shown in preview.messages:
        if shown.speech.step != step:
            step = shown.speech.step
            console.print()
            console.print(Rule(Text(step, "bold"), align="left", style="dim"))
        console.print(_panel(console, shown, lang))
        _print_below(console, shown, lang)


def _panel(console: Console, shown: Shown, lang: str) -> RenderableType:
    width = min(LETTER_COLUMNS if shown.speech.channel == EMAIL else PHONE_COLUMNS, console.width)
    inside: list[RenderableType] = []
    if shown.subject:
        inside += [_aligned(console, shown.subject, width, "bold")]
    if shown.preview:
        inside += [_aligned(console, shown.preview, width, "dim")]
    if inside:
        inside.append(Rule(style="dim"))
    inside.append(_aligned(console, shown.text.strip(), width))
    for button in shown.buttons:
        face = _isolated(button.label) + (" ↗" if button.url else "")
        inside.append(Panel(Text(face, justify="center"), style="cyan", padding=0))
    speech = shown.speech
    words = [channel_named(lang, speech.channel)]
    words += [say(lang, "best")] if speech.best else [say(lang, "otherwise")] if speech.leg == "otherwise" else []
    words += [say(lang, "window_open" if shown.window_open else "window_closed")] if shown.elsewhen else []
    words += [say(lang, "variant", name=speech.variant)] if speech.variant else []
    return Panel(
        Group(*inside),
        title=Text(" · ".join(map(_isolated, words)), "bold"),
        title_align="left",
        subtitle=Text(_isolated(say(lang, "to", address=shown.to)), "dim") if shown.to else None,
        subtitle_align="right",
        width=width,
        border_style="red" if shown.problems else "dim",
        padding=(0, 1),
    )


def _aligned(console: Console, text: str, width: int, style: str = "") -> Text:
    """``text`` wrapped, each line on the side that it begins at."""
    made = Text(style=style)
    inner = width - _BORDERS
    for number, paragraph in enumerate(text.split("\n")):
        rtl = base_direction(paragraph) == "rtl"
        # two columns less: the isolates must not be counted into the next line
        for index, line in enumerate(Text(paragraph).wrap(console, inner) or [Text("")]):
            said = line.plain.strip()
            if number or index:
                made.append("\n")
            made.append(" " * max(0, inner - Text(said).cell_len) + f"{_ISOLATE_RTL}{said}{_END}" if rtl else said)
    made.no_wrap = True
    made.overflow = "ignore"
    return made


def _isolated(text: str) -> str:
    """``text`` that does not reorder what stands beside it."""
    return f"{_ISOLATE_RTL}{text}{_END}" if base_direction(text) == "rtl" else text


def _print_below(console: Console, shown: Shown, lang: str) -> None:
    for problem in shown.problems:
        console.print(Text(f"  ✗ {problem}", "red"))
    if shown.message is not None:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", min_width=14)
        table.add_column(overflow="fold")
        for name, told in facts(shown, lang):
            table.add_row(f"  {_isolated(name)}", _isolated(told))
        for number, link in enumerate(shown.links):
            table.add_row("" if number else f"  {_isolated(say(lang, 'links_to'))}", link)
        console.print(table)
    for note in shown.notes:
        console.print(Text(f"  ! {_isolated(note)}", "yellow"))
