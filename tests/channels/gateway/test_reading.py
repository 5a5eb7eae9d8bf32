"""A gateway's file is read strictly: every problem at once, with its line; secrets stand there by name only."""

from pathlib import Path

import pytest

from channels.gateway.reading import parse_gateway, read_gateway
from core.errors import ConfigurationError, PermanentKind
from tests.channels.gateway.described import PLAIN, SECRETS, gateway

EXAMPLES = Path(__file__).parents[3] / "examples/gateways"


def complaints(*changes: tuple[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        gateway(*changes)
    assert not [secret for secret in SECRETS.values() if secret in str(caught.value)]
    return str(caught.value).splitlines()


def test_the_plain_one_is_in_order() -> None:
    described = gateway()
    assert (described.name, described.text_limit, described.secrets) == (
        "Test SMS",
        1000,
        {"api_key", "password", "token"},
    )
    assert [rule.outcome for rule in described.answers.rules] == ["permanent", "transient", "transient", "fault"]
    assert described.answers.rules[0].kind is PermanentKind.BAD_ADDRESS
    assert not [secret for secret in SECRETS.values() if secret in repr(described)]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_in_order_and_say_what_to_set(path: Path) -> None:
    options = {"api_key": "k" * 16, "webhook_token": "t" * 16}
    described = read_gateway(path, options)
    assert described.check is not None
    assert described.countries
    for name in described.secrets:
        assert f"OTKLIK_SMS_{name.upper()}=" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("gateway: Test SMS\n", "", "gateway.yaml:1: the gateway has no 'gateway'; add it"),
        (
            "numbers: digits",
            "numbers: digit",
            "gateway.yaml:2: 'digit' is not a value of 'numbers'; did you mean 'digits'?",
        ),
        (
            "numbers: digits",
            "numbers: {calling_code: +98}",
            "gateway.yaml:2: is the country's code in digits, such as 98",
        ),
        ("numbers: digits", "number: digits", "unknown key 'number' in the gateway; did you mean 'numbers'?"),
        ("{to}", "{too}", "{too} is not known; did you mean 'to'?"),
        (
            "https://gateway.example/v1/$",
            "gateway.example/$",
            "must begin with https:// and a host that is written out",
        ),
        ("https://gateway.example/v1/$", "https://$", "must begin with https:// and a host that is written out"),
        ("/send?", "/send sms?", "holds a character that addresses do not have"),
        (
            "${OTKLIK_SMS_API_KEY}",
            "${OTKLIK_SMS_OTHER}",
            "OTKLIK_SMS_OTHER is not set; set it in the environment or .env",
        ),
        ("${OTKLIK_SMS_API_KEY}", "${HOME}", "${HOME} is no setting of SMS; its name begins with OTKLIK_SMS_"),
        ('"${OTKLIK_SMS_PASSWORD}"', "hunter2", "the password is not written here; write ${OTKLIK_SMS_PASSWORD}"),
        ('[shop, "${OTKLIK_SMS_PASSWORD}"]', "[shop]", "'basic' is a list of two"),
        (
            '{basic: [shop, "${OTKLIK_SMS_PASSWORD}"]}',
            "{bearer: abc}",
            "'bearer' is a secret; write ${OTKLIK_SMS_TOKEN}",
        ),
        ('{basic: [shop, "${OTKLIK_SMS_PASSWORD}"]}', "{digest: abc}", "'auth' is one of basic and bearer"),
        (
            "  encoding: json\n  headers",
            "  headers",
            "'messages' must be a text in this encoding; lists and levels need json",
        ),
        ("X-Sender:", '"X Sender":', "'X Sender' is no name of a header"),
        ("  id: /messages/0/id\n", "", "'answer' has no 'id'"),
        ("id: /messages/0/id", "id: messages", "is no place in the answer; write /messages"),
        ("id: /messages/0/id", "id: {pattern: 'OK (a+)+'}", "repeats what repeats already"),
        ("id: /messages/0/id", "id: {pattern: OK}", "has no group (in parentheses) for the value"),
        ("id: /messages/0/id", "id: {pattern: '(('}", "is no pattern"),
        ("outcome: permanent", "outcome: forbidden", "'forbidden' is not a value of 'outcome'"),
        ("kind: bad_address", "kind: bad_adress", "did you mean 'bad_address'?"),
        ("outcome: permanent, kind", "outcome: fault, kind", "'kind' belongs to 'outcome: permanent'"),
        ("status: [429, 503]", "status: [many]", "'status' is an HTTP status"),
        ("{status: [429, 503], outcome", "{outcome", "this row fits every answer; say 'status' or 'at'"),
        ("at: /messages/0/error/code, is: [12]", "is: [12]", "'is' says what stands at a place; add 'at: /place'"),
        ("outcome: transient, after: 9", "outcome: unknown, after: 9", "'after' (seconds) belongs to"),
        ('  proof: {header: X-Token, secret: "${OTKLIK_SMS_TOKEN}"}\n', "", "'webhook' has no 'proof'"),
        ("header: X-Token, ", "", "'proof' is one of query, header and basic"),
        ('secret: "${OTKLIK_SMS_TOKEN}"', "secret: abc", "'secret' is a secret; write ${OTKLIK_SMS_TOKEN}"),
        ("accepted: [ACCEPTD]", "accepted: [DELIVRD]", "'DELIVRD' stands in two rows; keep one"),
        ("    status: /state\n", "", "'status' is missing: where it stands"),
        ("encoding: json\n  items", "method: GET\n  items: /x\n  encoding: json\n  item", "a GET has no body"),
        ("gateway: Test SMS", "gateway: Test SMS\nrate: -1", "'rate' must be a number of at least 0"),
        ("gateway: Test SMS", "gateway: Test SMS\ncountries: [Russia]", "'Russia' is no country; write two capitals"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, complaint: str) -> None:
    told = complaints((old, new))
    assert any(complaint in line for line in told), told
    assert all(line.startswith("gateway.yaml:") for line in told)


def test_every_mistake_is_told_at_once() -> None:
    told = complaints(("numbers: digits", "numbers: what"), ("kind: bad_address", "kind: bad"), ("{text}", "{txt}"))
    assert len(told) == 3


def test_a_short_secret_is_told_of() -> None:
    with pytest.raises(ConfigurationError, match="shorter than 16 characters"):
        parse_gateway(PLAIN.encode(), "gateway.yaml", SECRETS | {"token": "short"})


@pytest.mark.parametrize("content", [b"", b"- a", b"a: &x 1\nb: *x", b"\xff", b"gateway: [" * 50])
def test_what_is_no_description_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigurationError):
        parse_gateway(content, "gateway.yaml", SECRETS)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gateway: .*none\.yaml cannot be read"):
        read_gateway(tmp_path / "none.yaml", {})
