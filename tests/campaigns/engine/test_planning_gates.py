"""The engine meets the gates of planning in their order and does what their verdicts say."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.definition import (
    CampaignDefinition,
    Cap,
    Leg,
    NoSendDays,
    Offer,
    OfferCandidate,
    OfferChoice,
    SendingHours,
    SendStep,
)
from campaigns.engine import Facts, GrantFacts, GrantOffer, IdentityFacts, Journey, Price, SendMessage, Sent, decide
from campaigns.gates import PLANNING_GATES, PlanFacts, SendFacts, Verdict, first_stop_of_plan
from campaigns.periods import Period
from core.machines.enrolment import EnrolmentState
from core.purposes import Purpose

NOW = datetime(2026, 12, 2, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
OFFER = Offer(name="winter", product="discount")
OTHER = GrantFacts("summer", "discount", "someone else's")


def campaign(purpose: Purpose) -> CampaignDefinition:
    step = SendStep(id="s", main=Leg(channel="sms", template="t"), wait=Period(1, "d"))
    choice = OfferChoice(candidates=(OfferCandidate(offer="winter"),))
    return CampaignDefinition(name="c", audience="all", purpose=purpose, steps=(step,), offer=choice)


@st.composite
def plans(draw: st.DrawFn) -> PlanFacts:
    clear = draw(st.booleans())  # else few reach the last gates
    often = st.just(True) if clear else st.sampled_from([True, True, True, False])
    return PlanFacts(
        send=SendFacts(
            purpose=draw(st.sampled_from([Purpose.MARKETING, Purpose.MARKETING, Purpose.TRANSACTIONAL])),
            now=NOW,
            consented=draw(often),
            suppressed=not draw(often),
            reachable=draw(often),
            live_chat=not draw(often),
            topic_refused=not draw(often),
            not_now_until=draw(st.sampled_from([None, None, None, NOW, NOW + timedelta(days=1)])),
        ),
        zone=ZONE,
        channel="sms",
        held_out=not draw(often),
        hours=draw(st.sampled_from([SendingHours(), SendingHours(opens="13:00", closes="21:00")])),
        no_send=draw(st.sampled_from([NoSendDays(), NoSendDays(), NoSendDays(days={"*": (NOW.date(),)})])),
        caps=(Cap(max=1, per=Period(1, "d")),) if draw(st.booleans()) else (),
        sent=(("email", NOW - timedelta(hours=5)),) if draw(st.booleans()) else (),
        promised_elsewhere=not draw(often),
        price_micros=5,
        money_left=draw(st.sampled_from([None, 5, 100, 4])),
    )


def facts_of(plan: PlanFacts) -> Facts:
    send = plan.send
    return Facts(
        zone=plan.zone,
        sending_hours=plan.hours,
        no_send=plan.no_send,
        identities=(
            IdentityFacts("i", "sms", consented=send.consented, suppressed=send.suppressed, reachable=send.reachable),
        ),
        caps=plan.caps,
        sent=tuple(Sent(f"m{place}", channel, at) for place, (channel, at) in enumerate(plan.sent)),
        live_chat=send.live_chat,
        topic_refused=send.topic_refused,
        not_now_until=send.not_now_until,
        price_of=lambda *_: Price(plan.price_micros),
        money_left=plan.money_left,
        offers={"winter": OFFER},
        grants=(OTHER,) if plan.promised_elsewhere else (),
    )


def check(plan: PlanFacts) -> str:
    """Hold one decision against the gates; gives the gate that stopped it."""
    journey = Journey(id="e", ghost=plan.held_out)
    decision = decide(campaign(plan.send.purpose), journey, facts_of(plan), NOW)
    sent = [effect for effect in decision.effects if isinstance(effect, SendMessage)]
    granted = [effect for effect in decision.effects if isinstance(effect, GrantOffer)]
    notes = {effect.event: effect.detail for effect in decision.effects if hasattr(effect, "event")}
    stop = first_stop_of_plan(PLANNING_GATES, plan)
    if stop is None:
        assert [message.send_at for message in sent] == [NOW]
        assert len(granted) == 1
    elif stop.verdict is Verdict.GHOST:
        assert not sent
        assert not granted
    elif stop.verdict is Verdict.SKIP:
        assert not sent
        assert notes["SendDiverted"] == stop.gate
    elif stop.verdict is Verdict.HOLD:
        assert not sent
        assert decision.journey.state is EnrolmentState.HELD
    elif stop.verdict is Verdict.EXIT:
        assert not sent
        assert (decision.journey.state, decision.journey.reason) == (EnrolmentState.EXITED, stop.gate)
    elif stop.verdict is Verdict.CHEAPER:
        assert not sent
        assert notes["SendSkipped"] == stop.gate
    else:
        assert stop.verdict is Verdict.DEFER
        later = replace(plan, hours=SendingHours(opens="00:00", closes="00:00"), no_send=NoSendDays(), caps=())
        if first_stop_of_plan(PLANNING_GATES, later) is None:  # nothing else stops it
            assert sent[0].send_at > NOW
            assert notes["SendDeferred"] in ("sending_hours", "cap")
        else:
            assert not sent
    return stop.gate if stop else ""


def test_the_first_gate_decides() -> None:
    met: Counter[str] = Counter()

    @given(plans())
    @settings(max_examples=800, deadline=None)
    def decide_some(plan: PlanFacts) -> None:
        met[check(plan)] += 1

    decide_some()
    never = {"emergency_stop", "paused"}  # journeys are not looked at then
    assert met.keys() == {gate.name for gate in PLANNING_GATES} - never | {""}
