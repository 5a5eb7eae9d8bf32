"""A flow once its YAML has been read: what the engine reads, what is hashed and pinned.

Steps stand in one flat list. A step is followed by ``next``, which is the one below it in the file (behind an arm of a
branch the one behind the branch), unless ``then`` names another. Besides ids of steps, :data:`END` and :data:`HUMAN`
can be gone to.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from campaigns.definition.values import Name, Plain, Value
from campaigns.periods import Period

END = "end"
HUMAN = "human"
EXITS = (END, HUMAN)
"""Where a flow can be left to; no step is called so."""
ANSWERS = "answers."
CUSTOMER = "customer."
"""Prefixes of what conditions read and ``set`` writes: the flow's variables, the customer's fields."""
ALL_LANGUAGES = ""
"""The key of a text that is the same in every language."""
ANSWER_TYPES = ("text", "number", "date", "phone", "email", "choice", "location", "file")
PRIORITIES = ("low", "normal", "high", "urgent")
COMPARISONS = ("is", "is_not", "in", "not_in", "above", "below", "at_least", "at_most", "contains", "is_set")
DAY = Period(24, "h")

AnswerType = Literal["text", "number", "date", "phone", "email", "choice", "location", "file"]
Priority = Literal["low", "normal", "high", "urgent"]
Comparison = Literal["is", "is_not", "in", "not_in", "above", "below", "at_least", "at_most", "contains", "is_set"]


class Words(Value):
    """What is said: a text a language (template source in our markup), or the name of a template of the folder's."""

    texts: Mapping[str, str] = Field(default_factory=dict)
    template: str = ""


class Test(Value):
    """``answers.NAME`` or ``customer.NAME`` compared with values (one, but for ``in`` and ``not_in``)."""

    name: str
    word: Comparison
    values: tuple[str | int | float | bool, ...]


class Condition(Value):
    """Holds where everything in it holds: every test, segment and tag, one of ``any``, none of ``none``."""

    tests: tuple[Test, ...] = ()
    segments: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    any: tuple["Condition", ...] = ()
    none: tuple["Condition", ...] = ()


class LinkButton(Value):
    """A button below a text: opens a page, or sends ``value`` back, which may set off another flow."""

    label: Mapping[str, str]
    url: str = ""
    value: str = ""


class Choice(Value):
    """One of the answers that a question offers; ``then`` (empty: as the step goes on) is where it leads."""

    value: Name
    label: Mapping[str, str]
    then: str = ""


class Limits(Value):
    """What an answer must be beside its type: numbers from … to, days from … to, a text's length and mask.

    In ``like`` an ``A`` stands for a letter, a ``9`` for a digit, anything else for itself. Days are ISO, or ``today``.
    """

    least: float | None = None
    most: float | None = None
    first: str = ""
    last: str = ""
    shortest: int = 1
    longest: int = 2_000
    like: str = ""


class _Step(Value):
    """What every step has. Where ``when`` does not hold, the step is passed over to ``next``."""

    id: Name
    when: Condition | None = None
    then: str = ""
    next: str = END

    @property
    def following(self) -> str:
        """Where the flow goes on behind the step."""
        return self.then or self.next


class SayStep(_Step):
    """Say something."""

    kind: Literal["say"] = "say"
    words: Words
    buttons: tuple[LinkButton, ...] = ()


class AskStep(_Step):
    """Ask, and wait for the answer, which becomes the variable ``into``.

    What is no answer is asked ``again`` (empty: in our own words), ``tries`` times in all; then the flow goes on at
    ``not_understood``. Who says nothing for ``timeout`` (None: as the flow says) goes on at ``no_answer``. With
    ``prove`` an address is an answer once the code that is sent there has been said.
    """

    kind: Literal["ask"] = "ask"
    into: Name
    type: AnswerType = "text"
    words: Words
    choices: tuple[Choice, ...] = ()
    limits: Limits = Limits()
    again: Words | None = None
    tries: int = Field(default=3, ge=1, le=20)
    not_understood: str = HUMAN
    timeout: Period | None = None
    no_answer: str = END
    prove: bool = False


class Arm(Value):
    """One way on: taken where the condition holds. ``first`` is where it leads."""

    when: Condition
    first: str


class BranchStep(_Step):
    """Go on by the first arm whose condition holds, else by ``otherwise``."""

    kind: Literal["branch"] = "branch"
    arms: tuple[Arm, ...] = Field(min_length=1)
    otherwise: str = END


