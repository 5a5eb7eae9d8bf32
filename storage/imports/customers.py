"""A row of a customer file as a checked record, or the reason why not. Pure: no store, no clock."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import orjson

from core.addresses import email_address, hashed_key, identity_key, normalised, phone_country, phone_number
from core.installed import plugins
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP, Address
from core.purposes import Purpose
from core.text import folded, latin_digits
from core.zones import single_zone, zone
from storage.imports.columns import ColumnMap, UnmappedColumns, typed
from storage.imports.dates import instant_micros, iso_date
from storage.imports.options import CustomerOptions
from storage.imports.records import as_text

ID_LIMIT, TEXT_LIMIT = 200, 500
_TRUE = frozenset(
    ["yes", "y", "true", "t", "1", "+", "да", "д", "истина", "подписан", "بله", "بلی", "آری", "اره", "درست"]
)
_FALSE = frozenset(["no", "n", "false", "f", "0", "-", "нет", "н", "ложь", "отписан", "خیر", "نه", "نادرست"])
_GENDERS: Mapping[str, str] = {
    **dict.fromkeys(("f", "female", "woman", "ж", "жен", "женский", "женщина", "زن", "خانم", "مونث"), "female"),
    **dict.fromkeys(("m", "male", "man", "м", "муж", "мужской", "мужчина", "مرد", "آقا", "اقا", "مذکر"), "male"),
    **dict.fromkeys(("o", "x", "other", "divers", "nonbinary", "другой", "دیگر"), "other"),
}
_LANGUAGES: Mapping[str, str] = {
    **dict.fromkeys(("english", "английский", "انگلیسی"), "en"),
    **dict.fromkeys(("russian", "русский", "روسی"), "ru"),
    **dict.fromkeys(("persian", "farsi", "персидский", "فارسی"), "fa"),
}
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ImportedConsent:
    """What the row says about one address and purpose. ``at`` is in microseconds, None where the row does not tell."""

    granted: bool
    purpose: str
    at: int | None
    source: str
    wording: str
    document: str = ""


class ImportedAddress(NamedTuple):
    """A checked address with its key (:func:`core.addresses.identity_key`)."""

    channel: str
    scope: str
    value: str
    key: str


@dataclass(slots=True)
class CustomerRecord:
    """A customer as the file has it: only what is filled in.

    ``values`` are columns of the table; ``consents`` are by channel.
    """

    external_id: str
    values: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    addresses: list[ImportedAddress] = field(default_factory=list)
    consents: dict[str, ImportedConsent] = field(default_factory=dict)
    digest: str = ""


Reader = Callable[[list[Any]], CustomerRecord]
T = TypeVar("T")


def customer_reader(columns: ColumnMap, options: CustomerOptions) -> Reader:
    """The function that reads one row of a file with these columns; it raises ValueError with the reason.

    A file without a column of ids takes the mail address, else the phone number, as the customer's id.

    Raises:
        UnmappedColumns: if there is nothing to know a customer by.
    """
    has = {column.field for column in columns.columns}
    if not has & {"external_id", "email", "phone", "sms", "whatsapp", "telegram", *plugins()}:
        raise UnmappedColumns(
            "no column is recognised as the customer's id or an address; name one, such as --map external_id=COLUMN; "
            f"the columns are {', '.join(column.header for column in columns.columns)}"
        )
    plain = [(c.field, c.index) for c in columns.columns if c.field and "." not in c.field and c.field != "attributes"]
    extra = [(c.field.partition(".")[2], c.index, c.kind) for c in columns.columns if "." in c.field]
    whole = columns.index("attributes")
    check = _Check(has, options)
    # what decides how a cell is read belongs to the row's hash
    salt = repr((options.country, options.zone, options.date_order, options.telegram_scope, options.consent)).encode()

    def read(cells: list[Any]) -> CustomerRecord:
        given = {
            name: text
            for name, index in plain
            if (text := cell.strip() if type(cell := cells[index]) is str else as_text(cell))
        }
        record = check(given)
        if extra or whole is not None:
            record.attributes = open_values(cells, extra, whole)
        content = orjson.dumps((given, record.attributes), option=orjson.OPT_SORT_KEYS)
        record.digest = hashlib.blake2b(content + salt, digest_size=12).hexdigest()
        return record

    return read


def open_values(cells: list[Any], extra: Sequence[tuple[str, int, str]], whole: int | None) -> dict[str, Any]:
    """The cells of columns that are no field, by name; ``extra`` is (name, index, kind)."""
    found: dict[str, Any] = {}
    for name, index, kind in extra:
        cell = cells[index]
        if type(cell) is str:
            cell = cell.strip()
            if cell:
                found[name] = cell if kind == "text" else typed(cell, kind)
        elif cell is not None:
            found[name] = cell
    if whole is not None and isinstance(cells[whole], dict):
        found.update(cells[whole])
    return found


class _Check:
    """Checks the filled cells of a row, by field; knows which fields the file has, so as not to look for others."""

    def __init__(self, has: set[str], options: CustomerOptions) -> None:
        self._options = options
        self._home = zone(options.zone)
        self._has_id = "external_id" in has
        self._copied: list[str] = [name for name in ("first_name", "last_name", "city") if name in has]
        self._read = [(name, read) for name, read in _CHECKED.items() if name in has]
        self._whole_name = bool(has & {"name", "last_first_name"})
        self._birthday = "birthday" in has
        self._phones = bool(has & {"phone", "sms", "whatsapp"})
        self._messengers = self._phones or "telegram" in has
        self._of_plugins = [channel for channel in plugins() if channel in has]
        self._consents = options.consent is not None or any(name.startswith("consent_") for name in has)

    def __call__(self, given: dict[str, str]) -> CustomerRecord:
        values: dict[str, str] = {}
        for name in self._copied:
            if name in given:
                values[name] = text = given[name]
                if len(text) > TEXT_LIMIT:
                    raise ValueError(f"{name}: longer than {TEXT_LIMIT} characters")
        for name, read in self._read:
            if name in given:
                values[name] = _in_column(name, read, given[name])
        if self._whole_name:
            _split_name(given, values)
        if self._birthday and "birthday" in given:
            order = self._options.date_order
            values["birthday"] = _in_column("birthday", lambda text: iso_date(text, order), given["birthday"])
        addresses = self._addresses(given, values)
        external_id = given.get("external_id", "")
        if not external_id:
            if self._has_id:
                raise ValueError("the customer's id is empty")
            if not addresses:
                raise ValueError("the row has neither an id nor an address")
            external_id = addresses[0].value
        if len(external_id) > ID_LIMIT:
            raise ValueError(f"external_id: longer than {ID_LIMIT} characters")
        consents = _consents(given, addresses, self._options, self._home) if self._consents else {}
        return CustomerRecord(external_id, values, {}, addresses, consents)

    def _addresses(self, given: dict[str, str], values: dict[str, str]) -> list[ImportedAddress]:
        found: list[ImportedAddress] = []
        if "email" in given:
            mail = _in_column("email", email_address, given["email"])
            found.append(ImportedAddress(EMAIL, "", mail, hashed_key(EMAIL, "", mail)))
        if self._messengers:
            for address in _messengers(
                given, values.get("country") or self._options.country, self._options.telegram_scope
            ):
                found.append(ImportedAddress(address.channel, address.scope, address.value, identity_key(address)))
                if address.channel != TELEGRAM and "zone_guess" not in values:
                    values["zone_guess"] = single_zone(phone_country(address.value))
        for channel in self._of_plugins:
            if channel in given:
                address = _in_column(channel, partial(normalised, channel), given[channel])
                found.append(ImportedAddress(channel, address.scope, address.value, identity_key(address)))
        return found


def _messengers(given: dict[str, str], country: str, telegram_scope: str) -> list[Address]:
    found: list[Address] = []
    phone = ""
    if "phone" in given:
        phone = _in_column("phone", lambda text: phone_number(text, country), given["phone"])
    if "sms" in given:
        found.append(Address(SMS, _in_column("sms", lambda text: phone_number(text, country), given["sms"])))
    elif phone:
        found.append(Address(SMS, phone))
    if "whatsapp" in given:
        number = _in_column("whatsapp", lambda text: _whatsapp(text, phone, country), given["whatsapp"])
        if number:
            found.append(Address(WHATSAPP, number))
    if "telegram" in given:
        found.append(
            _in_column("telegram", lambda text: normalised(TELEGRAM, text, scope=telegram_scope), given["telegram"])
        )
    return found


def _whatsapp(text: str, phone: str, country: str) -> str:
    """The number of a WhatsApp cell: a number, or yes for the phone's; empty for no."""
    word = folded(text)
    if word in _TRUE:
        if not phone:
            raise ValueError("yes, but the row has no phone")
        return phone
    return "" if word in _FALSE else phone_number(text, country)


