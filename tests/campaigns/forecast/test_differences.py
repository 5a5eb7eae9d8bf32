"""What is told of two versions of a campaign."""

from campaigns.definition import CampaignBody, CampaignDefinition, Leg, Offer, SendStep, Start, TaskStep, WaitStep
from campaigns.forecast.differences import differences
from campaigns.periods import Period


def _body(*steps: object, templates: dict[str, str] | None = None, **more: object) -> CampaignBody:
    offers = more.pop("offers", {})
    definition = CampaignDefinition.model_validate(
        {"name": "winback", "audience": "dormant", "steps": [step.model_dump() for step in steps], **more}
    )
    return CampaignBody(definition=definition, templates=templates or {}, offers=offers)


LETTER = SendStep(id="letter", main=Leg(channel="email", template="t"), wait=Period(3, "d"))
NUDGE = SendStep(id="nudge", main=Leg(channel="sms", template="t"))


def _told(old: CampaignBody, new: CampaignBody) -> list[str]:
    return [f"{one.action} {one.what} {one.name}: {', '.join(one.details)}" for one in differences(old, new)]


def test_the_same_says_nothing() -> None:
    assert _told(_body(LETTER, NUDGE), _body(LETTER, NUDGE)) == []


def test_steps_are_known_by_their_ids() -> None:
    longer = LETTER.model_copy(update={"wait": Period(4, "d"), "until": frozenset({"reply"})})
    new = _body(longer, TaskStep(id="call", task="call"), WaitStep(id="pause", period=Period(1, "d")))
    assert _told(_body(LETTER, NUDGE), new) == [
        "changed step letter: wait 3d → 4d, until click goal reply → reply",
        "added step call: task",
        "added step pause: wait",
        "removed step nudge: send",
    ]


def test_another_order_of_the_same_steps() -> None:
    assert _told(_body(LETTER, NUDGE), _body(NUDGE, LETTER)) == ["changed key steps: nudge → letter"]


def test_a_leg_and_its_channel() -> None:
    by_sms = LETTER.model_copy(update={"main": Leg(channel="sms", template="t")})
    assert _told(_body(LETTER), _body(by_sms)) == ["changed step letter: main (channel email → sms)"]


def test_what_else_a_campaign_says_with_its_texts_and_offers() -> None:
    old = _body(LETTER, templates={"t/email.txt": "a", "t/old.txt": "x"}, reentry="1mo")
    offers = {"ten": Offer(name="ten", product="books", code="TEN")}
    new = _body(
        LETTER, templates={"t/email.txt": "b", "t/new.txt": "x"}, goal={"event": "order"},
        start=Start(kind="cron", cron="0 10 * * *").model_dump(), offers=offers,
    )  # fmt: skip
    assert _told(old, new) == [
        "changed key start: (kind now → cron · cron – → 0 10 * * *)",
        "removed key reentry: 1mo → –",
        "added key goal: ",
        "added offer ten: ",
        "changed template t/email.txt: ",
        "added template t/new.txt: ",
        "removed template t/old.txt: ",
    ]
