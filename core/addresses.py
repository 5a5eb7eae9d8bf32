"""Addresses brought to their one form, which is the identity's key.

Phones are E.164. A mail domain is lower-case IDNA; the local part is compared case-folded. Telegram's is the chat id.
"""

import hashlib
import re
from functools import lru_cache

from core.installed import installed, plugins
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP, Address
from core.text import latin_digits

_PLAIN_EMAIL = re.compile(r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*+)@([a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]{2,24})", re.ASCII)
_RESERVED_TOP = (".arpa", ".invalid", ".local", ".localhost", ".onion")
_INTERNATIONAL_PHONE = re.compile(r"\+\d(?:[ ()-]{0,2}\d){5,16}", re.ASCII)
_PUNCTUATION = str.maketrans("", "", " ()-")


def identity_key(address: Address) -> str:
    """SHA-256 (hex) of an address: what a suppression remembers after the address itself is erased."""
    return hashed_key(address.channel, address.scope, address.value)


def hashed_key(channel: str, scope: str, value: str) -> str:
    """:func:`identity_key` of an address in parts."""
    return hashlib.sha256(f"{channel}\x1f{scope}\x1f{value}".encode()).hexdigest()


def normalised(channel: str, raw: str, *, country: str = "", scope: str = "") -> Address:
    """The address that ``raw`` means on ``channel``; ``country`` (ISO 3166 alpha-2) reads local phone numbers.

    A plugin says itself what an address of its channel is.

    Raises:
        ValueError: with a reason for people, if it is no address of that channel.
    """
    if channel == EMAIL:
        return Address(EMAIL, email_address(raw))
    if channel in (SMS, WHATSAPP):
        return Address(channel, phone_number(raw, country), scope)
    if channel == TELEGRAM:
        value = latin_digits(raw).strip()
        if not value.lstrip("-").isdigit():
            raise ValueError(f"{raw!r} is not a Telegram chat id (a number)")
        return Address(TELEGRAM, value, scope)
    value = installed(channel).normalise(raw) if channel in plugins() else raw.strip()
    if not value:
        raise ValueError("empty address")
    return Address(channel, value, scope)


def email_address(raw: str) -> str:
    """A mail address in its one form (email-validator, no DNS look-up).

    Plain ASCII addresses, nearly all there are, take a short cut that a property test holds equal to the long way.

    Raises:
        ValueError: in words for people.
    """
    text = raw.strip()
    if len(text) <= 100 and text.isascii():
        plain = text.lower()
        found = _PLAIN_EMAIL.fullmatch(plain)
        if found and found.end(1) <= 64 and len(found[2]) <= 63 and not plain.endswith(_RESERVED_TOP):
            return plain
    return validated_email(text)


def validated_email(raw: str) -> str:
    """:func:`email_address` by email-validator alone."""
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(raw.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{raw!r} is not a mail address: {error}") from None
    domain = (valid.ascii_domain or valid.domain).lower()
    return f"{valid.local_part.casefold()}@{domain}"


def phone_number(raw: str, country: str = "") -> str:
    """A phone number in E.164; local forms are read as ``country``'s.

    Numbers in international form take a short cut that a property test holds equal to the long way. A number of the
    right length in a range that is not assigned is taken: ranges change faster than tables, and fictional numbers must
    work.

    Raises:
        ValueError: in words for people.
    """
    text = raw.strip()
    if _INTERNATIONAL_PHONE.fullmatch(text):
        digits = text.translate(_PUNCTUATION)
        if _is_plain_international(digits[1:]):
            return digits
    return parsed_phone(raw, country)


def parsed_phone(raw: str, country: str = "") -> str:
    """:func:`phone_number` by phonenumbers alone."""
    import phonenumbers

    text = latin_digits(raw).strip()
    try:
        number = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException as error:
        hint = "" if country or text.startswith("+") else "; start it with + and the country's code, or give a country"
        raise ValueError(f"{raw!r} is not a phone number: {error.args[0].rstrip('.')}{hint}") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{raw!r} is not a phone number: wrong length for +{number.country_code}")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_plain_international(digits: str) -> bool:
    """Whether country code and number stand as they are: a possible length, and no national prefix to be dropped."""
    for length in (1, 2, 3):
        lengths, prefix = _numbering_plan(digits[:length])
        if lengths:
            national = digits[length:]
            return (
                len(national) in lengths and national[0] != "0" and (prefix is None or prefix.match(national) is None)
            )
    return False


@lru_cache(maxsize=1024)
def _numbering_plan(code: str) -> tuple[frozenset[int], re.Pattern[str] | None]:
    """Possible lengths of national numbers under a country code (none: no such code), and the prefix dropped there."""
    import phonenumbers

    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    if regions is None:
        return frozenset(), None
    if regions[0] == "001":
        return frozenset({-1}), None  # satellite and shared codes: by the long way
    plan = phonenumbers.PhoneMetadata.metadata_for_region(regions[0])
    if plan is None:
        return frozenset({-1}), None
    prefix = plan.national_prefix_for_parsing
    lengths = plan.general_desc.possible_length if plan.general_desc is not None else ()
    return frozenset(lengths), re.compile(prefix) if prefix else None


@lru_cache(maxsize=1)
def phone_countries() -> frozenset[str]:
    """Every country that a number may be of; ``001`` for numbers of none."""
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS) | {"001"}


@lru_cache(maxsize=65536)
def phone_country(e164: str) -> str:
    """ISO country of a number, empty where the number does not tell."""
    import phonenumbers

    for end in (2, 4, 3):
        code = int(e164[1:end])
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code)
        if regions is None or regions[0] == "001" or e164[end] == "0":
            continue
        if len(regions) == 1:
            return str(regions[0])
        number = phonenumbers.PhoneNumber(country_code=code, national_number=int(e164[end:]))
        return phonenumbers.region_code_for_number(number) or str(regions[0])
    number = phonenumbers.parse(e164)
    found = phonenumbers.region_code_for_number(number)
    return found or phonenumbers.region_code_for_country_code(number.country_code or 0)
