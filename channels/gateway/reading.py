"""Reading a gateway's file: strictly, every problem at once with its line, secrets only by name.

``${OTKLIK_SMS_API_KEY}`` stands for that setting, ``{text}`` for a part of the message. Nothing else is replaced.
"""

import re
from collections.abc import Mapping as Options
from pathlib import Path
from typing import Any, cast

from channels.gateway.description import (
    NAMES,
    Answers,
    Call,
    Check,
    Encoding,
    Finder,
    Gateway,
    Name,
    NumberForm,
    Secret,
    Template,
    Tree,
)
from channels.gateway.finding import pattern, pointer
from core.errors import ConfigurationError
from core.reading.fields import Fields, kind_of
from core.reading.problems import Problems, WorkspaceInvalid, did_you_mean
from core.reading.yaml import Mapping, Node, Scalar, Sequence, read_yaml

PREFIX = "OTKLIK_SMS_"
_PLACE = re.compile(r"\$\{(?P<secret>[^}]*)\}|\{(?P<name>[^{}]*)\}")
_SECRET_NAME = re.compile(PREFIX + r"[A-Z0-9_]{1,60}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")


def read_gateway(path: Path, secrets: Options[str, object]) -> Gateway:
    """The gateway that the file describes; ``secrets`` are the account's options by name, such as ``api_key``.

    Raises:
        ConfigurationError: the file cannot be read, or every problem in it, ``file:line: what is wrong``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"gateway: {path} cannot be read ({error.strerror}); write the path of a file"
        ) from None
    return parse_gateway(content, str(path), secrets)


def parse_gateway(content: bytes, file: str, secrets: Options[str, object]) -> Gateway:
    """:func:`read_gateway` of what stands in ``file``."""
    from channels.gateway.tables import read_rules, read_webhook

    problems = Problems()
    try:
        fields = Fields.of(read_yaml(content, file), file, problems, "the gateway")
        problems.raise_if_any()
        assert fields is not None  # noqa: S101  else there was a problem
        reader = Reader(file, problems, secrets)
        send, answer = fields.mapping("send"), fields.mapping("answer")
        call = reader.call(send, "'send'") if send is not None else reader.missing(fields, "send", Call(()))
        answers = Answers(Finder("/id"))
        if answer is None:
            reader.missing(fields, "answer", None)
        else:
            answers = Answers(
                reader.finder(answer, "id", required=True) or Finder("/id"),
                reader.finder(answer, "words"),
                read_rules(reader, answer),
            )
            answer.finish()
        numbers = reader.numbers(fields)
        check, webhook = fields.mapping("check"), fields.mapping("webhook")
        gateway = Gateway(
            name=fields.text("gateway", required=True, limit=60),
            send=call,
            answers=answers,
            numbers=numbers,
            check=reader.check(check) if check is not None else None,
            webhook=read_webhook(reader, webhook) if webhook is not None else None,
            text_limit=int(reader.amount(fields, "text_limit", 1000, least=1)),
            rate=reader.amount(fields, "rate", 10.0),
            sessions=int(reader.amount(fields, "sessions", 4, least=1)),
            timeout=reader.amount(fields, "timeout", 30.0, least=0.1),
            countries=reader.countries(fields, "countries"),
            unserved=reader.countries(fields, "unserved"),
            secrets=frozenset(reader.used),
        )
        fields.text("documentation")  # for people
        fields.finish()
        problems.raise_if_any()
    except WorkspaceInvalid as error:
        raise ConfigurationError(str(error)) from None
    return gateway


class Reader:
    """Reads the parts of one file. ``used`` are the options that it asked for."""

    def __init__(self, file: str, problems: Problems, secrets: Options[str, object]) -> None:
        self.file = file
        self.problems = problems
        self.used: set[str] = set()
        self._secrets = secrets

    def missing(self, fields: Fields, key: str, instead: Any) -> Any:
        if key not in fields.node.entries:
            fields.problem("", f"the gateway has no {key!r}; add it")
        return instead

    def call(self, fields: Fields, what: str) -> Call:
        """A request."""
        method = fields.choice("method", ("POST", "GET"), "POST")
        encoding = fields.choice("encoding", ("form", "json", "query"), "form" if method == "POST" else "query")
        if method == "GET" and encoding != "query":
            fields.problem("encoding", "a GET has no body; write 'encoding: query'")
        url = self.template(fields, "url", required=what)
        if url and not (isinstance(url[0], str) and re.match(r"https?://[^/{}]+(/|$)", url[0])):
            fields.problem("url", "must begin with https:// and a host that is written out")
        if any(isinstance(part, str) and not re.fullmatch(r"[!-~]+", part) for part in url):
            fields.problem("url", "holds a character that addresses do not have; write it as %XX")
        auth = fields.mapping("auth")
        basic, bearer = self._auth(auth) if auth is not None else (None, None)
        headers = fields.get("headers")
        call = Call(
            url,
            cast("Any", method),
            cast("Encoding", encoding),
            self._headers(headers),
            self._tree_of(fields.get("fields"), flat=encoding != "json"),
            basic,
            bearer,
        )
        fields.finish()
        return call

    def _auth(self, fields: Fields) -> tuple[tuple[Template, Template] | None, Template | None]:
        """``basic: [user, password]`` or ``bearer: token``; what proves us is never written into the file."""
        words, bearer = (
            fields.words("basic"),
            self.secret(fields, "bearer") if "bearer" in fields.node.entries else None,
        )
        basic = None
        if words is not None:
            if len(words) != 2:
                fields.problem("basic", "'basic' is a list of two, [user, password]")
            else:
                line = fields.line("basic")
                if not _PLACE.fullmatch(words[1]) or not words[1].startswith("$"):
                    fields.problem(
                        "basic", f"the password is not written here; write ${{{PREFIX}PASSWORD}} and set that"
                    )
                basic = (self.parts(words[0], line), self.parts(words[1], line))
        if (basic is None) == (bearer is None):
            fields.problem("", "'auth' is one of basic and bearer; other kinds are headers or fields of their own")
        fields.finish()
        return basic, (bearer,) if bearer is not None else None

    def secret(self, fields: Fields, key: str) -> Secret:
        """A value that must be a setting's."""
        text = fields.text(key, required=True)
        parts = self.parts(text, fields.line(key)) if text else ()
        if len(parts) == 1 and isinstance(parts[0], Secret):
            return parts[0]
        if text:
            fields.problem(key, f"{key!r} is a secret; write ${{{PREFIX}TOKEN}} here and set OTKLIK_SMS_TOKEN")
        return Secret("")

    def _headers(self, node: Node | None) -> dict[str, Template]:
        headers: dict[str, Template] = {}
        if isinstance(node, Mapping):
            for name, value in node.entries.items():
                if not _HEADER.fullmatch(name):
                    self.problem(node.key_lines[name], f"{name!r} is no name of a header")
                if isinstance(value, Scalar):
                    headers[name] = self.parts(value.text, value.line)
                else:
                    self.problem(value.line, f"{name!r} must be a text, not {kind_of(value)}")
        elif node is not None:
            self.problem(node.line, "'headers' must be keys with values")
        return headers

    def _tree_of(self, node: Node | None, *, flat: bool) -> dict[str, Tree]:
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self.problem(node.line, "'fields' must be keys with values, such as 'phone: \"{to}\"'")
            return {}
        for name, value in node.entries.items():
            if flat and not isinstance(value, Scalar):
                self.problem(value.line, f"{name!r} must be a text in this encoding; lists and levels need json")
        if flat:
            flats = {name: value for name, value in node.entries.items() if isinstance(value, Scalar)}
            return {name: self.parts(value.text, value.line) for name, value in flats.items()}
        return {name: self._tree(value) for name, value in node.entries.items()}

    def _tree(self, node: Node) -> Tree:
        if isinstance(node, Mapping):
            return {name: self._tree(value) for name, value in node.entries.items()}
        if isinstance(node, Sequence):
            return [self._tree(item) for item in node.items]
        return self.parts(node.value, node.line) if isinstance(node.value, str) else node.value

    def template(self, fields: Fields, key: str, *, required: str = "") -> Template:
        text = fields.text(key, required=bool(required))
        return self.parts(text, fields.line(key)) if text else ()

    def parts(self, text: str, line: int) -> Template:
        """A text with its places."""
        parts: list[str | Name | Secret] = []
        last = 0
        for match in _PLACE.finditer(text):
            if match.start() > last:
                parts.append(text[last : match.start()])
            last = match.end()
            secret, name = match["secret"], match["name"]
            if secret is not None:
                parts.append(self._setting(secret, line))
            elif name in NAMES:
                parts.append(Name(name))
            else:
                known = ", ".join(NAMES)
                self.problem(line, f"{{{name}}} is not known{did_you_mean(name, NAMES) or f' (known: {known})'}")
        if last < len(text):
            parts.append(text[last:])
        return tuple(parts)

    def _setting(self, name: str, line: int) -> Secret:
        if not _SECRET_NAME.fullmatch(name):
            self.problem(line, f"${{{name}}} is no setting of SMS; its name begins with {PREFIX}, in capitals")
            return Secret("")
        option = name.removeprefix(PREFIX).lower()
        self.used.add(option)
        value = self._secrets.get(option)
        if value in (None, ""):
            self.problem(line, f"{name} is not set; set it in the environment or .env")
        return Secret(str(value or ""))

    def finder(self, fields: Fields, key: str, *, required: bool = False) -> Finder | None:
        """``/place/in/json`` or ``{pattern: "..."}``."""
        node = fields.node.entries.get(key)
        if isinstance(node, Mapping):
            inner = fields.mapping(key)
            assert inner is not None  # noqa: S101  it is a mapping
            found = inner.parsed("pattern", pattern, None)
            if "pattern" not in inner.node.entries:
                inner.problem("", f"{key!r} is a place such as /id, or has a 'pattern'")
            inner.finish()
            return Finder(pattern=found) if found is not None else None
        if required and node is None:
            fields.problem("", f"'answer' has no {key!r}: where the message's id stands; add it")
        text: str = fields.parsed(key, pointer, "")
        return Finder(pointer=text) if text else None

    def numbers(self, fields: Fields) -> NumberForm:
        """``e164``, ``digits``, or ``{calling_code: 98, trunk: 0}``."""
        if isinstance(fields.node.entries.get("numbers"), Mapping):
            inner = fields.mapping("numbers")
            assert inner is not None  # noqa: S101  it is a mapping
            code, trunk = inner.text("calling_code", required=True), inner.text("trunk")
            if code and not re.fullmatch(r"[1-9][0-9]{0,3}", code):
                inner.problem("calling_code", "is the country's code in digits, such as 98")
            inner.finish()
            return NumberForm("national", code, trunk)
        return NumberForm(cast("Any", fields.choice("numbers", ("e164", "digits"), "e164")))

    def check(self, fields: Fields) -> Check:
        """What ``doctor`` asks."""
        shows = self.finder(fields, "shows", required=True) or Finder("/")
        unit = fields.text("unit", limit=20)
        return Check(self.call(fields, "'check'"), shows, unit)

    def amount(self, fields: Fields, key: str, default: float, *, least: float = 0) -> float:
        """A number."""
        node = fields.get(key)
        if node is None:
            return default
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
            fields.problem(key, f"{key!r} must be a number of at least {least:g}")
            return default
        return value

    def countries(self, fields: Fields, key: str) -> frozenset[str]:
        """Countries by their two letters."""
        words = fields.words(key) or []
        for word in words:
            if not _COUNTRY.fullmatch(word):
                fields.problem(key, f"{word!r} is no country; write two capitals, such as RU")
        return frozenset(words)

    def problem(self, line: int, message: str) -> None:
        self.problems.add(self.file, line, message)