class SetStep(_Step):
    """Change variables (``answers.NAME``), the customer's fields (``customer.NAME``), tags, stage; null empties.

    Texts among the values are templates.
    """

    kind: Literal["set"] = "set"
    values: dict[str, Any] = Field(default_factory=dict)
    tag: tuple[Name, ...] = ()
    untag: tuple[Name, ...] = ()
    stage: str = ""


class EventStep(_Step):
    """Record an event of the customer's; texts in ``data`` are templates."""

    kind: Literal["event"] = "event"
    event: Name
    data: Plain = Field(default_factory=dict)


class WebhookStep(_Step):
    """POST to the shop's own system, signed, and wait for what it answers, which becomes the variable ``into``.

    Where it does not answer in time or refuses, the flow goes on at ``failed``.
    """

    kind: Literal["webhook"] = "webhook"
    url: str
    data: Plain = Field(default_factory=dict)
    timeout: Period = Period(10, "s")
    into: str = ""
    failed: str = HUMAN


class StartStep(_Step):
    """Let the customer enter a campaign."""

    kind: Literal["start"] = "start"
    campaign: Name


class AnswerStep(_Step):
    """Let the answers bot answer a question: the template ``question``, empty for what the customer said last.

    Where it knows no answer, the flow goes on at ``unknown``.
    """

    kind: Literal["answer"] = "answer"
    question: str = ""
    unknown: str = HUMAN


class HandoffStep(_Step):
    """Hand the conversation to a person; the flow ends. ``note`` is a template that only staff see."""

    kind: Literal["handoff"] = "handoff"
    queue: str = ""
    note: str = ""
    priority: Priority = "normal"


class EndStep(_Step):
    """The flow ends here."""

    kind: Literal["end"] = "end"


Step = Annotated[
    SayStep | AskStep | BranchStep | SetStep | EventStep | WebhookStep | StartStep | AnswerStep | HandoffStep | EndStep,
    Field(discriminator="kind"),
]


class Triggers(Value):
    """What sets a flow off: whole messages, payloads of ``/start``, values of buttons, events; ``default``: the rest.

    ``words`` are by language, :data:`ALL_LANGUAGES` where they are of none; each is heard whatever the language.
    """

    words: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    start: tuple[str, ...] = ()
    button: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    default: bool = False


class FlowDefinition(Value):
    """One flow. ``menu`` is where "menu" leads (empty: to the first step), ``human`` how "human" hands over.

    ``subject`` is of mails that answer no mail. ``timeout`` is how long a question waits where it does not say itself.
    """

    name: Name
    description: str = ""
    triggers: Triggers = Triggers()
    timeout: Period = DAY
    menu: str = ""
    human: HandoffStep = HandoffStep(id="human")
    subject: Mapping[str, str] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1)

    @cached_property
    def _by_id(self) -> Mapping[str, Step]:
        return {step.id: step for step in self.steps}

    @property
    def first(self) -> str:
        """The id of the step that the flow begins with."""
        return self.steps[0].id

    @property
    def menu_step(self) -> str:
        """Where "menu" leads."""
        return self.menu or self.first

    def step(self, id_: str) -> Step | None:
        """The step of that id, or None."""
        return self._by_id.get(id_)

    @cached_property
    def structured(self) -> frozenset[str]:
        """Variables that hold keys with values: files, and what webhooks answer."""
        called = {step.into for step in self.steps if isinstance(step, WebhookStep) and step.into}
        return frozenset(
            called | {step.into for step in self.steps if isinstance(step, AskStep) and step.type == "file"}
        )

    @cached_property
    def asked_segments(self) -> frozenset[str]:
        """Every segment that a condition asks about."""
        conditions = [step.when for step in self.steps if step.when is not None]
        conditions += [arm.when for step in self.steps if isinstance(step, BranchStep) for arm in step.arms]
        return frozenset(name for condition in conditions for name in _segments_of(condition))


class FlowBody(Value):
    """What a flow's version keeps, whole: the definition and the texts of the templates that it uses, by path."""

    definition: FlowDefinition
    templates: Mapping[str, str] = Field(default_factory=dict)

    def as_json(self) -> Plain:
        """Plain data with a stable order: what is hashed and stored."""
        data: dict[str, Any] = self.model_dump(mode="json")
        for step in data["definition"]["steps"]:
            if step.get("prove") is False:
                del step["prove"]
        return data


def _segments_of(condition: Condition) -> list[str]:
    return [*condition.segments, *(name for part in (*condition.any, *condition.none) for name in _segments_of(part))]
