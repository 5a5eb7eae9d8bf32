"""Templates become messages: locale, letter and its text, buttons, variables, markup that does not lie."""

import contextlib
from pathlib import Path

import pytest

from campaigns.definition import Leg
from campaigns.templates.checking import check_file, stray_file
from campaigns.templates.content import Rendered, render_templates
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.filters import FILTERS
from campaigns.templates.markup import MarkupProblem, compiled_mjml, plain_text
from campaigns.templates.variables import NAMES, sample
from core.reading.problems import Problems

LETTER = """---
subject: "Hello {{ customer.first_name | default('there', true) }}"
preview: 'A <b> & more'
---
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {% if orders.count > 1 %}again{% endif %}, {{ customer.first_name }}</mj-text>
<mj-button href="{{ brand.url }}?a={{ orders.count | default("0") }}&b=2">Shop</mj-button>
<mj-image src="https://example.com/a.png" alt="کتاب‌ها" />
</mj-column></mj-section></mj-body></mjml>
"""


def _render(templates: dict[str, str], channel: str = "email", locale: str = "en", **more: str) -> Rendered:
    data = sample()
    data["customer"].update(more)
    return render_templates(
        templates, Leg(channel=channel, template="t"), locale, data, default_locale="en-GB", currency="GBP"
    )


def _problems(path: str, text: str) -> list[str]:
    problems = Problems()
    check_file(path, text, problems)
    return [str(problem) for problem in problems.found]


def test_a_letter_has_html_and_text() -> None:
    made = _render({"t/email.mjml": LETTER}, first_name="Anna <b>")
    assert made.subject == "Hello Anna <b>"
    assert "Hi again, Anna &lt;b&gt;" in made.html
    assert 'href="https://shop.example.com?a=4&b=2"' in made.html
    assert 'alt="کتاب‌ها"' in made.html  # a joiner inside, which the converter would spoil
    assert "A &lt;b&gt; &amp; more</div>" in made.html  # the preview, hidden
    assert made.html.index("A &lt;b&gt;") > made.html.index("<body")
    assert "Hi again, Anna <b>\n\nShop: https://shop.example.com?a=4&b=2" in made.text


def test_a_text_of_its_own_goes_before_the_automatic_one() -> None:
    made = _render({"t/email.mjml": LETTER, "t/email.txt": "own text for {{ customer.first_name }}"})
    assert made.text == "own text for Anna\n"
    assert made.html


@pytest.mark.parametrize(("locale", "found"), [
    ("ru", "ru"), ("ru-RU", "ru"), ("ru_RU", "ru"), ("pt-BR", "br"), ("pt-PT", "plain"), ("de", "plain"), ("", "plain"),
])  # fmt: skip
def test_the_locale_falls_back(locale: str, found: str) -> None:
    templates = {"t/sms.txt": "plain", "t/sms.ru.txt": "ru", "t/sms.pt-br.txt": "br"}
    assert _render(templates, "sms", locale).text == found


def test_the_workspaces_language_goes_before_the_plain_file() -> None:
    assert _render({"t/sms.txt": "plain", "t/sms.en.txt": "english"}, "sms", "de").text == "english"


@pytest.mark.parametrize(("locale", "written"), [
    ("en", "28 October 2025 · £129.50"), ("ru", "28 октября 2025\u202fг. · 129,50\xa0£"), ("fa", "۶ آبان ۱۴۰۴"),
])  # fmt: skip
def test_dates_and_money_are_the_readers(locale: str, written: str) -> None:
    source = "{{ orders.last_at | date }} · {{ orders.total | money }}"
    templates = {f"t/telegram{suffix}.txt": source for suffix in ("", ".ru", ".fa")}
    text = _render(templates, "telegram", locale).text
    assert written in text.replace("2025 г", "2025\u202fг")
    assert not (locale == "fa" and any(digit in text for digit in "0123456789"))


def test_whatsapp_and_buttons() -> None:
    source = """---
content_sid: HX00000000000000000000000000000001
variables: {"1": "{{ customer.first_name }}"}
buttons: [{label: "For {{ customer.first_name }}", value: yes}, {label: Shop, url: "{{ brand.url }}"}]
---
Hello {{ customer.first_name }}
"""
    made = _render({"t/whatsapp.txt": source}, "whatsapp")
    assert (made.template_id, dict(made.template_variables)) == ("HX" + "0" * 31 + "1", {"1": "Anna"})
    assert [(b.label, b.value, b.url) for b in made.buttons] == [
        ("For Anna", "yes", ""), ("Shop", "", "https://shop.example.com")
    ]  # fmt: skip
    assert made.text == "Hello Anna"


