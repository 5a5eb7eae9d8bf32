"""What a check says is wrong, told to those who do not read English: each mistake is made, and read about."""

import shutil
from pathlib import Path

import pytest

from core.reading.problems import WorkspaceInvalid
from desk.campaigns.editing.telling import _FORMS, problem_in_words
from otklik.workspace import load_whole

EXAMPLE = Path(__file__).parents[3] / "examples" / "winback"
C, F, A, S = "campaigns/winback.yaml", "flows/support.yaml", "answers/shop.md", "segments.yaml"
SEND = "  - send: email\n    id: letter\n"
LONG = "word " * 400
MISTAKES: dict[str, list[tuple[str, str | None, str]]] = {
    "unknown_key": [(C, "reentry: after", "reentri: after")],
    "unknown_variable": [("templates/winback/sms.txt", "", "{{ customer.frist_name }}")],
    "unknown_answer": [(F, "{answers.topic: return}", "{answers.tropic: return}")],
    "no_start_key": [(C, "campaign: winback\n", "")],
    "no_text": [(C, "description: Bring", "description: [Bring]\n# ")],
    "long": [(C, "description: Bring", f"description: {LONG} Bring")],
    "no_value": [(C, "purpose: marketing", "purpose: marketin")],
    "no_flag": [(A, "", "---\nescalate: perhaps\n---\n")],
    "no_mapping": [(C, "template: winback", "experiment: x\ntemplate: winback")],
    "no_words": [(A, "", "---\ntags: [[a]]\n---\n")],
    "twice": [(C, "purpose: marketing", "audience: dormant\npurpose: marketing")],
    "no_yaml": [(C, "until: [reply", "until: [[reply")],
    "no_segment": [(C, "audience: dormant", "audience: xyz")],
    "no_offer": [(C, "template: winback", "offer: xyz\ntemplate: winback")],
    "no_budget": [(C, "template: winback", "budget: xyz\ntemplate: winback")],
    "no_flow": [(C, SEND, "  - flow: xyz\n")],
    "no_step": [(C, f"{SEND}    wait: 3d\n", "  - sned: email\n    id: letter\n")],
    "two_steps": [(C, SEND, "  - send: email\n    task: call\n    id: letter\n")],
    "step_twice": [(C, "id: nudge", "id: letter")],
    "no_steps": [(C, "steps:\n", "steps: []\nother:\n")],
    "no_way": [(F, "then: {other: question}", "then: end")],
    "no_period": [(C, "wait: 3d", "wait: soon")],
    "no_name": [(C, "campaign: winback", "campaign: Win Back")],
    "no_template": [("templates/winback/sms.txt", None, ""), ("templates/winback/sms.ru.txt", None, ""),
                    ("templates/winback/sms.fa.txt", None, "")],
    "no_locale": [("templates/winback/sms.txt", None, "")],
    "no_subject": [("templates/winback/email.mjml", None, ""), ("templates/winback/email.txt", "", "Hello.")],
    "no_leaving": [("templates/winback/email.mjml", None, ""), ("templates/winback/email.txt", "", "Hello.")],
    "not_approved": [("templates/winback/whatsapp.txt", None, ""), ("templates/winback/whatsapp.txt", "", "Hello.")],
    "no_answer": [(A, "", "## Why?\n\n")],
    "no_question": [(A, None, ""), (A, "", "# The shop\n")],
    "empty_heading": [(A, "## When are you open? {#hours}", "## ")],
    "before_question": [(A, "", "Hello.\n")],
    "asked_already": [(A, "", "## When are you open? {#other}\n\nNever.\n\n")],
    "unknown_field": [(S, "field: country", "field: countri")],
    "unknown_channel": [(C, "send: whatsapp", "send: whatsap")],
    "no_variant": [(C, "steps:\n", "experiment: {variants: [a, b]}\nsteps:\n"),
                   (C, "    id: letter\n", "    id: letter\n    when: {variant: c}\n")],
    "same_variants": [(C, "steps:\n", "experiment: {variants: [a, b]}\nsteps:\n")],
    "no_awaited": [(C, "until: [reply, click", "until: [reply, clicks")],
    "no_condition": [(S, "event: order\n    last", "evnt: order\n    last")],
    "no_conditions": [(S, "event: order\n    last: {above: 1y}", "all: x")],
    "no_end": [(C, SEND, f"  - wait: {{until: {{event: order}}}}\n{SEND}")],
    "no_quota": [(C, SEND, f"  - task: call\n    max: 20 per day\n{SEND}")],
    "after_goal": [(C, "wait: 3d", "wait: 40d")],
    "no_language": [("templates/winback/sms.ru.txt", None, "")],
    "many_sms": [("templates/winback/sms.txt", "", LONG[:900])],
    "is_cut": [(A, "", f"## Why?\n\n{LONG}\n\n")],
}  # fmt: skip
"""By form: a file with what is written in the place of what; "" of the old: in front, None: the file is removed."""
OTHERWISE = {"no_key": "a step has no 'send'; add it", "other_name": "this is not flow 'x': its name never changes"}


@pytest.mark.parametrize("form", MISTAKES)
def test_a_mistake_is_told_in_the_readers_language(form: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))
    for file, old, new in MISTAKES[form]:
        place = folder / file
        if old is None:
            place.unlink()
            continue
        text = place.read_text() if place.exists() else ""
        assert old in text, file
        place.write_text(text.replace(old, new, 1) if old else new + text)
    try:
        found = [one.message for one in load_whole(folder).warnings]
    except WorkspaceInvalid as error:
        found = [one.message for one in (*error.problems, *error.warnings)]
    for locale, letters in (("ru", "абвгдежзиклмнопрстуя"), ("fa", "ابپتجچدرزسشعفقکگلمنوهی")):
        told = [said for message in found if (said := problem_in_words(message, locale))]
        assert told, found
        assert all(any(letter in letters for letter in said) for said in told)
    assert any(_form(message) == form for message in found), found


def _form(message: str) -> str:
    import re

    bare = re.sub(r"(?s) \((?:known|one of|variants):? .*\)$", "", message).partition("; did you mean")[0]
    return next((name for name, form in _FORMS.items() if re.fullmatch(form, bare, re.DOTALL)), "")


@pytest.mark.parametrize("form", OTHERWISE)
def test_other_forms(form: str) -> None:
    assert _form(OTHERWISE[form]) == form


def test_every_form_is_met() -> None:
    assert {*MISTAKES, *OTHERWISE} == set(_FORMS)


def test_what_nobody_translated_stays_as_it_is() -> None:
    assert problem_in_words("something else is wrong", "ru") is None
    assert problem_in_words("there is no segment 'x'; define it in segments.yaml", "en") is None
    assert "«x»" in str(problem_in_words("there is no segment 'x'; did you mean 'y'?", "ru"))
    assert "«y»" in str(problem_in_words("there is no segment 'x'; did you mean 'y'?", "ru"))