def _consents(
    given: dict[str, str], addresses: list[ImportedAddress], options: CustomerOptions, home: ZoneInfo
) -> dict[str, ImportedConsent]:
    grant = options.consent
    purpose = grant.purpose if grant else Purpose.MARKETING.value
    everywhere = _yes_or_no("consent_marketing", given)
    at: int | None = None
    found: dict[str, ImportedConsent] = {}
    for address in addresses:
        own = _yes_or_no(f"consent_{address.channel}", given)
        said = everywhere if own is None else own
        if said is not None:
            if "consent_at" in given and at is None:
                at = _in_column(
                    "consent_at", lambda text: instant_micros(text, home, options.date_order), given["consent_at"]
                )
            source, wording = given.get("consent_source", "import"), given.get("consent_wording", "")
            document = given.get("consent_document", grant.document if grant else "")
            found[address.channel] = ImportedConsent(said, Purpose.MARKETING.value, at, source, wording, document)
        elif grant is not None:
            found[address.channel] = ImportedConsent(
                granted=True,
                purpose=purpose,
                at=None,
                source=grant.source,
                wording=grant.wording,
                document=given.get("consent_document", grant.document),
            )
    return found


def _yes_or_no(name: str, given: dict[str, str]) -> bool | None:
    text = given.get(name)
    if text is None:
        return None
    word = folded(text)
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{name}: {text!r} is neither yes nor no")


