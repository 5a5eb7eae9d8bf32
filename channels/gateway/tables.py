"""Reading a gateway's tables: outcomes of a send, statuses of reports, and how it calls us."""

from collections.abc import Iterable
from typing import Any, cast

from channels.gateway.description import Encoding, Letters, Reports, Rule, Webhook
from channels.gateway.finding import pointer
from channels.gateway.reading import Reader
from core.errors import PermanentKind
from core.machines.message import MessageState
from core.reading.fields import Fields
from core.reading.problems import did_you_mean
from core.reading.yaml import Mapping, Sequence

OUTCOMES = ("accepted", "transient", "permanent", "unknown", "fault")
KINDS = tuple(kind.value for kind in PermanentKind)
STATES = {
    "accepted": MessageState.ACCEPTED,
    "delivered": MessageState.DELIVERED,
    "read": MessageState.READ,
    "failed": MessageState.FAILED,
}


def read_rules(reader: Reader, fields: Fields) -> tuple[Rule, ...]:
    """The rows of ``outcomes``, in their order."""
    node = fields.get("outcomes")
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        fields.problem("outcomes", "'outcomes' is a list of rows, each with an 'outcome'")
        return ()
    rows = (Fields.of(item, reader.file, reader.problems, "a row of 'outcomes'") for item in node.items)
    return tuple(_rule(reader, row) for row in rows if row is not None)


def _rule(reader: Reader, row: Fields) -> Rule:
    outcome = row.choice("outcome", OUTCOMES, "unknown")
    kind = row.choice("kind", KINDS, PermanentKind.REJECTED.value)
    at, values = reader.finder(row, "at"), row.words("is") or []
    statuses = [
        int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0 for word in row.words("status") or []
    ]
    if "outcome" not in row.node.entries:
        row.problem("", f"a row of 'outcomes' has no 'outcome' ({', '.join(OUTCOMES)})")
    if 0 in statuses:
        row.problem("status", "'status' is an HTTP status, such as 429, or a list of them")
    if values and at is None:
        row.problem("is", "'is' says what stands at a place; add 'at: /place'")
    if at is None and not statuses:
        row.problem("", "this row fits every answer; say 'status' or 'at'")
    if "kind" in row.node.entries and outcome != "permanent":
        row.problem("kind", "'kind' belongs to 'outcome: permanent'")
    after = reader.amount(row, "after", -1)
    if after >= 0 and outcome != "transient":
        row.problem("after", "'after' (seconds) belongs to 'outcome: transient'")
    words = row.text("words", limit=200)
    row.finish()
    return Rule(
        cast("Any", outcome),
        words,
        frozenset(statuses),
        at,
        frozenset(values),
        PermanentKind(kind),
        after if after >= 0 else None,
    )


def read_webhook(reader: Reader, fields: Fields) -> Webhook:
    """How deliveries come, and what they say."""
    method = fields.choice("method", ("POST", "GET"), "POST")
    encoding = fields.choice("encoding", ("form", "json", "query"), "form" if method == "POST" else "query")
    if method == "GET" and encoding != "query":
        fields.problem("encoding", "a GET has no body; write 'encoding: query'")
    proof_in, proof_name, proof = _proof(reader, fields)
    reports, letters = fields.mapping("reports"), fields.mapping("messages")
    if reports is None and letters is None:
        fields.problem("", "'webhook' describes neither 'reports' nor 'messages'; add one")
    webhook = Webhook(
        cast("Any", method),
        cast("Encoding", encoding),
        cast("Any", proof_in),
        proof_name,
        proof,
        items=fields.parsed("items", pointer, ""),
        answer=fields.text("answer"),
        reports=_reports(reports) if reports is not None else None,
        letters=_letters(letters) if letters is not None else None,
    )
    fields.finish()
    return webhook


def _proof(reader: Reader, fields: Fields) -> tuple[str, str, str]:
    """``proof: {query: token, secret: ${…}}``, or ``header:``, or ``basic: user``; where, its name, what it must be."""
    proof = fields.mapping("proof")
    if proof is None:
        fields.problem("", "'webhook' has no 'proof': without a secret anybody could report deliveries; add it")
        return "query", "", ""
    given = {where: proof.text(where) for where in ("query", "header", "basic") if where in proof.node.entries}
    secret = reader.secret(proof, "secret").value
    proof.finish()
    if len(given) != 1:
        proof.problem("", "'proof' is one of query, header and basic, and a 'secret'")
        return "query", "", ""
    ((where, name),) = given.items()
    if secret and len(secret) < 16:
        proof.problem("secret", "the secret is shorter than 16 characters; make a longer one")
    return where, name, f"{name}:{secret}" if where == "basic" else secret


def _reports(fields: Fields) -> Reports:
    states: dict[str, MessageState] = {}
    node = fields.get("statuses")
    if not isinstance(node, Mapping):
        fields.problem("statuses", f"'statuses' is a table: {', '.join(STATES)}, each with the gateway's own")
    else:
        table = Fields(node, fields.file, fields.problems, "'statuses'")
        for name, state in STATES.items():
            _each_once(table, name, table.words(name) or (), states, state)
        table.finish()
    failures: dict[str, PermanentKind] = {}
    node = fields.get("failures")
    if isinstance(node, Mapping):
        table = Fields(node, fields.file, fields.problems, "'failures'")
        for kind in PermanentKind:
            _each_once(table, kind.value, table.words(kind.value) or (), failures, kind)
        table.finish()
    elif node is not None:
        fields.problem("failures", f"'failures' is a table: {', '.join(KINDS)}, each with the gateway's codes")
    reports = Reports(
        _place(fields, "id"), _place(fields, "status"), states, fields.parsed("code", pointer, ""), failures
    )
    fields.finish()
    return reports


def _letters(fields: Fields) -> Letters:
    letters = Letters(_place(fields, "from"), _place(fields, "text"), fields.parsed("id", pointer, ""))
    fields.finish()
    return letters


def _place(fields: Fields, key: str) -> str:
    if key not in fields.node.entries:
        near = did_you_mean(key, [name for name in fields.node.entries if name not in fields.asked])
        fields.problem("", f"{key!r} is missing: where it stands, such as /{key}{near}")
    found: str = fields.parsed(key, pointer, "")
    return found


def _each_once(table: Fields, key: str, words: Iterable[str], into: dict[str, Any], meaning: Any) -> None:
    for word in words:
        if word in into:
            table.problem(key, f"{word!r} stands in two rows; keep one")
        into[word] = meaning
