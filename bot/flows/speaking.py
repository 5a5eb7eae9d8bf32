"""What a flow says, in the reader's language and by the channel's means. Pure.

Texts that stand in the flow are in our markup (:mod:`core.marks`); those of the folder's templates are as in campaigns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from jinja2.exceptions import TemplateSyntaxError

from bot.flows.definition import ALL_LANGUAGES, AnswerType, AskStep, FlowBody, FlowDefinition, SayStep, Words
from bot.flows.understanding import button_value
from campaigns.definition import Brand, Leg
from campaigns.periods import zone_named
from campaigns.templates.adapting import CAPABILITIES, OTHERS
from campaigns.templates.content import MOST, Manner, Rendered, render_templates
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.sandbox import MARKED, TEXT, Compiled, lenient, run
from campaigns.templates.variables import NO_ORDERS, OrderFigures, variables_for
from core import catalogue
from core.formatting import trimmed
from core.marks import parsed
from core.messages import Button


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who is spoken to, where and in whose name.

    ``customer`` has the columns of the customers table; ``zone`` is the customer's own by name.
    """

    brand: Brand
    channel: str
    locale: str
    default_locale: str = "en"
    currency: str = "USD"
    zone: str = "UTC"
    customer: Mapping[str, Any] = field(default_factory=dict)
    orders: OrderFigures = NO_ORDERS

    @property
    def reads(self) -> str:
        """The locale that is spoken to this customer."""
        return str(self.customer.get("locale") or self.locale or self.default_locale)


def data_for(flow: FlowDefinition, around: Surroundings, answers: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What templates of a flow may tell: of the customer, the brand, the day, and the flow's own ``answers``."""
    nothing: dict[str, Any] = {name: {} for name in flow.structured}
    data = variables_for(
        around.customer,
        brand=around.brand,
        campaign="",
        now=now,
        zone=zone_named(around.zone),
        orders=around.orders,
    )
    return {**data, "answers": lenient({**nothing, **answers})}


def chosen_text(texts: Mapping[str, str], locale: str, default_locale: str) -> tuple[str, str]:
    """(language, text): the reader's locale, its language, the workspace's own, the one for all, else the first."""
    for wanted in (locale, default_locale):
        code = wanted.replace("_", "-").lower()
        for candidate in (code, code.partition("-")[0]):
            if candidate and candidate in texts:
                return candidate, texts[candidate]
    if ALL_LANGUAGES in texts:
        return default_locale, texts[ALL_LANGUAGES]
    return next(iter(texts.items()), (default_locale, ""))


def filled(source: str, data: Mapping[str, Any], around: Surroundings) -> str:
    """A template in one of the flow's values, such as a note or an event's property.

    Raises:
        TemplateFailure: if it cannot be rendered.
    """
    if "{" not in source:
        return source
    variables = {**data, "_locale": around.reads, "_currency": around.currency}
    return run(_compiled(source, marked=False), variables, path="flow", limit=MOST).strip()


def said(words: Words, body: FlowBody, data: Mapping[str, Any], around: Surroundings) -> Rendered:
    """The words of a step, without buttons of its own.

    Raises:
        TemplateFailure: if they cannot be rendered.
    """
    locale = around.reads
    if words.template:
        leg = Leg(channel=around.channel, template=words.template)
        return render_templates(
            body.templates, leg, locale, data, default_locale=around.default_locale, currency=around.currency
        )
    language, source = chosen_text(words.texts, locale, around.default_locale)
    spoken = locale if locale.partition("-")[0].lower() == language.partition("-")[0] else language
    variables = {**data, "_locale": spoken, "_currency": around.currency}
    text = run(_compiled(source, marked=True), variables, path=body.definition.name, limit=MOST)
    return _formatted(text, spoken, body.definition.name)


def said_of_ours(message_id: str, around: Surroundings, **values: object) -> Rendered:
    """Words of our own catalogue."""
    locale = around.reads
    return Rendered(catalogue.text(locale, message_id, **values), locale=locale, manner=Manner(long="shorten"))


def question(step: AskStep, body: FlowBody, data: Mapping[str, Any], around: Surroundings) -> Rendered:
    """The question with its choices as buttons.

    A score that is only typed, where buttons would become a numbered list of numbers, has none.
    """
    made = said(step.words, body, data, around)
    can = CAPABILITIES.get(around.channel, OTHERS)
    if step.type == "number" and can.buttons == "numbered":
        return made
    flow, locale = body.definition.name, around.reads
    buttons = tuple(
        Button(
            chosen_text(one.label, locale, around.default_locale)[1], button_value(flow, step.id, one.value)
        )
        for one in step.choices
    )  # fmt: skip
    asks = ASKED_OF_APPS.get(step.type)
    if asks is not None:  # where the reader's app can answer by itself
        buttons = (*buttons, Button(catalogue.text(locale, f"flow.share.{asks}"), asks=asks))
    return replace(made, buttons=(*made.buttons, *buttons))


ASKED_OF_APPS: Mapping[AnswerType, Literal["contact", "location"]] = {"phone": "contact", "location": "location"}
"""Where the reader's own app can answer: what its button asks for."""


def statement(step: SayStep, body: FlowBody, data: Mapping[str, Any], around: Surroundings) -> Rendered:
    """What a ``say`` step says, with the buttons below it."""
    made = said(step.words, body, data, around)
    locale, default = around.reads, around.default_locale
    buttons = tuple(
        Button(chosen_text(one.label, locale, default)[1], one.value, filled(one.url, data, around))
        for one in step.buttons
    )
    return replace(made, buttons=(*made.buttons, *buttons))


def again(step: AskStep, body: FlowBody, data: Mapping[str, Any], around: Surroundings) -> Rendered:
    """What is said to an answer that is none, with the choices once more."""
    if step.again is not None:
        made = said(step.again, body, data, around)
    else:
        made = said_of_ours(f"flow.again.{_again(step)}", around, **_bounds(step))
    choices = question(step, body, data, around).buttons
    return replace(made, buttons=choices)


def _again(step: AskStep) -> str:
    if step.type == "number" and step.limits.least is not None and step.limits.most is not None:
        return "between"
    return step.type


def _bounds(step: AskStep) -> dict[str, object]:
    limits = step.limits
    return {"least": f"{limits.least or 0:g}", "most": f"{limits.most or 0:g}"}


def check_source(source: str) -> Sequence[Any]:
    """The trees of a text of the flow, after trying it as it will be rendered.

    Raises:
        TemplateSyntaxError: with the line, if it is broken.
    """
    _compiled(source, marked=True)
    return [TEXT.tree(source)]


@lru_cache(maxsize=2048)
def _compiled(source: str, *, marked: bool) -> Compiled:
    return (MARKED if marked else TEXT).compile_checked(source)


def _formatted(text: str, locale: str, path: str) -> Rendered:
    formatted = trimmed(parsed(text))
    manner = Manner(path=path, is_formatted=True, long="shorten")
    return Rendered(formatted.text, spans=formatted.spans, locale=locale, manner=manner)


__all__ = [
    "Surroundings",
    "TemplateFailure",
    "TemplateSyntaxError",
    "again",
    "check_source",
    "chosen_text",
    "data_for",
    "filled",
    "question",
    "said",
    "said_of_ours",
    "statement",
]
