"""What a person wrote above, below and between what they quoted.

By lines and by patterns that read each line once: libraries for this take seconds on two kilobytes of ``Am … schrieb``.
What is not surely another's stays: an attribution has a date and an address or a verb, a block of headers has a subject
or an address, a rule has its words between dashes.
"""

import re

from channels.email import phrases

LONGEST = 200_000
"""Characters that are looked at; the rest of a longer text is dropped with the quotation that it surely is."""
QUOTE = ">"
"""A line that begins so is another's."""
_LONGEST_LINE = 600
_ATTRIBUTION_LINES = 4
_MOST_CANDIDATES = 500
_SIGNATURE_LINES = 10
_LONGEST_PHONE = 80

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"))
_SPACES = dict.fromkeys(map(ord, "\xa0\u202f\u2009\u3000\t"), " ")
_DIGITS = {ord(sign): str(value) for digits in ("۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩") for value, sign in enumerate(digits)}
_PLAIN = {**_INVISIBLE, **_SPACES, **_DIGITS}


def _any(words: tuple[str, ...]) -> str:
    """An alternative for each word, the longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


_COLON = (":", "：")
_RULE = re.compile(rf"[-_=*– ]{{2,40}}(?:{_any(phrases.ORIGINAL)})[-_=*– :]{{0,40}}", re.IGNORECASE)
_FORWARDED = re.compile(
    r"(?:begin forwarded message|anfang der weitergeleiteten nachricht|début du message réexpédié"
    r"|начало (?:переадресованного|пересылаемого) сообщения|inizio messaggio inoltrato|inicio del mensaje reenviado"
    r"|início da mensagem encaminhada|begin doorgestuurd bericht) ?:",
    re.IGNORECASE,
)
_LINE = re.compile(r"[-_=*–—]{5,200}")
_WROTE = re.compile(rf"(?<!\w)(?:{_any(phrases.WROTE)})(?!\w)|写道|寫道|書きました|님이 작성", re.IGNORECASE)
_OPENING = re.compile(rf"(?:{_any(phrases.OPENINGS)})[ ,]", re.IGNORECASE)
_ADDRESS = re.compile(r"[<(\[\"' ][^\s<>()@\"']{1,64}@[^\s<>()@\"']{1,255}[>)\]\"' ]")
_ENDS_IN_ADDRESS = re.compile(r"<[^\s<>@]{1,80}@[^\s<>@]{1,255}> ?>?\)? ?[:：] ?$")
_TIME = re.compile(r"(?<!\d)\d{1,2} ?[:٫.h時时点] ?\d\d(?!\d)")
_DATE = re.compile(
    r"(?<!\d)(?:\d{4} ?[-/.年년] ?\d{1,2} ?[-/.月월] ?\d{1,2}|\d{1,2}[-/.] ?\d{1,2}[-/.] ?\d{2,4}"
    r"|\d{1,2}(?:\D{2,20})\d{4}|\D{3,20} \d{1,2},? \d{4})(?!\d)"
)
_HEADER = re.compile(
    rf"[*_ ]{{0,4}}(?:(?P<from>{_any(phrases.FROM)})|(?P<subject>{_any(phrases.SUBJECT)})"
    rf"|(?P<other>{_any(phrases.OTHERS)}))[*_]{{0,2}} ?[:：]",
    re.IGNORECASE,
)
_BLANK_LINES = re.compile(r"\n{3,}")


def reply_of(text: str) -> str:
    """``text`` without quotations, attributions, forwarded headers and the signature after ``-- ``.

    If nothing of a person's own is left, the text as it was: saying nothing would lose what they sent.
    """
    text = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    lines = text.split("\n")
    plain = [line[:_LONGEST_LINE].translate(_PLAIN).strip() for line in lines]
    kept = _without_signature([lines[number].rstrip() for number in _own(plain)])
    if len(kept) == len(lines):
        return text.strip()
    return _BLANK_LINES.sub("\n\n", "\n".join(kept).strip()) or text.strip()


def _own(plain: list[str]) -> list[int]:
    """The numbers of the lines that are the writer's."""
    own: list[int] = []
    candidates = 0
    for number, line in enumerate(plain):
        if line.startswith(QUOTE):
            continue
        if line and (_RULE.fullmatch(line) or _FORWARDED.fullmatch(line) or _begins_headers(plain, number)):
            return _trimmed(plain, own)
        if line.endswith(_COLON) and candidates < _MOST_CANDIDATES:
            candidates += 1
            start = _attribution_start(plain, number)
            if start is not None:
                own = _trimmed(plain, [one for one in own if one < start])
                if not _is_quoted_after(plain, number + 1):
                    return own
                continue
        own.append(number)
    return own


