"""Gateways of tests: a file's text, changed here and there, read as an operator's would be."""

from channels.gateway.description import Gateway
from channels.gateway.reading import parse_gateway

SECRETS = {"api_key": "the-key-of-a-test", "password": "the-password-of-a-test", "token": "the-token-of-a-test-16"}

PLAIN = """\
gateway: Test SMS
numbers: digits
send:
  url: https://gateway.example/v1/${OTKLIK_SMS_API_KEY}/send?to={to}
  encoding: json
  headers: {X-Sender: "{sender}"}
  auth: {basic: [shop, "${OTKLIK_SMS_PASSWORD}"]}
  fields:
    messages:
      - {phone: "{to}", text: "{text}", id: "{id}", unicode: true, priority: 2}
    parts: "{parts} of {encoding}"
answer:
  id: /messages/0/id
  words: /messages/0/error/text
  outcomes:
    - {at: /messages/0/error/code, is: [12], outcome: permanent, kind: bad_address, words: no such number}
    - {status: [429, 503], outcome: transient, after: 9}
    - {at: /messages/0/error/code, is: [busy], outcome: transient}
    - {at: /closed, outcome: fault, words: the account is closed}
check:
  url: https://gateway.example/v1/balance
  method: GET
  encoding: query
  shows: /balance
  unit: EUR
webhook:
  encoding: json
  items: /reports
  proof: {header: X-Token, secret: "${OTKLIK_SMS_TOKEN}"}
  answer: '{"ok": true}'
  reports:
    id: /id
    status: /state
    code: /reason
    statuses: {delivered: [DELIVRD], failed: [UNDELIV, REJECTD], accepted: [ACCEPTD]}
    failures: {bad_address: ["99"], rejected: [REJECTD]}
  messages: {from: /from, text: /body/text, id: /mo}
"""


def gateway(*changes: tuple[str, str]) -> Gateway:
    """The plain one with parts of its text replaced, each of which must be there."""
    text = PLAIN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_gateway(text.encode(), "gateway.yaml", SECRETS)