@pytest.mark.parametrize("broken", ["a\r\nBcc: x@example.com", "a\u2028b", "a\x85b", "a\nb"])
def test_a_subject_is_one_line(broken: str) -> None:
    made = _render({"t/email.mjml": LETTER}, first_name=broken)
    assert len(made.subject.splitlines()) == 1


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(TemplateFailure, match="512000"):
        _render({"t/telegram.txt": "{% for i in range(600) %}" + "x" * 1000 + "{% endfor %}"}, "telegram")


@pytest.mark.parametrize(("source", "line", "words"), [
    ("<mjml>\n<mj-body>\n<mj-bogus/>\n</mj-body></mjml>", 3, "unknown tag <mj-bogus>"),
    ("<mjml>\n<mj-body>\n<mj-buton/>\n</mj-body></mjml>", 3, "did you mean 'mj-button'"),
    ("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>", 4, "line 3 is still open"),
    ("<mjml>\n<mj-body>\n", 2, "never closed"),
    ("<mjml><mj-body>\n<mj-include path='/etc/passwd'/></mj-body></mjml>", 2, "mj-include"),
    ("<mjml><mj-body><mj-section><mj-column><mj-text>\na < b</mj-text></mj-column></mj-section></mj-body></mjml>", 2,
     "&lt;"),
    ("hello", 1, "no MJML"),
])  # fmt: skip
def test_broken_markup_is_named_with_its_line(source: str, line: int, words: str) -> None:
    with pytest.raises(MarkupProblem) as caught:
        compiled_mjml(source)
    assert (caught.value.line, words in caught.value.message) == (line, True), caught.value.message


def test_the_markup_check_is_linear() -> None:
    for bomb in ("<a " * 80_000, '<a "' * 60_000, "<!--" * 60_000, "<" * 200_000, "&" * 200_000):
        with contextlib.suppress(MarkupProblem):
            compiled_mjml(bomb)
        plain_text(bomb)


@pytest.mark.parametrize(("text", "wanted"), [
    ("---\nsubject: Hi\n---\nline\n{{ customer.fistname }}",
     "templates/t/email.txt:5: unknown variable 'customer.fistname'; did you mean 'customer.first_name'?"),
    ("---\nsubject: '{{ custmer.first_name }}'\n---\nx",
     "templates/t/email.txt:2: unknown variable 'custmer.first_name'; did you mean 'customer.first_name'?"),
    ("---\nsubjct: Hi\n---\nx",
     "templates/t/email.txt:2: unknown key 'subjct' in the front matter; did you mean 'subject'?"),
    ("x\n{{ customer }}", "templates/t/email.txt:2: 'customer' is a group"),
    ("x\n{% if %}", "templates/t/email.txt:2: "),
    ("x\n{{ customer.first_name | shout }}", "templates/t/email.txt:2: no filter 'shout'"),
    ("---\nsubject: x\n", "templates/t/email.txt:1: the front matter has no end"),
    ("{% for a in customer.attributes.list %}{{ a.x }}{% endfor %}{{ b }}",
     "templates/t/email.txt:1: unknown variable 'b'"),
])  # fmt: skip
def test_a_problem_names_its_line(text: str, wanted: str) -> None:
    found = _problems("t/email.txt", text)
    assert len(found) == 1
    assert found[0].startswith(wanted), found


def test_attributes_and_loop_names_are_known() -> None:
    loop = "{% for i in range(3) %}{{ loop.index }}{{ i }}{% endfor %}"
    text = "{% set n = orders.count %}{{ n }}{{ customer.attributes['colour'] }}" + loop
    assert _problems("t/sms.txt", text) == []


@pytest.mark.parametrize("path", ["t/emial.mjml", "t/email.doc", "t/sms.mjml", "t/notes", "t/email.ru.en.mjml"])
def test_stray_files_are_named(path: str) -> None:
    assert stray_file(path)


@pytest.mark.parametrize(
    "path", ["t/email.mjml", "t/email.ru.mjml", "t/email.pt-BR.html", "t/sms.fa.txt", "t/viber.txt"]
)
def test_good_files_are_not(path: str) -> None:
    assert stray_file(path) is None


def test_the_documentation_names_every_variable_and_filter() -> None:
    page = (Path(__file__).parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")
    missing = [name for name in [*NAMES, *FILTERS] if name != "d" and f"`{name}`" not in page]
    assert missing == []