def _trimmed(plain: list[str], own: list[int]) -> list[int]:
    """``own`` without the lines of dashes and the recipients that programs set over an attribution."""
    end = len(own)
    while end and (not plain[own[end - 1]] or _LINE.fullmatch(plain[own[end - 1]]) or _is_yandex(plain[own[end - 1]])):
        end -= 1
    return own[:end]


def _is_yandex(line: str) -> bool:
    """``Кому: Mina (mina@example.org);`` as Yandex sets it over its attribution."""
    return line.endswith(";") and _HEADER.match(line) is not None


def _begins_headers(plain: list[str], number: int) -> bool:
    """A ``From:`` line with at least two more header lines close below it, not ``From: Berlin, To: Paris``."""
    first = _HEADER.match(plain[number])
    if first is None or not first["from"]:
        return False
    below = [found for line in plain[number + 1 : number + 9] if line and (found := _HEADER.match(line))]
    is_mail = "@" in plain[number] or any(found["subject"] for found in below)
    return is_mail and len(below) >= 2


def _attribution_start(plain: list[str], last: int) -> int | None:
    """Where the attribution that ends at ``last`` begins: programs wrap it. None if it is just someone's sentence."""
    joined = ""
    for start in range(last, max(last - _ATTRIBUTION_LINES, -1), -1):
        line = plain[start]
        if not line or line.startswith(QUOTE):
            return None
        joined = f"{line} {joined}"
        if len(joined) > _LONGEST_LINE:
            return None
        if _is_attribution(joined):
            return start - 1 if start and _is_first_half(plain[start - 1], line) else start
    return None


def _is_first_half(above: str, line: str) -> bool:
    """Whether an attribution that a program broke over two lines began above ``line``."""
    if len(above) > 120 or above.endswith((".", "!", "?", QUOTE)) or not any(sign.isdigit() for sign in above):
        return False
    begun = _OPENING.match(above) is not None and _OPENING.match(line) is None
    return begun or (_DATE.search(line) is None and _DATE.search(above) is not None)


def _is_attribution(line: str) -> bool:
    """A date before ``<address>:``, or a verb of writing with an address or the hour of a date."""
    dated = _DATE.search(line) is not None
    if dated and _ENDS_IN_ADDRESS.search(line):
        return True
    if _WROTE.search(line) is None:
        return False
    return _ADDRESS.search(line) is not None or (dated and _TIME.search(line) is not None)


def _is_quoted_after(plain: list[str], start: int) -> bool:
    """Whether the next line with anything on it is a ``>`` quotation."""
    return next((line.startswith(QUOTE) for line in plain[start : start + 4] if line), False)


def _without_signature(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    if end and _is_phone(lines[end - 1]):
        end -= 1
    for number in range(end - 1, max(end - 2 - _SIGNATURE_LINES, -1), -1):
        if lines[number].strip(" ") in ("--", "—"):
            end = number
    return lines if end == len(lines) else lines[:end]


def _is_phone(line: str) -> bool:
    """``Sent from my iPhone``."""
    plain = line[:_LONGEST_LINE].translate(_PLAIN).strip().lower()
    if len(plain) > _LONGEST_PHONE or not any(device in plain for device in phrases.DEVICES):
        return False
    return plain.startswith(phrases.SENT_FROM) or plain.endswith(phrases.FROM_PHONE_SENT)
