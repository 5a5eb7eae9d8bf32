"""What the editor's page sends: the open files with the marks under which they were read, and what is asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from core.errors import Refused
from desk.campaigns.editing.folder import Draft, editable, mark_of

MAX_BYTES = 3_000_000
MAX_FIELDS = 500
TEXT, BASE = "text:", "base:"
_LONGEST = 2000
"""Characters of a small field."""


@dataclass(frozen=True, slots=True)
class Form:
    """``files`` are all that are open; ``given`` are the small fields, each at most a line."""

    files: Sequence[Draft] = ()
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def drafts(self) -> Sequence[Draft]:
        """Those that are not as they were read."""
        return [one for one in self.files if (one.text or one.base) and mark_of(one.text) != one.base]

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number, held within its bounds."""
        text = self.given.get(name, "")
        return min(max(int(text), least), most) if text.isdecimal() and len(text) < 9 else default


async def read_form(request: Request) -> Form:
    """The form.

    Raises:
        Refused: if it is larger than a page's could be, or names a file that is not edited here.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MAX_BYTES:
        words = f"these files are too long together; {MAX_BYTES // 1_000_000} MB at most"
        raise Refused(words, name="files_long", most=MAX_BYTES // 1_000_000)
    async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_BYTES) as form:
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    texts = {name.removeprefix(TEXT): _lines(value) for name, value in pairs if name.startswith(TEXT)}
    bases = {name.removeprefix(BASE): value for name, value in pairs if name.startswith(BASE)}
    for path in texts:
        if not editable(path):
            raise Refused(f"{path[:100]} is no file that is edited here", name="no_campaign_file", file=path[:100])
    given = {name: value.strip()[:_LONGEST] for name, value in pairs if not name.startswith((TEXT, BASE))}
    return Form([Draft(path, text, bases.get(path, "")) for path, text in texts.items()], given)


def _lines(text: str) -> str:
    """Lines as files have them: a form sends CRLF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
