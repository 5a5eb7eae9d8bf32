"""Phone numbers as a gateway writes them, there and back. Pure."""

import re

from channels.gateway.description import NumberForm
from core.errors import PermanentFailure, PermanentKind

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def written(form: NumberForm, value: str) -> str:
    """``value``, in E.164, as the gateway takes it.

    Raises:
        PermanentFailure: it is no number, or one of a country that a gateway for one country does not know.
    """
    if not _E164.fullmatch(value):
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, "not a number in E.164, like +12025550100")
    if form.kind == "e164":
        return value
    if form.kind == "digits":
        return value[1:]
    if not value.startswith("+" + form.calling_code):
        words = f"this gateway reaches only numbers that begin with +{form.calling_code}"
        raise PermanentFailure(PermanentKind.COUNTRY_UNSERVED, words)
    return form.trunk + value[1 + len(form.calling_code) :]


def read(form: NumberForm, text: str) -> str:
    """The number in E.164 that a gateway means by ``text``; empty where it is none (a name, a short number)."""
    plain = re.sub(r"[\s()-]", "", text)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if form.kind == "national" and not plain.startswith("+"):
        if form.trunk and plain.startswith(form.trunk):
            plain = form.calling_code + plain[len(form.trunk) :]
        elif not plain.startswith(form.calling_code):
            plain = form.calling_code + plain
    number = plain if plain.startswith("+") else "+" + plain
    return number if _E164.fullmatch(number) else ""
