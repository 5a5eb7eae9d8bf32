"""What a campaign can say: every leg of every step, on every channel that it may take. Pure."""

from collections.abc import Iterator

from campaigns.definition import BEST, CampaignBody, Leg, SendStep
from campaigns.previewing.shown import Speech
from core.errors import Refused
from core.reading.problems import did_you_mean

MAIN, OTHERWISE = "main", "otherwise"


def speeches(body: CampaignBody, step: str = "") -> list[Speech]:
    """In the order of the steps; of one step where it is named.

    Raises:
        Refused: if the campaign has no such step, or none that sends.
    """
    sends = [one for one in body.definition.steps if isinstance(one, SendStep)]
    if step:
        known = [one.id for one in sends]
        if step not in known:
            hint = did_you_mean(step, known) or f" (those that send: {', '.join(known)})"
            words = f"campaign {body.definition.name} has no step {step!r} that sends{hint}"
            raise Refused(words, name="no_send_step", step=step)
        sends = [one for one in sends if one.id == step]
    if not sends:
        raise Refused(f"campaign {body.definition.name} sends nothing", name="sends_nothing")
    return [speech for one in sends for speech in _of_step(one)]


def _of_step(step: SendStep) -> Iterator[Speech]:
    yield from _of_leg(step.id, MAIN, step.main)
    for leg in step.also:
        yield from _of_leg(step.id, leg.channel, leg)
    if step.otherwise is not None:
        yield from _of_leg(step.id, OTHERWISE, step.otherwise)


def _of_leg(step: str, name: str, leg: Leg) -> Iterator[Speech]:
    best = leg.channel == BEST
    by_template: dict[str, list[str]] = {leg.template: []}
    for variant, template in leg.variants.items():
        by_template.setdefault(template, []).append(variant)
    for channel in leg.among if best else (leg.channel,):
        for template, variants in by_template.items():
            yield Speech(step, name, channel, template, ", ".join(variants), best)
