"""What a check says is wrong, in the reader's language. It says it in fixed forms; these read the forms again.

Those are the forms that people meet most while they write; the others stay in English, as ``otklik check`` has them.
"""

import re
from collections.abc import Mapping

from core.catalogue import DEFAULT, language_of, text
from core.naming import channel_named

_Q = r"""['"](?P<{}>.*?)['"]"""
_KEY, _VALUE, _NAME = _Q.format("key"), _Q.format("value"), _Q.format("name")
_FORMS: Mapping[str, str] = {
    "unknown_key": rf"unknown key {_KEY} in .+?",
    "unknown_variable": rf"unknown variable {_NAME}",
    "unknown_answer": rf"nothing asks for or sets {_NAME}",
    "no_key": rf".+ has no {_KEY}; add it",
    "no_start_key": rf"the (?:campaign|flow) has no {_KEY}; add .+",
    "no_text": rf"{_KEY} must be a text, not .+",
    "long": rf"{_KEY} is longer than (?P<number>\d+) characters; shorten it",
    "no_value": rf"{_VALUE} is not a value of {_KEY}",
    "no_flag": rf"{_KEY} is true or false, not .+",
    "no_mapping": r".+ must be keys with values, such as 'name: value'",
    "no_words": rf"{_KEY} must be a list of words, such as \[a, b\]",
    "twice": rf"{_KEY} stands here twice; first in line (?P<line>\d+)",
    "no_yaml": r"this is not YAML: (?P<why>.+)",
    "no_segment": rf"there is no segment {_NAME}(?:; define it .+)?",
    "no_offer": rf"there is no offer {_NAME}(?:; define it .+)?",
    "no_budget": rf"there is no budget {_NAME}(?:; define it .+)?",
    "no_flow": rf"there is no flow {_NAME}(?:; write it .+)?",
    "no_step": rf"{_NAME} begins no step(?:; begin it .+)?",
    "two_steps": r"a step does one thing, not .+; make two steps",
    "step_twice": rf"step {_NAME} is in line (?P<line>\d+) already; .+",
    "no_steps": r"a campaign needs steps; write a list, .+",
    "no_way": rf"nothing leads to step {_NAME}: .+",
    "no_period": rf"(?:(?P<key>\w+): )?{_VALUE} is not a period; .+",
    "no_name": rf"(?:(?P<key>\w+): )?{_VALUE} is not a name; .+",
    "other_name": rf"this is not \w+ {_NAME}: its name never changes",
    "no_template": r"no template for (?P<channel>\w+); write (?P<file>\S+).*",
    "no_locale": r"(?P<file>\S+) has no (?P<channel>\w+) text for other locales; .+",
    "no_subject": r"an email needs a subject; .+",
    "no_leaving": r"a marketing email must let its reader leave; .+",
    "not_approved": r"outside 24 hours WhatsApp takes approved templates only; .+",
    "no_answer": r"the question has no answer; .+",
    "no_question": r"there is no question; .+",
    "empty_heading": r"the heading is empty; .+",
    "before_question": r"words before the first question; .+",
    "asked_already": r"""['"](?P<name>.*?)['"] is asked in (?P<file>\S+) already; .+""",
    "unknown_field": rf"unknown field {_NAME}",
    "unknown_channel": rf"unknown channel {_NAME}",
    "no_variant": rf"there is no variant {_NAME}(?:; add it: .+)?",
    "same_variants": r"the variants (?P<words>.+) differ in nothing; .+",
    "no_awaited": rf"{_VALUE} is no answer(?:; .+)?",
    "no_condition": rf"{_VALUE} begins no condition(?:; begin it .+)?",
    "no_conditions": rf"{_KEY} takes a list of conditions; .+",
    "no_end": r"the wait may never end: .+",
    "no_quota": rf"(?:(?P<key>\w+): )?{_VALUE} is not a quota; .+",
    "after_goal": rf"step {_NAME} comes .+ after entry, when the goal \((?P<goal>.+)\) no longer counts; .+",
    "no_language": r"(?P<file>\S+) has no (?P<channel>\w+) text in (?P<words>.+); "
    r"those readers get the one in (?P<other>\S+)",
    "many_sms": r"(?P<parts>\d+) SMS for an example customer \(.+\); .+",
    "is_cut": r"the answer has (?P<number>[\d,]+) characters; SMS and WhatsApp carry .+",
}
_COMPILED = tuple((name, re.compile(form, re.DOTALL)) for name, form in _FORMS.items())
_MEANT = re.compile(r"(?s)(?P<said>.*?); did you mean '(?P<meant>.*)'\?")
_KNOWN = re.compile(r"(?s)(?P<said>.*?) \((?:known|one of|variants):? (?P<known>.*)\)")


def problem_in_words(message: str, locale: str) -> str | None:
    """What is wrong, in the language of ``locale``; None where there are no words for it but the English ones."""
    return None if language_of(locale) == DEFAULT else _in_words(message, locale)


def _in_words(message: str, locale: str) -> str | None:
    for ending, tail in (("known", _KNOWN), ("meant", _MEANT)):
        if cut := tail.fullmatch(message):
            said = _in_words(cut["said"], locale)
            return said and text(locale, f"check.{ending}", said=said, words=cut[ending])
    for name, form in _COMPILED:
        if match := form.fullmatch(message):
            values = match.groupdict("")
            if "channel" in values:
                values["channel"] = channel_named(locale, values["channel"])
            counted = {"count": int(values.pop("number").replace(",", ""))} if "number" in values else {}
            return text(locale, f"check.{name}", **values, **counted)
    return None
