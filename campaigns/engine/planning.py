"""What one decision plans: windows, money and promises for its messages, collected as effects. Pure."""

from datetime import datetime

from campaigns.definition import CampaignDefinition, Leg, SendStep
from campaigns.engine.choosing import OfferVerdict, Target, cheaper, target
from campaigns.engine.effects import Effect, GrantOffer, Note, SendMessage
from campaigns.engine.journey import Facts, Journey
from campaigns.gates.budget import falls_short
from campaigns.limits.hours import Opening, Window
from campaigns.limits.hours import opening as first_opening


class Plan:
    """The effects of one decision, and what they leave of the money."""

    def __init__(self, definition: CampaignDefinition, journey: Journey, facts: Facts, now: datetime) -> None:
        self._definition = definition
        self._journey = journey
        self._facts = facts
        self._now = now
        self._money = facts.money_left
        self._granted = False
        self.effects: list[Effect] = []

    def note(self, event: str, step: str = "", leg: str = "", detail: str = "") -> None:
        """A line of the journey's history."""
        self.effects.append(Note(event, step, leg, detail))

    def opening(self, step: SendStep, channel: str, since: datetime, *, message_id: str = "") -> Opening:
        """Where a message finds its place; without a window past the step's patience."""
        facts, patience = self._facts, step.expires.rough
        return first_opening(
            self._definition.purpose,
            max(self._now, facts.quiet_until) if facts.quiet_until else self._now,
            zone=facts.zone,
            hours=facts.sending_hours,
            no_send=facts.no_send,
            country=facts.country,
            caps=facts.caps,
            sent=self._counted(message_id),
            channel=channel,
            latest=since + patience,
            patience=patience,
        )

    def _counted(self, message_id: str) -> list[tuple[str, datetime]]:
        """What counts for caps: what is known, and what this very decision planned."""
        found = [(one.channel, one.at) for one in self._facts.sent if not message_id or one.message_id != message_id]
        found += [(one.channel, one.send_at) for one in self.effects if isinstance(one, SendMessage)]
        return found

    def affordable(self, step: SendStep, leg: Leg, found: Target) -> Target | None:
        """The target, or a cheaper one where the money does not reach; None where none is cheap enough."""
        if self._money is None or self._journey.ghost or not falls_short(found.price.micros, self._money):
            return found
        if self._facts.when_short == "skip":
            return None
        legs = [leg, *((step.otherwise,) if step.otherwise is not None else ())]
        return cheaper(self._definition, legs, self._money, self._journey, self._facts, self._now)

    def paid(
        self, step: SendStep, leg_name: str, leg: Leg, found: Target, opens: Opening, since: datetime
    ) -> tuple[Target, Window, str] | None:
        """What the money reaches to, its window and what deferred it; None, and noted, where nothing can be sent."""
        chosen = self.affordable(step, leg, found)
        if chosen is None:
            self.note("SendSkipped", step.id, leg_name, "budget")
            return None
        if chosen.channel != found.channel:  # it has caps of its own
            self.note("SendDiverted", step.id, leg_name, f"budget: {chosen.channel} instead of {found.channel}")
            opens = self.opening(step, chosen.channel, since)
        if opens.window is None:
            self.note("SendSkipped", step.id, leg_name, too_late(opens))
            return None
        return chosen, opens.window, opens.deferred_by

    def grant(self, step: SendStep, offer: OfferVerdict) -> None:
        """Promise the offer, once a decision: a ghost is promised nothing."""
        if not self._granted and not self._journey.ghost:
            self._granted = True
            self.effects.append(GrantOffer(offer.offer, offer.product, step.id))

    def send(self, step: SendStep, leg: str, chosen: Target, window: Window, deferred_by: str) -> None:
        """Plan one message, or what a ghost would have got."""
        if window.opens > self._now:
            self.note("SendDeferred", step.id, leg, deferred_by or "live_chat")
        if self._journey.ghost:
            self.note("GhostSend", step.id, leg, chosen.channel)
            return
        if self._money is not None:
            self._money -= chosen.price.micros
        self.effects.append(
            SendMessage(
                step=step.id,
                leg=leg,
                channel=chosen.channel,
                template=chosen.template,
                identity_id=chosen.identity.id,
                purpose=self._definition.purpose,
                send_at=window.opens,
                not_before=window.opens,
                not_after=window.closes,
                price_micros=chosen.price.micros,
                parts=chosen.price.parts,
            )
        )

    def send_beside(self, step: SendStep, leg: Leg, since: datetime) -> None:
        """A second channel on purpose: planned if it can be, noted if not; the journey follows the first."""
        found, reason = target(self._definition, leg, self._journey, self._facts, self._now)
        if found is None:
            self.note("SendDiverted", step.id, leg.channel, reason)
            return
        opens = self.opening(step, found.channel, since)
        if opens.window is None:
            self.note("SendSkipped", step.id, leg.channel, too_late(opens))
        elif falls_short(found.price.micros, self._money):
            self.note("SendSkipped", step.id, leg.channel, "budget")
        else:
            self.send(step, leg.channel, found, opens.window, opens.deferred_by)


def too_late(opens: Opening) -> str:
    """Why there is no window, for the history."""
    return ": ".join(part for part in (opens.deferred_by, "past its expires") if part)
