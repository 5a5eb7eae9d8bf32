"""Where a flow can go: which steps nothing leads to, which never end, which go round without asking. Pure."""

from collections.abc import Iterator, Mapping

from bot.flows.definition import (
    END,
    EXITS,
    HUMAN,
    AnswerStep,
    AskStep,
    BranchStep,
    EndStep,
    FlowDefinition,
    HandoffStep,
    Step,
    WebhookStep,
)


def ways_on(step: Step) -> set[str]:
    """Where the flow may go from ``step``, exits among them."""
    passed_over = {step.next} if step.when is not None else set()
    match step:
        case EndStep():
            return {END} | passed_over
        case HandoffStep():
            return {HUMAN} | passed_over
        case BranchStep():
            return {arm.first for arm in step.arms} | {step.otherwise} | passed_over
        case AskStep():
            chosen = {choice.then for choice in step.choices if choice.then}
            goes_on = {step.following} if not step.choices or any(not one.then for one in step.choices) else set()
            return chosen | goes_on | {step.not_understood, step.no_answer} | passed_over
        case WebhookStep():
            return {step.following, step.failed} | passed_over
        case AnswerStep():
            return {step.following, step.unknown} | passed_over
    return {step.following} | passed_over


def ways_by_itself(step: Step) -> set[str]:
    """Where the flow may go from ``step`` though the customer says nothing."""
    if isinstance(step, AskStep):
        return {step.no_answer} | ({step.next} if step.when is not None else set())
    return ways_on(step)


def unreachable(flow: FlowDefinition) -> list[Step]:
    """Steps that nothing leads to; of several in a row the first."""
    reached = _reachable(flow, {flow.first, flow.menu_step})
    lost = [step for step in flow.steps if step.id not in reached]
    led_to = {way for step in lost for way in ways_on(step)}
    return [step for step in lost if step.id not in led_to] or lost[:1]


def endless(flow: FlowDefinition) -> list[Step]:
    """Steps from which no way leads out of the flow."""
    leads_out: set[str] = set(EXITS)
    grown = True
    while grown:
        more = {step.id for step in flow.steps if step.id not in leads_out and ways_on(step) & leads_out}
        leads_out |= more
        grown = bool(more)
    return [step for step in flow.steps if step.id not in leads_out]


def loops(flow: FlowDefinition) -> Iterator[list[str]]:
    """Rounds that the flow goes by itself, nobody answering: the ids of the steps of each, once."""
    ways = {step.id: sorted(ways_by_itself(step) - set(EXITS)) for step in flow.steps}
    done: set[str] = set()
    for start in ways:
        if start not in done:
            yield from _rounds_from(start, ways, done)


def _rounds_from(start: str, ways: Mapping[str, list[str]], done: set[str]) -> Iterator[list[str]]:
    path: list[str] = [start]
    waiting = [iter(ways.get(start, ()))]
    while path:
        following = next(waiting[-1], None)
        if following is None:
            done.add(path.pop())
            waiting.pop()
        elif following in path:
            yield path[path.index(following) :]
        elif following not in done and following in ways:
            path.append(following)
            waiting.append(iter(ways[following]))


def _reachable(flow: FlowDefinition, begins: set[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(begins)
    while waiting:
        step = flow.step(waiting.pop())
        if step is not None and step.id not in reached:
            reached.add(step.id)
            waiting += ways_on(step)
    return reached
