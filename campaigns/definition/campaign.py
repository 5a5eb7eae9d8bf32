"""A campaign once its YAML has been read: what the engine reads, what is hashed and pinned."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from campaigns.definition.choices import Budget, Experiment, OfferChoice
from campaigns.definition.files import KeptFile
from campaigns.definition.offers import Offer
from campaigns.definition.starts import ActivePeriod, Goal, Start
from campaigns.definition.steps import END, Action, BranchStep, Pace, SendStep, Step
from campaigns.definition.values import Name, Plain, Value
from campaigns.periods import Period
from core.purposes import Purpose


class CampaignDefinition(Value):
    """One campaign.

    ``reentry`` None: once a customer and no more; otherwise that long after the last round began. ``conditions`` are
    the conditions that stand in the campaign itself, by their ``@`` name, in the form of ``segments.yaml``. A higher
    ``priority`` is planned first where caps or money are short. ``topic`` is what a customer refuses with it, and keeps
    the other marketing; several campaigns may share one, empty is its own name.
    """

    name: Name
    description: str = ""
    topic: Name | Literal[""] = ""
    purpose: Purpose = Purpose.MARKETING
    audience: str
    start: Start = Start()
    period: ActivePeriod = ActivePeriod()
    reentry: Period | None = None
    goal: Goal | None = None
    steps: tuple[Step, ...] = Field(min_length=1)
    on_answer: tuple[Action, ...] = ()
    conditions: Mapping[str, Any] = Field(default_factory=dict)
    experiment: Experiment | None = None
    offer: OfferChoice | None = None
    budget: Budget | None = None
    pace: Pace | None = None
    priority: int = 0
    edits: Literal["pin", "migrate", "restart"] = "pin"

    @cached_property
    def asked_conditions(self) -> frozenset[str]:
        """Every condition that a step or an offer asks about, by ``When.condition``."""
        asked = [step.when for step in self.steps]
        asked += [arm.when for step in self.steps if isinstance(step, BranchStep) for arm in step.arms]
        asked += [candidate.when for candidate in self.offer.candidates] if self.offer is not None else []
        return frozenset(when.condition for when in asked if when is not None and when.condition)

    @cached_property
    def _by_id(self) -> Mapping[str, Step]:
        return {step.id: step for step in reversed(self.steps)}

    @cached_property
    def _following(self) -> Mapping[str, Step | None]:
        by_place = zip(self.steps, (*self.steps[1:], None), strict=True)
        return {
            step.id: None if step.then == END else self._by_id.get(step.then) if step.then else following
            for step, following in reversed(list(by_place))
        }

    def step(self, id_: str) -> Step | None:
        """The step of that id, or None."""
        return self._by_id.get(id_)

    def send_step(self, id_: str) -> SendStep | None:
        """The step of that id where it sends something, or None."""
        found = self.step(id_)
        return found if isinstance(found, SendStep) else None

    def step_after(self, id_: str) -> Step | None:
        """The step that follows, or None after the last."""
        return self._following.get(id_)


class CampaignBody(Value):
    """What a campaign version keeps, whole: the definition, its offers and the text of every template it can use.

    ``templates`` maps ``name/email.mjml`` (or ``name/email.ru.mjml``) to the source, ``files`` the place in the
    workspace of a file that they attach to what is kept of it; its hash is the version.
    """

    definition: CampaignDefinition
    templates: Mapping[str, str]
    offers: Mapping[str, Offer] = Field(default_factory=dict)
    files: Mapping[str, KeptFile] = Field(default_factory=dict)

    def as_json(self) -> Plain:
        """Plain data with a stable order: what is hashed and stored. What there is none of is left out."""
        data: dict[str, Any] = self.model_dump(mode="json")
        if not self.files:
            del data["files"]
        if not self.definition.topic:
            del data["definition"]["topic"]
        for step in data["definition"]["steps"]:
            if step.get("flow", ...) is None:
                del step["flow"]
        return data
