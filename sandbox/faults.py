"""Misbehaviour on demand: rules that say which provider does what wrong, to whom, how often.

Draws are a hash of the seed, the rule and the recipient's how-manieth try, so that the same messages meet the same
faults whatever order they arrive in.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PROVIDERS = ("smtp", "telegram", "twilio", "gateway")
KINDS = ("status", "accept_then_drop", "drop_before", "slow", "hang", "duplicate", "reorder")
STAGES = ("ehlo", "mail", "rcpt", "data", "dot")
ON_THE_WAY_BACK = ("duplicate", "reorder")  # kinds that concern callbacks and updates, not what we are sent

_FIELDS = {
    "provider", "channel", "to", "kind", "code", "error", "body", "retry_after",
    "accepted", "seconds", "times", "stage", "rate", "count",
}  # fmt: skip

_NUMBERS: dict[str, tuple[type, ...]] = {
    "code": (int,), "error": (int,), "retry_after": (int,), "times": (int,), "count": (int,),
    "seconds": (int, float), "rate": (int, float),
}  # fmt: skip
_OPTIONAL = ("error", "retry_after", "count")


class FaultError(ValueError):
    """A rule that cannot be understood; the text says what to write."""


@dataclass(slots=True)
class Fault:
    """One rule. ``code`` is the status or reply code, ``error`` the provider's own error code (Twilio)."""

    number: int
    provider: str
    kind: str
    channel: str | None = None
    to: str | None = None
    code: int = 500
    error: int | None = None
    body: str | None = None
    retry_after: int | None = None
    accepted: bool = False
    seconds: float = 1.0
    times: int = 2
    stage: str = "dot"
    rate: float = 1.0
    count: int | None = None
    hits: int = 0
    pattern: re.Pattern[str] | None = None
    _tries: Counter[str] = field(default_factory=Counter)

    @property
    def label(self) -> str:
        """What the ledger shows for it: ``kind`` or ``kind:code``."""
        return f"status:{self.code}" if self.kind == "status" else self.kind

    def meets(self, channel: str, to: str) -> bool:
        """Whether the rule is about this recipient (no draw yet)."""
        if self.channel is not None and self.channel != channel:
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        return self.to is None or self.to == to or (self.pattern is not None and bool(self.pattern.fullmatch(to)))

    def strikes(self, seed: int, to: str) -> bool:
        """Draw for this try of this recipient."""
        if self.rate < 1.0:
            self._tries[to] += 1
            text = f"{seed}:{self.number}:{to}:{self._tries[to]}".encode()
            draw = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) / 2**64
            if draw >= self.rate:
                return False
        self.hits += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """The rule as it was given, with its number and how often it struck."""
        names = ("number", "provider", "kind", "channel", "to", "code", "error", "body", "retry_after", "accepted")
        more = ("seconds", "times", "stage", "rate", "count", "hits")
        return {name: getattr(self, name) for name in (*names, *more)}


class Faults:
    """The rules in force; the first that fits and strikes wins."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._numbers = 0
        self.rules: list[Fault] = []

    def add(self, rules: list[Any]) -> list[Fault]:
        """Put ``rules`` in force after those there are. FaultError when one is wrong; then none is added."""
        added = [self._parse(rule, self._numbers + place) for place, rule in enumerate(rules, 1)]
        self._numbers += len(added)
        self.rules.extend(added)
        return added

    def clear(self) -> None:
        """Behave again."""
        self.rules.clear()

    def strike(self, provider: str, channel: str, to: str, stage: str = "dot") -> Fault | None:
        """The fault that befalls this attempt, if any. ``stage`` matters for smtp only."""
        for rule in self.rules:
            if (
                rule.provider == provider
                and rule.stage == stage
                and rule.kind not in ON_THE_WAY_BACK
                and rule.meets(channel, to)
                and rule.strikes(self._seed, to)
            ):
                return rule
        return None

    def copies(self, provider: str, channel: str, to: str) -> int:
        """How many times a callback or update is delivered."""
        rule = self._on_the_way_back("duplicate", provider, channel, to)
        return rule.times if rule else 1

    def reorders(self, provider: str, channel: str, to: str) -> bool:
        """Whether the callbacks of a message come in the wrong order."""
        return self._on_the_way_back("reorder", provider, channel, to) is not None

    def _on_the_way_back(self, kind: str, provider: str, channel: str, to: str) -> Fault | None:
        for rule in self.rules:
            fits = rule.kind == kind and rule.provider == provider and rule.meets(channel, to)
            if fits and rule.strikes(self._seed, to):
                return rule
        return None

    def _parse(self, rule: Any, number: int) -> Fault:
        if not isinstance(rule, dict):
            raise FaultError(f"rule {number} is not an object")
        unknown = set(rule) - _FIELDS
        if unknown:
            raise FaultError(f"rule {number}: unknown field {min(unknown)!r}; known are {', '.join(sorted(_FIELDS))}")
        for name, allowed in (("provider", PROVIDERS), ("kind", KINDS), ("stage", STAGES)):
            if rule.get(name, "dot") not in allowed or (name != "stage" and name not in rule):
                raise FaultError(f"rule {number}: {name!r} must be one of {', '.join(allowed)}")
        for name, kinds in _NUMBERS.items():
            if not isinstance(rule.get(name, 0), kinds) and not (name in _OPTIONAL and rule[name] is None):
                raise FaultError(f"rule {number}: {name!r} must be a number")
        for name in ("channel", "to", "body"):
            if not isinstance(rule.get(name), str | None):
                raise FaultError(f"rule {number}: {name!r} must be a string")
        if not 0 <= rule.get("rate", 1.0) <= 1:
            raise FaultError(f"rule {number}: 'rate' must be between 0 and 1")
        fault = Fault(number=number, **rule)
        if fault.to is not None:
            try:
                fault.pattern = re.compile(fault.to)
            except re.error:
                fault.pattern = None  # an exact address, as +12025550100
        return fault
