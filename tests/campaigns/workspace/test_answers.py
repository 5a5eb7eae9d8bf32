"""Reading ``answers/*.md``: what is in a file, and what is said of a file that is not as it should be."""

import pytest

from campaigns.definition.answers import Answer, AnswerButton
from campaigns.workspace.answers import LONGEST_ANSWER, read_answers
from core.reading.problems import Problems

FILE = "answers/delivery.md"
WHOLE = """---
locale: en
tags: [shipping, courier]
buttons:
  - {label: Prices, url: "https://shop.example.com/prices"}
  - {label: How do I return a book?}
escalate: true
feedback: false
---
# Delivery

## How long does it take? {#how-long}
### When will it come?
###   How soon?   ###

Two to *four* days.

```
## no question
```

## Is it free?
From 40 euros on.
"""


def read(text: str, file: str = FILE, **others: str) -> tuple[tuple[Answer, ...], list[str], list[str]]:
    problems = Problems()
    found = read_answers({file: text, **others}, "en", problems)
    return found, [str(one) for one in problems.found], [str(one) for one in problems.warnings]


def test_a_file_is_read_whole() -> None:
    (first, second), problems, _ = read(WHOLE)
    assert not problems
    assert first == Answer(
        id="delivery/how-long",
        topic="delivery",
        locale="en",
        title="Delivery",
        questions=("How long does it take?", "When will it come?", "How soon?"),
        body="Two to *four* days.\n\n```\n## no question\n```",
        tags=("shipping", "courier"),
        buttons=(
            AnswerButton(label="Prices", url="https://shop.example.com/prices"),
            AnswerButton(label="How do I return a book?"),
        ),
        escalate=True,
        feedback=False,
    )
    assert (second.id, second.questions) == ("delivery/is-it-free", ("Is it free?",))


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert read("\ufeff" + WHOLE.replace("\n", "\r\n"))[0] == read(WHOLE)[0]


def test_the_language_is_in_the_name_of_the_file_or_the_front_matter_or_the_workspaces() -> None:
    text = "## سفارش من کجاست؟\nاینجا.\n"
    assert read(text, "answers/track.fa.md")[0][0].locale == "fa"
    assert read(text, "answers/track.pt_BR.md")[0][0].locale == "pt-br"
    assert read(f"---\nlocale: fa\n---\n{text}")[0][0].locale == "fa"
    assert read(text)[0][0].locale == "en"
    assert read(text)[0][0].id == "delivery/سفارش-من-کجاست"


def test_one_question_in_two_languages_has_one_id() -> None:
    found, problems, _ = read("## A? {#a}\nYes.", **{"answers/delivery.ru.md": "## Б? {#a}\nДа."})
    assert not problems
    assert {one.key for one in found} == {"delivery/a@en", "delivery/a@ru"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":: there is no question; write one as a heading: ## How long does delivery take?"),
        ("## A?\n\n## B?\nYes.", ":1: the question has no answer; write it below its heading"),
        ("Hello\n## A?\nYes.", ":1: words before the first question; put them below a heading: ## Question?"),
        ("## A?\nYes.\n### B?\nNo.", ":3: a heading of 3 # has no question above it; other ways to ask stand right"),
        ("## A?\n#### B?\nYes.", ":2: another way to ask has three #; write ### Question?"),
        ("##\nYes.", ":1: the heading is empty; write the question as customers ask it"),
        ("## A?\nYes.\n# Title\n", ":3: the topic has one name, at the top; write a question as ## Question?"),
        (f"## {'a' * 301}\nYes.", ":1: the question is longer than 300 characters; shorten it"),
        ("## A? {#Big One}\nYes.", ":1: 'Big One' is not a name; write a-z, 0-9, - and _, such as {#how-long}"),
        ("## A? {#a}\nYes.\n## B? {#a}\nNo.", ":3: 'delivery/a' is in answers/delivery.md:1 already"),
        ("## A?\nYes.\n## B?\n### a\nNo.", ":3: 'a' is asked in answers/delivery.md:1 already; keep one of them"),
        ("## A?\n\nHello {{ customer.first_name }}", ":3: an answer is the same for everybody, {{ }} is not filled in"),
        ("## A?\n" + "a" * (LONGEST_ANSWER + 1), ":2: the answer is longer than 4,000 characters; shorten it"),
        ("## A?\nYes\x07.", ":2: an invisible control character; remove it"),
        ("---\ntags: [a]\n", ":1: the front matter has no end; close it with a line of ---"),
        ("---\ntagz: [a]\n---\n## A?\nYes.", ":2: unknown key 'tagz' in the front matter; did you mean 'tags'?"),
        ("---\nlocale: klingon\n---\n## A?\nYes.", ":2: locale: 'klingon' is not a locale"),
        ("---\nescalate: maybe\n---\n## A?\nYes.", ":2: 'escalate' is true or false, not 'maybe'"),
        ('---\nbuttons: [{url: "https://a.example"}]\n---\n## A?\nYes.', ":2: a button has no 'label'; add it"),
        ('---\nbuttons: [{label: A, url: "js:x"}]\n---\n## A?\nYes.', ":2: url: 'js:x' is no address"),
        ("---\ntags: &a [b]\n---\n## A?\nYes.", ":2: anchors and aliases (&, *) are not read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    _, problems, _ = read(text)
    assert [one for one in problems if one.startswith(FILE + said.replace("::", ":"))], problems


def test_file_names() -> None:
    assert read("## A?\nYes.", "answers/Big.md")[1] == [
        "answers/Big.md: not a name for answers; write one such as delivery.md or delivery.ru.md"
    ]
    assert read("---\nlocale: ru\n---\n## A?\nYes.", "answers/a.fa.md")[1] == [
        "answers/a.fa.md:1: the file's name says fa, its front matter ru; remove one of them"
    ]


def test_an_answer_that_some_channels_cut_is_warned_of() -> None:
    (found,), problems, warnings = read("## A?\n" + "word " * 350)
    assert (found.id, problems) == ("delivery/a", [])
    assert warnings == [
        "answers/delivery.md:2: the answer has 1,749 characters; SMS and WhatsApp carry 1,500, there it is cut"
    ]


def test_every_problem_of_every_file_is_told_at_once() -> None:
    _, problems, _ = read("## A?\n", **{"answers/b.md": "Hello", "answers/c.txt": "## A?\nYes."})
    assert [one.partition(": ")[0] for one in problems] == [
        "answers/b.md:1", "answers/b.md", "answers/c.txt", "answers/delivery.md:1",
    ]  # fmt: skip
