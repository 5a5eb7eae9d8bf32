"""``experiment:``, ``offer:``, ``budget:`` and ``pace:`` of a campaign: what it chooses, what it costs."""

from decimal import Decimal
from typing import Literal

from campaigns.definition import Budget, Experiment, OfferCandidate, OfferChoice, Pace
from campaigns.periods import Period
from campaigns.reading.fields import Fields
from campaigns.reading.names import name
from campaigns.segments.syntax import ATTRIBUTE
from campaigns.workspace.conditions import read_when
from campaigns.workspace.scope import Scope
from campaigns.workspace.values import amount, looks_like_money, per_hour, share
from core.reading.yaml import Mapping, Node, Scalar, Sequence

METRICS: tuple[Literal["reply", "click", "goal", "revenue"], ...] = ("reply", "click", "goal", "revenue")
BUDGET_PERIODS: tuple[Literal["total", "day", "week", "month", "year"], ...] = (
    "total", "day", "week", "month", "year",
)  # fmt: skip


def read_experiment(fields: Fields, scope: Scope) -> Experiment | None:
    """Variants and holdout; what is said of variants later is held against them."""
    experiment = fields.mapping("experiment")
    if experiment is None:
        if fields.get("experiment") is not None:
            scope.variants = None
        return None
    before = len(scope.problems)
    variants = _variants(experiment)
    made = Experiment(
        variants=variants,
        holdout=experiment.parsed("holdout", share, Decimal(0)),
        metric=next(word for word in METRICS if word == experiment.choice("metric", METRICS, "goal")),
        winner="thompson" if experiment.choice("winner", ("fixed", "thompson"), "fixed") == "thompson" else "fixed",
        horizon=experiment.period("horizon") or Period(30, "d"),
        lift=experiment.parsed("lift", share, Decimal("0.2")),
        salt=experiment.text("salt", limit=100),
    )
    experiment.finish()
    if made.lift == 0:
        experiment.problem("lift", "a lift of 0% needs everybody there is; write the least worth knowing, such as 20%")
    if made.holdout == 1:
        experiment.problem("holdout", "a holdout of 100% writes to nobody; write less, such as 10%")
    if not variants and not made.holdout and len(scope.problems) == before:
        hint = "add variants: [a, b] or holdout: 10%"
        fields.problem("experiment", f"the experiment has neither variants nor a holdout; {hint}")
    scope.variants = frozenset(variants) if len(scope.problems) == before else None
    return made


def _variants(experiment: Fields) -> dict[str, int]:
    node = experiment.get("variants")
    if node is None:
        return {}
    if isinstance(node, Sequence | Scalar):
        listed: dict[str, Node | None] = dict.fromkeys(experiment.words("variants") or ())
    else:
        listed = dict(node.entries)
    found: dict[str, int] = {}
    for variant, weight in listed.items():
        line = weight.line if weight is not None else experiment.line("variants")
        try:
            name(variant)
        except ValueError as error:
            experiment.problems.add(experiment.file, line, f"variants: {error}")
            continue
        value = weight.value if isinstance(weight, Scalar) else None
        if weight is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10_000):
            hint = "write whole numbers up to 10,000, such as {plain: 1, warm: 1}"
            experiment.problems.add(
                experiment.file, line, f"variant {variant!r} has no weight that can be used; {hint}"
            )
            continue
        found[variant] = 1 if weight is None else int(value or 0)
    if found and not any(found.values()):
        experiment.problem("variants", "every variant weighs 0, so that nobody gets one; give one a weight above 0")
    return found


def read_offer(fields: Fields, scope: Scope) -> OfferChoice | None:
    """Which offer a customer gets."""
    node = fields.get("offer")
    if node is None:
        return None
    if isinstance(node, Scalar):
        offer = fields.parsed("offer", name, "")
        scope.refer("offer", offer, node.line)
        return OfferChoice(candidates=(OfferCandidate(offer=offer),)) if offer else None
    choice = fields.mapping("offer")
    if choice is None:
        return None
    by = choice.choice("by", ("order", "score"), "order")
    listed = choice.get("choose")
    items = listed.items if isinstance(listed, Sequence) else []
    if not items:
        hint = "write offer: NAME, or offer: {choose: [NAME, {offer: NAME, when: SEGMENT}]}"
        fields.problem("offer", f"the offer has no list to choose from; {hint}")
    candidates = [found for item in items if (found := _candidate(item, scope, scored=by == "score"))]
    choice.finish()
    if not candidates:
        return None
    return OfferChoice(candidates=tuple(candidates), by="score" if by == "score" else "order")


