"""Files that a template's messages carry, as its front matter names them: ``attach: [price-list.pdf, …]``. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from campaigns.definition import KeptFile
from campaigns.reading.fields import Fields
from core.messages import Attachment
from core.reading.problems import Problems
from core.reading.yaml import Node, Scalar, Sequence

FOLDER = "files"
"""Of a workspace: files that several templates carry."""
UNKNOWN_TYPE = "application/octet-stream"
_MS, _OPEN = "application/vnd.openxmlformats-officedocument", "application/vnd.oasis.opendocument"
MEDIA_TYPES = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "svg": "image/svg+xml", "pdf": "application/pdf", "txt": "text/plain", "csv": "text/csv", "ics": "text/calendar",
    "vcf": "text/vcard", "zip": "application/zip", "json": "application/json", "xml": "application/xml",
    "epub": "application/epub+zip", "mp3": "audio/mpeg", "ogg": "audio/ogg", "m4a": "audio/mp4", "mp4": "video/mp4",
    "3gp": "video/3gpp", "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint", "docx": f"{_MS}.wordprocessingml.document",
    "xlsx": f"{_MS}.spreadsheetml.sheet", "pptx": f"{_MS}.presentationml.presentation", "odt": f"{_OPEN}.text",
    "ods": f"{_OPEN}.spreadsheet", "pkpass": "application/vnd.apple.pkpass",
}  # fmt: skip
"""By the end of a name. A table of ours: the machine's would give one file other types, and versions, elsewhere."""
_BEGINNINGS = {
    "image/jpeg": (b"\xff\xd8\xff",), "image/png": (b"\x89PNG\r\n\x1a\n",), "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",), "application/pdf": (b"%PDF-",), "application/zip": (b"PK",),
}  # fmt: skip
"""How files of a type begin: Telegram and WhatsApp refuse a picture that is none."""
_PATH = re.compile(r"(?!.*(?:^|/)\.)[^/\\\x00-\x1f][^\\\x00-\x1f]{0,199}")
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")
_CONTENT_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_EXAMPLE = "write a list, such as [price-list.pdf, {file: logo.png, inline: logo}]"


@dataclass(frozen=True, slots=True)
class AttachSource:
    """One file as the front matter names it, at ``line``.

    ``file`` is beside the template or below :data:`FOLDER`; ``name`` is what its reader sees; ``inline`` is the name
    under which a letter's HTML shows it (``cid:logo``), empty for a file that goes along.
    """

    file: str
    line: int
    name: str
    inline: str = ""


def read_attachments(fields: Fields, problems: Problems) -> tuple[AttachSource, ...]:
    """What stands under ``attach``; what is wrong with it is noted."""
    node = fields.get("attach")
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        fields.problem("attach", f"'attach' must be a list; {_EXAMPLE}")
        return ()
    found = [one for item in node.items if (one := _read(item, fields.file, problems)) is not None]
    taken: set[str] = set()
    for one in found:
        if one.inline and one.inline in taken:
            problems.add(fields.file, one.line, f"two files are inline as {one.inline!r}; name one of them otherwise")
        taken.add(one.inline)
    return tuple(found)


def _read(item: Node, file: str, problems: Problems) -> AttachSource | None:
    if isinstance(item, Scalar) and item.value is not None:
        try:
            path = _path(item.text)
        except ValueError as error:
            problems.add(file, item.line, str(error))
            return None
        return AttachSource(path, item.line, PurePosixPath(path).name)
    given = Fields.of(item, file, problems, "an attached file")
    if given is None:
        return None
    before = len(problems)
    path = given.parsed("file", _path, "")
    name = given.parsed("name", _name, "")
    inline = given.parsed("inline", _content_id, "")
    given.finish()
    if not path and len(problems) == before:
        given.problem("", "an attached file has no 'file'; add its name")
    return AttachSource(path, given.line("file"), name or PurePosixPath(path).name, inline) if path else None


def _path(text: str) -> str:
    if not _PATH.fullmatch(text) or text.endswith("/"):
        hint = "write the name of one beside this text, or below files/"
        raise ValueError(f"{text[:60]!r} is no file of this workspace; {hint}")
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text.strip()):
        raise ValueError(f"{text[:60]!r} is no name for a file; up to 100 characters, no slashes")
    return text.strip()


def _content_id(text: str) -> str:
    if not _CONTENT_ID.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no name for a picture in a letter; letters, digits, - and _, such as logo")
    return text


def places(template: str, file: str) -> tuple[str, str]:
    """Where ``file`` of ``template`` (a file below ``templates/``) may stand in the workspace, best first."""
    return f"templates/{template.rpartition('/')[0]}/{file}", f"{FOLDER}/{file}"


def kept_file(files: Mapping[str, KeptFile], template: str, file: str) -> KeptFile | None:
    """What a version keeps of it; ``files`` are by their place."""
    return next((files[place] for place in places(template, file) if place in files), None)


def attached(files: Mapping[str, KeptFile], template: str, attach: tuple[AttachSource, ...]) -> tuple[Attachment, ...]:
    """The files of a message that ``template`` made, named by their content.

    Raises:
        ValueError: if the version does not keep one of them.
    """
    made = []
    for one in attach:
        kept = kept_file(files, template, one.file)
        if kept is None:
            raise ValueError(f"templates/{template}: {one.file} is not kept with this version; apply it again")
        made.append(Attachment(one.name, kept.media_type, kept.size, blob=kept.blob, content_id=one.inline))
    return tuple(made)


def media_type_of(name: str) -> str:
    """The media type of a file by its name; :data:`UNKNOWN_TYPE` where nobody knows."""
    return MEDIA_TYPES.get(name.rpartition(".")[2].lower(), UNKNOWN_TYPE)


def is_what_it_says(media_type: str, content: bytes) -> bool:
    """Whether the bytes begin as files of that type do, where that is known."""
    return content.startswith(_BEGINNINGS.get(media_type, (b"",)))
