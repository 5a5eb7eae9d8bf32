"""Addresses brought to their one form, which is the identity's key.

Phones are E.164. A mail domain is lower-case IDNA; the local part is compared case-folded. Telegram's is the chat id.
"""

from functools import lru_cache

from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP, Address
from core.text import latin_digits


def normalised(channel: str, raw: str, *, country: str = "", scope: str = "") -> Address:
    """The address that ``raw`` means on ``channel``; ``country`` (ISO 3166 alpha-2) reads local phone numbers.

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
    value = raw.strip()
    if not value:
        raise ValueError("empty address")
    return Address(channel, value, scope)


def email_address(raw: str) -> str:
    """A mail address in its one form (email-validator, no DNS look-up).

    Raises:
        ValueError: in words for people.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(raw.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"{raw!r} is not a mail address: {error}") from None
    domain = (valid.ascii_domain or valid.domain).lower()
    return f"{valid.local_part.casefold()}@{domain}"


def phone_number(raw: str, country: str = "") -> str:
    """A phone number in E.164; local forms are read as ``country``'s.

    A number of the right length in a range that is not assigned is taken: ranges change faster than tables, and
    fictional numbers must work.

    Raises:
        ValueError: in words for people.
    """
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


@lru_cache(maxsize=65536)
def phone_country(e164: str) -> str:
    """ISO country of a number, empty where the number does not tell."""
    import phonenumbers

    return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or phonenumbers.region_code_for_country_code(
        phonenumbers.parse(e164).country_code or 0
    )
