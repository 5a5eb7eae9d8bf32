"""``offers.yaml`` → :class:`campaigns.definition.Offer`, by name."""

from typing import Literal

from campaigns.definition import Offer
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from core.reading.problems import Problems
from core.reading.yaml import Mapping, Node

KINDS: tuple[Literal["same", "unique", "none"], ...] = ("same", "unique", "none")


def read_offers(node: Node | None, file: str, problems: Problems) -> dict[str, Offer]:
    """Every offer of the file that could be read; what could not is a problem."""
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        problems.add(file, node.line, "offers are names with what is promised, such as winter-10: {code: WINTER10}")
        return {}
    found: dict[str, Offer] = {}
    for title, inner in node.entries.items():
        try:
            name(title)
        except ValueError as error:
            problems.add(file, node.key_lines[title], str(error))
            continue
        fields = Fields.of(inner, file, problems, f"offer {title!r}")
        offer = _offer(title, fields) if fields else None
        if offer is not None:
            found[title] = offer
    return found


def _offer(title: str, fields: Fields) -> Offer | None:
    before = len(fields.problems)
    code = fields.text("code", limit=100)
    kind = fields.choice("codes", KINDS, "same" if code else "none")
    product = fields.parsed("product", name, title)
    text, valid = fields.text("title", limit=200), fields.period("valid")
    low = fields.parsed("low_stock", _number, 0)
    fields.finish()
    if code and kind != "same":
        fields.problem("code", f"the offer has a code for all and codes: {kind}; remove one of the two")
    if kind == "same" and not code:
        fields.problem("codes", "codes: same needs the code; add code: WINTER10")
    if low and kind != "unique":
        fields.problem("low_stock", "only single codes run short; remove this, or write codes: unique")
    if valid is not None and not valid.amount:
        fields.problem("valid", "an offer that is good for no time cannot be taken; write a period such as 14d")
    if len(fields.problems) != before:
        return None
    codes = next(word for word in KINDS if word == kind)
    return Offer(name=title, title=text, product=product, codes=codes, code=code, valid=valid, low_stock=low)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 10**9:
        raise ValueError(f"{text[:40]!r} is no number of codes; write a whole number")
    return int(text)
