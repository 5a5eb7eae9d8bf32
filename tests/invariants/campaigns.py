"""Random shops: a workspace's settings and two campaigns with every kind of step, drawn by Hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from campaigns.definition import (
    BEST,
    DEFAULT_UNTIL,
    END,
    Arm,
    BranchStep,
    Brand,
    Budget,
    CampaignBody,
    CampaignDefinition,
    Cap,
    ChannelPolicy,
    EndStep,
    Experiment,
    GiveStep,
    Goal,
    HandoffStep,
    Leg,
    NoSendDays,
    Offer,
    OfferCandidate,
    OfferChoice,
    Quota,
    SendingHours,
    SendStep,
    SetStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
    When,
    WorkspaceConfig,
)
from campaigns.periods import Period
from core.messages import EMAIL, SMS, TELEGRAM

CHANNELS = (EMAIL, TELEGRAM, SMS)
GOAL, VISIT = "order", "visit"
CONDITIONS = {"@vip": {"field": "attributes.vip", "is": True}, "@asked": {"tag": "asked"}}
VARIANTS = ("plain", "warm")
OFFERS = {
    "winter": Offer(name="winter", product="discount", codes="same", code="WINTER"),
    "single": Offer(name="single", product="discount", codes="unique"),
    "gift": Offer(name="gift", product="gift", codes="unique"),
}
STOCK = {"single": ("S1", "S2"), "gift": ("G1", "G2")}
PRICES = {EMAIL: "0.01", TELEGRAM: "0", SMS: "0.05"}
TEMPLATES = {"t/sms.txt": "hello", "t/email.txt": "Subject: hello\n\nhello", "t/telegram.txt": "hello"}
POT = "pot"


@dataclass(frozen=True)
class Shop:
    """What is applied; ``edited`` are later versions of the same campaigns."""

    config: WorkspaceConfig
    bodies: tuple[CampaignBody, ...]
    edited: tuple[CampaignBody, ...]

    def __repr__(self) -> str:
        """Short: only what was drawn."""
        config = self.config.model_dump(mode="json", exclude_defaults=True, exclude={"brand", "channels"})
        kept = {"exclude_defaults": True, "exclude": {"conditions"}}
        written = [body.definition.model_dump(mode="json", **kept) for body in (*self.bodies, *self.edited)]
        return f"Shop({config}, {written})"


def _often(usual: Any, *rare: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * (2 * len(rare)) + list(rare))


def _periods(*written: str) -> st.SearchStrategy[Period]:
    return st.sampled_from([Period.parse(one) for one in written])


WHENS = _often(
    None, When(condition="@vip"), When(condition="@asked"), When(variants=frozenset({"warm"})),
    When(condition="@vip", variants=frozenset({"plain"})),
)  # fmt: skip
UNTIL = _often(DEFAULT_UNTIL, frozenset(), frozenset({"reply"}), frozenset({"event:visit", "click"}))
PATIENCE = _often(Period(48, "h"), Period(6, "h"), Period(5, "d"))
QUOTA = st.sampled_from([None, Quota(number=1), Quota(number=1), Quota(number=2)])


def _leg(channel: str) -> Leg:
    return Leg(channel=channel, template="t", variants={"warm": "t"}, among=CHANNELS)


@st.composite
def _send(draw: st.DrawFn, base: dict[str, Any]) -> Step:
    main = draw(st.sampled_from([*CHANNELS, *CHANNELS, BEST]))
    otherwise = draw(st.sampled_from([None, *CHANNELS]))
    beside = draw(_often((), (EMAIL,), (TELEGRAM,), (SMS, TELEGRAM)))
    return SendStep(
        **base,
        main=_leg(main),
        otherwise=_leg(otherwise) if otherwise else None,
        also=tuple(_leg(channel) for channel in beside if main not in (channel, BEST)),
        wait=draw(st.none() | _periods("2h", "1d", "3d", "1mo")),
        until=draw(UNTIL),
        expires=draw(PATIENCE),
    )


@st.composite
def _wait(draw: st.DrawFn, base: dict[str, Any]) -> Step:
    kind = draw(st.sampled_from(["period", "event", "clock"]))
    if kind == "clock":
        return WaitStep(**base, at="02:30", weekdays=draw(st.sampled_from([(), (6,), (0, 4)])))
    events = frozenset({VISIT}) if kind == "event" else frozenset()
    return WaitStep(**base, period=draw(_periods("3h", "1d", "1w")), events=events)


@st.composite
def _branch(draw: st.DrawFn, base: dict[str, Any], ahead: Sequence[str]) -> Step:
    whens = draw(st.lists(WHENS.filter(lambda when: when is not None), min_size=1, max_size=2))
    arms = tuple(Arm(when=when, first=draw(st.sampled_from(ahead))) for when in whens)
    return BranchStep(**base, arms=arms, otherwise=draw(st.sampled_from(["", *ahead])))


@st.composite
def _at_once(draw: st.DrawFn, base: dict[str, Any]) -> Step:
    kind = draw(st.sampled_from(["handoff", "task", "task", "set", "set", "points", "voucher", "webhook", "end"]))
    match kind:
        case "handoff":
            return HandoffStep(**base, max=draw(QUOTA), expires=draw(PATIENCE))
        case "task":
            return TaskStep(**base, task="call", due=Period(2, "d"), max=draw(QUOTA), expires=draw(PATIENCE))
        case "set":
            vip = draw(st.booleans())
            return SetStep(**base, fields={"attributes.vip": vip}, tag=("asked",) if vip else (), stage="new")
        case "points":
            return GiveStep(**base, points=5)
        case "voucher":
            return GiveStep(**base, voucher=draw(st.sampled_from(sorted(OFFERS))))
        case "webhook":
            return WebhookStep(**base, url="https://example.org/hook")
        case _:
            return EndStep(**base)


@st.composite
def steps(draw: st.DrawFn, *, moved: bool = False) -> tuple[Step, ...]:
    """From two to six steps whose links lead forward; one at least sends. ``moved``: their ids stand in any order."""
    number = draw(st.integers(2, 6))
    ids = [f"s{place}" for place in range(number)]
    if moved and draw(st.booleans()):
        ids = draw(st.permutations(ids))
    found: list[Step] = []
    for place in range(number):
        ahead = [*ids[place + 1 :], END]
        base = {"id": ids[place], "when": draw(WHENS), "then": draw(_often("", draw(st.sampled_from(ahead))))}
        kind = "send" if place == 0 else draw(st.sampled_from(["send", "send", "send", "wait", "branch", "other"]))
        match kind:
            case "send":
                found.append(draw(_send(base)))
            case "wait":
                found.append(draw(_wait(base)))
            case "branch":
                found.append(draw(_branch(base, ahead)))
            case _:
                found.append(draw(_at_once(base)))
    return tuple(found)


@st.composite
def _definition(draw: st.DrawFn, name: str, *, later: bool) -> CampaignDefinition:
    holdout = draw(_often(Decimal(0), Decimal("0.3")))
    chosen = draw(_often((), ("winter",), ("single",), ("single", "winter")))
    amount = draw(_often(None, Decimal("0.01"), Decimal("0.06"), Decimal("0.15")))
    within = draw(_often("", POT))
    own = Budget(
        name="own", amount=amount, period=draw(st.sampled_from(["total", "day", "week"])), within=within,
        when_short=draw(st.sampled_from(["cheaper", "skip"])),
    )  # fmt: skip
    return CampaignDefinition(
        name=name,
        audience="",
        steps=draw(steps(moved=later)),
        edits=draw(st.sampled_from(("pin", "migrate", "restart"))),
        reentry=Period(1, "h"),
        goal=draw(st.sampled_from([Goal(event=GOAL), Goal(event=GOAL, within=Period(2, "d")), None])),
        conditions=CONDITIONS,
        experiment=Experiment(variants=dict.fromkeys(VARIANTS, 1), holdout=holdout, salt=name),
        offer=OfferChoice(candidates=tuple(OfferCandidate(offer=offer) for offer in chosen)) if chosen else None,
        budget=own if amount is not None else Budget(name=POT) if within else None,
        priority=draw(st.integers(0, 1)),
        on_answer=draw(_often((), (GiveStep(id="thanks", points=7),), (TaskStep(id="ring", task="call"),))),
    )


@st.composite
def _config(draw: st.DrawFn) -> WorkspaceConfig:
    day, closed = Period(24, "h"), NoSendDays(weekdays={"*": (5, 6)})
    caps = draw(
        st.sampled_from(
            [
                (),
                (Cap(max=1, per=day),),
                (Cap(max=2, per=Period(3, "d")), Cap(max=1, per=Period(12, "h"), channel=SMS)),
                (Cap(max=1, per=Period(1, "d"), channel=EMAIL), Cap(max=3, per=Period(1, "w"))),
            ]
        )
    )
    days, nights = SendingHours(opens="10:00", closes="16:30"), SendingHours(opens="20:00", closes="02:00")
    return WorkspaceConfig(
        brand=Brand(name="Shop"),
        sending_hours=draw(_often(SendingHours(), days, nights)),
        no_send=draw(_often(NoSendDays(), closed)),
        channels={channel: ChannelPolicy(price=price) for channel, price in PRICES.items()},
        caps=caps,
        budgets=(Budget(name=POT, amount=Decimal("0.12"), period="month"),),
        holdout=draw(_often(Decimal(0), Decimal("0.2"))),
    )


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    """A workspace with two campaigns, and what their marketer makes of them later."""
    names = ("first", "second")

    def bodies(*, later: bool) -> tuple[CampaignBody, ...]:
        drawn = [draw(_definition(name, later=later)) for name in names]
        return tuple(CampaignBody(definition=one, templates=TEMPLATES, offers=OFFERS) for one in drawn)

    return Shop(draw(_config()), bodies(later=False), bodies(later=True))
