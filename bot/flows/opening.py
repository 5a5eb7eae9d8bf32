"""What a flow says first, as a campaign sends it: a template of its own. Pure.

The flow goes on behind it once the message is out (:class:`bot.flows.effects.Opened`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot.flows.builtin import BUILT_IN, built_in
from bot.flows.definition import ALL_LANGUAGES, AskStep, FlowBody, SayStep
from bot.flows.live import flow_hash
from bot.flows.speaking import ASKED_OF_APPS, chosen_text
from bot.flows.understanding import button_value
from campaigns.templates.adapting import CAPABILITIES
from campaigns.templates.sources import MESSAGE
from campaigns.workspace.openings import Opening
from core import catalogue
from core.messages import EMAIL, TELEGRAM

_SUBJECT = "{{ brand.name }}"
"""Of a mail whose flow has no subject, as in its later mails."""


def openings(bodies: Mapping[str, FlowBody]) -> dict[str, Opening]:
    """The first words of these flows, and of those that come with the program and are not replaced by them."""
    known = {name: body for name in BUILT_IN if (body := built_in(name)) is not None}
    return {name: opening_of(body) for name, body in {**known, **bodies}.items()}


def opening_of(body: FlowBody) -> Opening:
    """What the flow says first, on every channel and in every language that it speaks."""
    version, step = flow_hash(body), body.definition.steps[0]
    if not isinstance(step, SayStep | AskStep):
        hint = "let it begin with say or ask, so that a campaign has something to send"
        return Opening(version, trouble=f"begins with {step.kind!r}, which says nothing; {hint}")
    if step.when is not None:
        return Opening(version, trouble="says its first words only to some ('when'); put the condition behind them")
    folder = step.words.template
    if folder:
        texts = {path.partition("/")[2]: text for path, text in body.templates.items() if path.startswith(f"{folder}/")}
        if isinstance(step, AskStep) and step.choices:
            said = "asks with choices by a template, which has none of their buttons; write the words in the flow"
            return Opening(version, trouble=said)
        return Opening(version, texts)
    return Opening(version, dict(_files(body, step)))


def _files(body: FlowBody, step: SayStep | AskStep) -> Iterator[tuple[str, str]]:
    """Template files by name: the common one of each language, and those of channels that show more."""
    texts = step.words.texts
    common = ALL_LANGUAGES if ALL_LANGUAGES in texts else next(iter(texts))
    for language, text in {**texts, ALL_LANGUAGES: texts[common]}.items():
        spoken = language or common
        suffix = f".{language}" if language else ""
        subject = chosen_text(body.definition.subject, spoken, spoken)[1] or _SUBJECT
        everywhere, in_apps = _buttons(body.definition.name, step, spoken)
        for channel, buttons in {MESSAGE: everywhere, **in_apps}.items():
            front: dict[str, Any] = {"buttons": buttons} if buttons else {}
            if channel in (MESSAGE, EMAIL):
                front["subject"] = subject
            front["long"] = "shorten"
            lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
            yield f"{channel}{suffix}.md", "\n".join(["---", *lines, "---", text])


def _buttons(
    flow: str, step: SayStep | AskStep, language: str
) -> tuple[list[dict[str, str]], dict[str, list[dict[str, str]]]]:
    """The buttons everywhere, and those of channels that have others."""

    def label(texts: Mapping[str, str]) -> str:
        return chosen_text(texts, language, language)[1]

    if isinstance(step, SayStep):
        return [
            {"label": label(one.label), **({"url": one.url} if one.url else {"value": one.value})}
            for one in step.buttons
        ], {}
    chosen = [{"label": label(one.label), "value": button_value(flow, step.id, one.value)} for one in step.choices]
    if step.type == "number":  # as numbered lines, "3" would be the third of them
        return [], {name: chosen for name, can in CAPABILITIES.items() if can.buttons != "numbered"} if chosen else {}
    asks = ASKED_OF_APPS.get(step.type)
    if asks is None:
        return chosen, {}
    word = "phone" if asks == "contact" else asks
    return chosen, {TELEGRAM: [*chosen, {"label": catalogue.text(language, f"flow.share.{asks}"), "asks": word}]}