def _candidate(node: Node, scope: Scope, *, scored: bool) -> OfferCandidate | None:
    if isinstance(node, Scalar):
        node = Mapping(node.line, node.column, {"offer": node}, {"offer": node.line})
    fields = Fields.of(node, scope.file, scope.problems, "an offer")
    if fields is None:
        return None
    if fields.get("offer") is None:
        fields.problem("", "an offer of the list has no 'offer'; write its name, such as {offer: winter-10, when: vip}")
    offer = fields.parsed("offer", name, "")
    scope.refer("offer", offer, fields.line("offer"))
    when = read_when(fields, "when", scope)
    score = fields.parsed("score", _score, "")
    fields.finish()
    if scored and not score:
        hint = f"add score: {ATTRIBUTE}NAME, the customer's own figure for it"
        fields.problem("", f"offer {offer!r} is chosen by score and has none; {hint}")
    if score and not scored:
        fields.problem("score", "a score ranks only where the choice is by: score; add that beside choose:")
    return OfferCandidate(offer=offer, when=when, score=score) if offer else None


def _score(text: str) -> str:
    key = text.removeprefix(ATTRIBUTE)
    if key == text or not key or len(key) > 63:
        raise ValueError(f"{text[:80]!r} is no attribute; write {ATTRIBUTE}NAME")
    return key


def read_budget(fields: Fields, scope: Scope, own: str) -> Budget | None:
    """What the sends may cost: an amount of its own (its budget is called ``own``), or a shared budget's name."""
    node = fields.get("budget")
    if node is None:
        return None
    if isinstance(node, Scalar) and not looks_like_money(node.text):
        shared = fields.parsed("budget", _budget_name, "")
        scope.refer("budget", shared, node.line)
        return Budget(name=shared) if shared else None
    if isinstance(node, Scalar):
        node = Mapping(node.line, node.column, {"amount": node}, {"amount": node.line})
    inner = Fields.of(node, scope.file, scope.problems, "'budget'")
    if inner is None:
        return None
    within = inner.parsed("within", _budget_name, "")
    if within:
        scope.refer("budget", within, node.line)
    made = read_amount(inner, own)
    return made.model_copy(update={"within": within}) if made else None


def read_amount(fields: Fields, own: str) -> Budget | None:
    """A budget's ``amount``, ``per`` and ``when_short``."""
    money = fields.parsed("amount", amount, None)
    if fields.get("amount") is None:
        fields.problem("", "the budget has no 'amount'; add one, such as {amount: 5000 RUB, per: month}")
    elif money and not money[0]:
        fields.problem("amount", "a budget of nothing sends nothing that costs; write an amount above 0")
    per = fields.choice("per", BUDGET_PERIODS, "total")
    short = fields.choice("when_short", ("cheaper", "skip"), "cheaper")
    fields.finish()
    if not money or not own:
        return None
    return Budget(
        name=own,
        amount=money[0],
        currency=money[1] or None,
        period=next(word for word in BUDGET_PERIODS if word == per),
        when_short="skip" if short == "skip" else "cheaper",
    )


def _budget_name(text: str) -> str:
    try:
        return name(text)
    except ValueError:
        hint = "write an amount such as 5000 RUB, or the name of a budget in otklik.yaml"
        raise ValueError(f"{text[:80]!r} is no budget; {hint}") from None


def read_pace(fields: Fields) -> Pace | None:
    """How fast a wave goes."""
    node = fields.get("pace")
    if node is None:
        return None
    if isinstance(node, Mapping):
        inner = fields.mapping("pace")
        part = inner.parsed("share", share, None) if inner else None
        if inner is not None and inner.get("share") is None:
            fields.problem("pace", "the pace has no 'share'; write pace: 2000/h or pace: {share: 50%}")
        if inner is not None:
            inner.finish()
        if inner is not None and part == 0:
            inner.problem("share", "a share of nothing never sends; write one such as 50%")
        return Pace(share=part) if part else None
    hourly = fields.parsed("pace", per_hour, None)
    return Pace(per_hour=hourly) if hourly else None
