"""One workspace that uses every word of the campaign file: what each becomes."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from campaigns.definition import (
    BEST,
    END,
    Arm,
    BranchStep,
    Budget,
    CampaignBody,
    Cap,
    EndStep,
    GiveStep,
    HandoffStep,
    Leg,
    Quota,
    Rate,
    SendStep,
    SetStep,
    Start,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
    When,
    WorkspaceConfig,
)
from campaigns.engine.doing import FLOW, HANDOFF, WEBHOOK
from campaigns.periods import Period
from campaigns.segments.reading import read_stored
from campaigns.workspace.loader import HANDLED, Workspace, load_workspace

SHOP = Path(__file__).parent / "shop"
EVERY = ("email", "sms", "whatsapp", "telegram")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    """The workspace beside this file."""
    return load_workspace(SHOP)


def steps(workspace: Workspace) -> dict[str, Step]:
    return {step.id: step for step in workspace.campaigns["autumn"].definition.steps}


def test_it_is_in_order_and_travels(workspace: Workspace) -> None:
    assert workspace.warnings == ()
    for body in workspace.campaigns.values():
        assert CampaignBody.model_validate(json.loads(json.dumps(body.as_json()))) == body
    config = json.loads(json.dumps(workspace.config.model_dump(mode="json")))
    assert WorkspaceConfig.model_validate(config) == workspace.config
    assert workspace.tests["autumn"].plain()[0]["outcome"] == "not entered"
    assert workspace.files == {"autumn": "campaigns/autumn.yaml", "cart": "campaigns/cart.yaml"}


def test_branches_stand_in_one_list_and_meet_again(workspace: Workspace) -> None:
    found = steps(workspace)
    assert list(found) == [
        "letter", "midweek", "branch", "send-best", "branch-2", "tag", "task-call", "end", "both", "for-a-visit",
        "give", "tote", "set", "webhook", "last", "end-2",
    ]  # fmt: skip
    assert found["branch"] == BranchStep(
        id="branch", then="for-a-visit", otherwise="both",
        arms=(
            Arm(when=When(condition="vip", variants=frozenset({"warm"})), first="send-best"),
            Arm(when=When(condition="@1"), first="end"),
        ),
    )  # fmt: skip
    inner = found["branch-2"]
    assert isinstance(inner, BranchStep)
    assert [arm.first for arm in inner.arms] == ["tag", "task-call"]  # the second arm has no steps
    assert (inner.otherwise, inner.then) == ("task-call", "task-call")
    leads = {step.id: step.then for step in found.values() if step.then}
    assert leads == {
        "branch": "for-a-visit", "branch-2": "task-call", "tag": "task-call", "task-call": "for-a-visit",
        "end": "for-a-visit", "both": "for-a-visit",
    }  # fmt: skip
    assert END not in leads.values()


def test_conditions_get_names_and_are_those_of_segments(workspace: Workspace) -> None:
    conditions = workspace.campaigns["autumn"].definition.conditions
    assert list(conditions) == ["@1", "@2", "@3"]  # the German ones stand there twice
    assert conditions["@1"] == {"field": "country", "is": "DE"}
    for name, plain in conditions.items():
        assert read_stored(name, {"where": plain}).condition


def test_each_kind_of_step(workspace: Workspace) -> None:
    found = steps(workspace)
    answers = frozenset({"reply", "click", "goal", "event:wishlist"})
    assert found["letter"] == SendStep(
        id="letter", wait=Period(3, "d"), until=answers, expires=Period(24, "h"),
        main=Leg(
            channel="email", template="autumn", variants={"plain": "autumn", "warm": "autumn-warm"}, among=("email",)
        ),
    )  # fmt: skip
    assert found["midweek"] == WaitStep(id="midweek", at="10:00", weekdays=(0, 2))
    assert found["send-best"] == SendStep(
        id="send-best", main=Leg(channel=BEST, template="short", among=("telegram", "whatsapp")),
        otherwise=Leg(channel="sms", template="short", among=EVERY), wait=Period(2, "d"), until=answers,
    )  # fmt: skip
    assert found["both"] == SendStep(
        id="both", main=Leg(channel="telegram", template="short", among=EVERY),
        also=(Leg(channel="email", template="short", among=EVERY),), until=frozenset(), then="for-a-visit",
    )  # fmt: skip
    last = found["last"]
    assert isinstance(last, SendStep)
    assert last.main == Leg(channel=BEST, template="short", among=EVERY)
    assert found["task-call"] == TaskStep(
        id="task-call", task="call", note="Ask what they read last", due=Period(2, "d"), max=Quota(number=20),
        expires=Period(5, "d"), then="for-a-visit",
    )  # fmt: skip
    assert found["for-a-visit"] == WaitStep(id="for-a-visit", period=Period(5, "d"), events=frozenset({"visit"}))
    assert found["give"] == GiveStep(id="give", points=100, reason="a visit", when=When(condition="@3"))
    assert found["tote"] == GiveStep(id="tote", voucher="free-tote", when=When(condition="vip"))
    assert found["set"] == SetStep(
        id="set", untag=("lapsed",), stage="regular",
        fields={
            "attributes.season": "autumn", "attributes.liked": ["books", "tea"], "city": "Bath", "birthday": None,
        },
    )  # fmt: skip
    hook = {"kind": "autumn", "list": [1, 2]}
    assert found["webhook"] == WebhookStep(id="webhook", url="https://hooks.example.com/autumn", data=hook)
    assert found["end"] == EndStep(id="end", reason="not in Germany", when=When(condition="vip"), then="for-a-visit")
    assert workspace.campaigns["autumn"].definition.on_answer == (
        HandoffStep(
            id="answer-handoff", queue="sales", note="Answered the autumn letter", max=Quota(number=40),
            expires=Period(1, "d"),
        ),
        SetStep(id="answer-tag", tag=("answered",)),
    )  # fmt: skip


def test_what_is_chosen_and_what_it_costs(workspace: Workspace) -> None:
    body = workspace.campaigns["autumn"]
    definition = body.definition
    assert definition.experiment is not None
    assert definition.experiment.variants == {"plain": 1, "warm": 2}
    assert definition.experiment.holdout == Decimal("0.1")
    assert definition.offer is not None
    assert [(one.offer, one.score) for one in definition.offer.candidates] == [
        ("winter-20", "worth"), ("winter-10", "likes_discounts"),
    ]  # fmt: skip
    assert definition.budget == Budget(
        name="autumn", amount=Decimal(500), currency="GBP", period="month", when_short="skip"
    )
    assert list(body.offers) == ["winter-10", "winter-20", "free-tote"]
    assert list(body.templates) == [
        "autumn-warm/email.txt", "autumn/email.txt", "short/email.txt", "short/sms.txt", "short/telegram.txt",
        "short/whatsapp.txt",
    ]  # fmt: skip
    cart = workspace.campaigns["cart"]
    assert (cart.definition.audience, cart.definition.start) == ("", Start(kind="event", event="cart_left"))
    assert dict(cart.offers) == {}


def test_the_workspace(workspace: Workspace) -> None:
    config = workspace.config
    assert config.caps == (Cap(max=3, per=Period(1, "w")), Cap(max=1, per=Period(1, "d"), channel="sms"))
    assert config.budget("marketing") == Budget(
        name="marketing", amount=Decimal(5000), currency="GBP", period="month", when_short="cheaper"
    )
    assert config.rates[-1] == Rate(from_day=date(2026, 7, 1), currency="USD", rate=Decimal("0.77"))
    assert config.no_send.weekdays == {"*": (6,), "IR": (4,)}
    assert config.no_send.days["DE"] == (date(2026, 10, 3), date(2026, 12, 26))
    assert config.channels["whatsapp"].currency == "USD"
    assert config.channels["sms"].prices == {"DE": "0.08", "RU": "0.03"}
    assert (config.staff.agents, config.staff.reply_rate) == (3, Decimal("0.04"))
    assert (config.mode, config.allowlist, config.approval) == ("allowlist", frozenset({"10017", "10018"}), True)
    assert (config.utm.source, config.holdout) == ("lantern", Decimal("0.05"))


def test_the_commands_that_somebody_carries_out_are_the_engine_s() -> None:
    assert {HANDOFF, WEBHOOK, FLOW} == HANDLED
