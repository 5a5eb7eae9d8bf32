"""What each channel takes of a template's files: it carries them, or leads to them by a link. Pure."""

import re
from collections.abc import Mapping, Sequence

from campaigns.definition import KeptFile
from campaigns.templates.adapting import CAPABILITIES, OTHERS
from campaigns.templates.attachments import kept_file, media_type_of
from campaigns.templates.sources import TemplateSource
from core.messages import WHATSAPP, Attachment
from core.reading.problems import Problems

WHATSAPP_TYPES = re.compile(
    r"image/(?:jpeg|png|webp)|audio/(?:mpeg|mp4|ogg|amr|aac)|video/(?:mp4|3gpp)|text/(?:plain|vcard|csv)"
    r"|application/(?:pdf|msword|vnd\.ms-\w+|vnd\.openxmlformats-officedocument\..+)"
)
"""What Twilio takes for WhatsApp (https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages, 2026-11)."""
_SHOWN = re.compile(r"\bcid:([^\s\"')>{}]+)", re.IGNORECASE)


def apart(channel: str, files: Sequence[Attachment]) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """(those that a message on ``channel`` carries, those that it leads to)."""
    carries = CAPABILITIES.get(channel, OTHERS).files > 0
    return (tuple(files), ()) if carries else ((), tuple(files))


def check_files(channel: str, source: TemplateSource, files: Mapping[str, KeptFile], problems: Problems) -> None:
    """Note what the channel does not take of a text's files; those that are missing were noted when they were read."""
    file = f"templates/{source.path}"
    known = [(one, kept) for one in source.attach if (kept := kept_file(files, source.path, one.file)) is not None]
    if not known:
        return
    can = CAPABILITIES.get(channel, OTHERS)
    if not can.files:
        return  # a link each
    if len(source.attach) > can.files:
        line = source.attach[can.files].line
        words = "one file" if can.files == 1 else f"{can.files} files"
        hint = f"attach fewer, or give {channel} a text of its own"
        problems.add(file, line, f"{channel} carries {words} in a message, not {len(source.attach)}; {hint}")
    size = sum(kept.size for _, kept in known)
    if size > can.file_bytes:
        most = f"{size / 1e6:.1f} MB; {channel} carries {can.file_bytes / 1e6:.0f} MB"
        problems.add(file, known[-1][0].line, f"the files of this text have {most}; make them smaller, or link to them")
    if channel == WHATSAPP:
        for one, kept in known:
            if not WHATSAPP_TYPES.fullmatch(kept.media_type):
                hint = "make it a PDF or a JPEG, or give whatsapp a text of its own"
                problems.add(file, one.line, f"WhatsApp takes no such file as {one.file}; {hint}")
        why = "outside of 24 hours the approved template goes out, without the file"
        problems.warn(file, known[0][0].line, f"{why}; put it into the template as its media")


def check_pictures(source: TemplateSource, problems: Problems) -> None:
    """Pictures in a letter and the files that they are."""
    file = f"templates/{source.path}"
    if not source.is_html:
        for one in source.attach:
            if one.inline:
                hint = "write email.mjml or email.html, or leave out inline"
                problems.add(file, one.line, f"only a letter of your own design has a place for a picture; {hint}")
        return
    given = {one.inline for one in source.attach if one.inline}
    shown: dict[str, int] = {}
    for number, line in enumerate(source.body.source.split("\n")):
        for found in _SHOWN.finditer(line):
            shown.setdefault(found[1], source.body.line + number)
    for name, line_number in shown.items():
        if name not in given:
            hint = f"add attach: [{{file: …, inline: {name}}}]"
            problems.add(file, line_number, f"cid:{name} is no file that this letter has; {hint}")
    for one in source.attach:
        if one.inline and one.inline not in shown:
            problems.add(
                file, one.line, f'the letter shows cid:{one.inline} nowhere; write <img src="cid:{one.inline}">'
            )
        if one.inline and not media_type_of(one.file).startswith("image/"):
            problems.add(file, one.line, f"{one.file} is no picture; leave out inline, and it goes along as a file")
