"""Which steps a journey can come to, and when at the earliest. Pure; steps only ever lead forward."""

from datetime import timedelta

from campaigns.definition import END, BranchStep, CampaignDefinition, EndStep, SendStep, Step, WaitStep, When


def ways_on(definition: CampaignDefinition, step: Step) -> set[str]:
    """The ids of the steps that may follow, ``$end`` among them."""
    after = definition.step_after(step.id)
    following = after.id if after is not None else END
    if isinstance(step, EndStep):
        return {following} if step.when is not None else {END}
    if isinstance(step, BranchStep):
        ways = {arm.first for arm in step.arms} | {step.otherwise or following}
        return ways | {following} if step.when is not None else ways
    return {following}


def unreachable(definition: CampaignDefinition) -> list[Step]:
    """Steps that nothing leads to; of several in a row the first."""
    reached = {definition.steps[0].id}
    for step in definition.steps:
        if step.id in reached:
            reached |= ways_on(definition, step)
    lost = [step for step in definition.steps if step.id not in reached]
    led_to = {way for step in lost for way in ways_on(definition, step)}
    return [step for step in lost if step.id not in led_to]


def ahead(definition: CampaignDefinition, step_id: str) -> set[str]:
    """The ids of the steps that a journey at ``step_id`` may still come to."""
    reached: set[str] = set()
    for step in definition.steps:
        if step.id == step_id or step.id in reached:
            reached |= ways_on(definition, step)
    return reached - {END}


def earliest(definition: CampaignDefinition) -> dict[str, timedelta]:
    """About how long after entry each reachable step comes at the earliest, if whatever can be sent is sent."""
    soonest = {definition.steps[0].id: timedelta()}
    for step in definition.steps:
        since = soonest.get(step.id)
        if since is None:
            continue
        for way in ways_on(definition, step):
            at = since + _least(step)
            soonest[way] = min(soonest.get(way, at), at)
    return soonest


def _least(step: Step) -> timedelta:
    if step.when is not None:
        return timedelta()
    if isinstance(step, SendStep):
        return step.wait.rough if step.wait else timedelta()
    if isinstance(step, WaitStep) and not step.events and step.period is not None:
        return step.period.rough
    return timedelta()


def covered(earlier: list[When], when: When | None, variants: frozenset[str]) -> bool:
    """Whether whoever fits ``when`` (None: everybody) has been taken by an earlier way already."""
    for other in earlier:
        same = not other.condition or (when is not None and other.condition == when.condition)
        if same and (not other.variants or (when is not None and when.variants and when.variants <= other.variants)):
            return True
    taken = frozenset(variant for other in earlier if not other.condition for variant in other.variants)
    meant = (when.variants if when is not None else frozenset()) or variants
    return bool(meant) and meant <= taken