def _split_name(given: dict[str, str], values: dict[str, str]) -> None:
    """First and last name out of a whole one, where they do not come by themselves."""
    if "name" in given:
        first, _, last = given["name"].partition(" ")
    elif "last_first_name" in given:
        last, _, first = given["last_first_name"].partition(" ")
        if not first:
            first, last = last, ""
    else:
        return
    values.setdefault("first_name", _bounded("name", first.strip(), TEXT_LIMIT))
    if last.strip():
        values.setdefault("last_name", _bounded("name", last.strip(), TEXT_LIMIT))


def _bounded(name: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(f"{name}: longer than {limit} characters")
    return text


def _in_column(name: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


@lru_cache(maxsize=1024)
def _country(text: str) -> str:
    if len(text) == 2 and text.isascii() and text.isalpha():
        code = text.upper()
        if code in _country_names().values():
            return code
    code = _country_names().get(folded(text), "")
    if not code:
        raise ValueError(f"{text!r} is not a country; write its two letters, such as DE or IR")
    return code


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    from babel import Locale

    names: dict[str, str] = {}
    for language in ("en", "ru", "fa"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                names.setdefault(folded(name), code)
    return names | {"usa": "US", "uk": "GB", "uae": "AE", "сша": "US", "рф": "RU"}


@lru_cache(maxsize=1024)
def _locale(text: str) -> str:
    word = folded(text)
    if word in _LANGUAGES:
        return _LANGUAGES[word]
    if found := _LOCALE.fullmatch(text):
        language, script, territory = found.groups()
        return "-".join(filter(None, (language.lower(), script and script.title(), territory and territory.upper())))
    raise ValueError(f"{text!r} is not a language; write en, ru, fa or a tag such as pt-BR")


@lru_cache(maxsize=1024)
def _zone(text: str) -> str:
    return zone(text).key


@lru_cache(maxsize=1024)
def _gender(text: str) -> str:
    return _GENDERS.get(folded(latin_digits(text)), folded(text)[:40])


_CHECKED: Mapping[str, Callable[[str], str]] = {
    "locale": _locale,
    "zone": _zone,
    "country": _country,
    "gender": _gender,
}
