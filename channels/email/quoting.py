"""What a person wrote above, below and between what they quoted.

By lines and by patterns that read each line once: libraries for this take seconds on two kilobytes of ``Am … schrieb``.
"""

import re

LONGEST = 200_000
"""Characters that are looked at; the rest of a longer text is dropped with the quotation that it surely is."""
_LONGEST_LINE = 600
_ATTRIBUTION_LINES = 4

_RULES = re.compile(
    r"[-_=*\s]{2,40}(?:original message|forwarded message|reply message|original appointment|begin forwarded message"
    r"|исходное сообщение|пересылаемое сообщение|пересылаемое письмо|пересланное сообщение|конец пересылаемого"
    r"|پیام اصلی|پیام ارسال شده|ursprüngliche nachricht|weitergeleitete nachricht|message d'origine|message original"
    r"|message transféré|mensaje original|mensaje reenviado|messaggio originale|mensagem original"
    r"|oorspronkelijk bericht|wiadomość oryginalna|orijinal mesaj|الرسالة الأصلية)[-_=*:\s]{0,40}",
    re.IGNORECASE,
)
"""``-----Original Message-----`` and its kin, a whole line."""

_WROTE = re.compile(
    r"(?:\bwrote|\bwrites|\bпис(?:ал|ала|али)|\bпишет|\bнапис(?:ал|ала|али|ал\(а\))|نوشت|نوشته است|می‌نویسد|كتب|کتب"
    r"|\bschrieb(?:\s.{0,80})?|\ba écrit|\bescribió|\bha scritto|\bescreveu|\bschreef(?:\s.{0,80})?|\bnapisał\(?a?\)?"
    r"|\bnapsal\(a\)|\bskrev(?:\s.{0,80})?|\bkirjoitti|\bşunu yazdı|\byazdı)\s?[:：]$",
    re.IGNORECASE,
)
"""The end of ``On … wrote:``."""

_ADDRESS_OR_DATE = re.compile(r"@|\d{1,2}[:٫.]\d\d|\d{4}|[۰-۹]{2}|[٠-٩]{2}")
_HEADER = re.compile(
    r"[*_>\s]{0,4}(?:(?P<from>from|от|отправитель|از|فرستنده|von|de|da|van|od|kimden|من)"
    r"|sent|date|to|subject|cc|отправлено|дата|кому|тема|копия|ارسال شده|تاریخ|به|موضوع|رونوشت"
    r"|gesendet|datum|an|betreff"
    r"|envoyé|date|à|objet|enviado|enviada|fecha|para|asunto|assunto|inviato|data|a|oggetto|verzonden|aan|onderwerp)"
    r"[*_]{0,2}\s?[:：]",
    re.IGNORECASE,
)
"""A line of the header block that Outlook puts over what it quotes."""

_SIGNATURE = re.compile(
    r"(?:sent from my |get outlook for |отправлено с |отправлено из |ارسال شده از |فرستاده شده از |von meinem "
    r"|gesendet von |envoyé de mon |envoyé depuis |enviado desde |inviato da )",
    re.IGNORECASE,
)


def reply_of(text: str) -> str:
    """``text`` without quotations, attributions, forwarded headers and the signature after ``-- ``.

    If nothing of a person's own is left, the text as it was: saying nothing would lose what they sent.
    """
    text = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    lines = text.split("\n")
    end = _end(lines)
    kept = [line.rstrip() for line in _without_quotes(lines[:end])]
    cut = "\n".join(_without_signature(kept)).strip()
    return re.sub(r"\n{3,}", "\n\n", cut) or text.strip()


def _end(lines: list[str]) -> int:
    """The line at which everything that follows is another's."""
    for number, line in enumerate(lines):
        stripped = line.strip(" \u200e\u200f\u202a\u202b\u202c\ufeff\t")
        if not stripped or len(stripped) > _LONGEST_LINE or stripped.startswith(">"):
            continue
        if _RULES.fullmatch(stripped) or _is_header_block(lines, number):
            return number
        if _WROTE.search(stripped):
            start = _attribution_start(lines, number)
            if start is not None and not _is_quoted_after(lines, number + 1):
                return start
    return len(lines)


def _is_header_block(lines: list[str], number: int) -> bool:
    """A ``From:`` line with at least two more header lines close below it."""
    first = _HEADER.match(lines[number])
    if not first or not first["from"]:
        return False
    below = lines[number + 1 : number + 7]
    return sum(1 for line in below if _HEADER.match(line)) >= 2


def _attribution_start(lines: list[str], last: int) -> int | None:
    """Where the attribution that ends at ``last`` begins: programs wrap it. None if it is just someone's sentence."""
    for start in range(last, max(last - _ATTRIBUTION_LINES, -1), -1):
        if not lines[start].strip():
            return None
        if _ADDRESS_OR_DATE.search(lines[start][:_LONGEST_LINE]):
            before = start - 1
            wrapped = (
                start > 0
                and start > last - _ATTRIBUTION_LINES + 1
                and re.match(r"(?:On|Le|Am|El|Il|Em|Op|W dniu|В|در) ", lines[before])
                and not re.match(r"(?:On|Le|Am|El|Il|Em|Op|W dniu|В|در) ", lines[start])
            )
            return before if wrapped else start
    return None


def _is_quoted_after(lines: list[str], start: int) -> bool:
    """Whether the next line with anything on it is a ``>`` quotation."""
    return next((line.lstrip().startswith(">") for line in lines[start : start + 4] if line.strip()), False)


def _without_quotes(lines: list[str]) -> list[str]:
    """The lines that do not begin with ``>``, and without the attribution over those that do."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            continue
        stripped = line.strip()
        if 0 < len(stripped) <= _LONGEST_LINE and _WROTE.search(stripped) and _is_quoted_after(lines, number + 1):
            start = _attribution_start(lines, number)
            if start is not None:
                del kept[len(kept) - (number - start) :]
                continue
        kept.append(line)
    return kept


def _without_signature(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line in ("--", "-- ", "—") or (
            number >= len(lines) - 5 and len(line) <= 80 and _SIGNATURE.match(line.strip())
        ):
            return lines[:number]
    return lines
