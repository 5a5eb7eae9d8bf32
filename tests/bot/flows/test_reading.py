"""What is wrong with a flow is said by file and line, with what to write instead, all at once."""

from pathlib import Path

import pytest

from tests.bot.flows.flow_files import loaded, problems

SAY = "steps: [{say: Hello}]"
_ENDLESS = "{{ask: {0}, say: What?, no_answer: {1}, not_understood: {1}, then: {1}}}"


@pytest.mark.parametrize(("text", "line", "said"), [
    ("flow: x", 1, "a flow needs steps"),
    (SAY, 1, "has no 'flow'; add its name"),
    ("flow: x\nsteps:\n  - sya: Hello", 3, "'sya' begins no step; did you mean 'say'?"),
    ("flow: x\nsteps:\n  - say: Hello\n    tag: a", 4, "a step does one thing, not 'say' and 'tag'"),
    ("flow: x\nsteps:\n  - say: Hello\n    then: nowhere", 4, "there is no step 'nowhere'"),
    ("flow: x\nsteps:\n  - say: {en: Hello, xx1: Hej}", 3, "'xx1' is not a locale"),
    ("flow: x\nsteps:\n  - say: '{{ answers.nmae }}'\n  - ask: name\n    say: Name?", 3, "did you mean 'name'?"),
    ("flow: x\nsteps:\n  - say: '{{ customer.frist_name }}'", 3, "did you mean 'customer.first_name'?"),
    ("flow: x\nsteps:\n  - say: '{{ offer.code }}'", 3, "unknown variable 'offer.code'"),
    ("flow: x\nsteps:\n  - say: 'Hi {% if %}'", 3, ""),
    ("flow: x\nsteps:\n  - ask: topic\n    choices: {a: A}", 3, "a question has no words"),
    ("flow: x\nsteps:\n  - ask: topic\n    say: Topic?\n    type: choice", 5, "a choice needs choices"),
    ("flow: x\nsteps:\n  - ask: topic\n    say: T?\n    choices: {a: Yes, b: yes}", 5, "have the same words"),
    ("flow: x\nsteps:\n  - ask: topic\n    say: T?\n    choices: {a: A}\n    then: {b: end}", 6, "which is no choice"),
    ("flow: x\nsteps:\n  - ask: n\n    say: T?\n    type: number\n    validate: {from: 9, to: 1}", 6, "swap them"),
    ("flow: x\nsteps:\n  - ask: n\n    say: T?\n    type: date\n    validate: {to: soon}", 6, "to: "),
    ("flow: x\nsteps:\n  - ask: n\n    say: T?\n    type: phone\n    validate: {from: 1}", 6, "is checked by itself"),
    ("flow: x\nsteps:\n  - say: a\n    when: {answers.x: 1}", 4, "nothing asks for or sets 'x'"),
    ("flow: x\nsteps:\n  - say: a\n    when: {customer.town: Riga}", 4, "a customer has no field 'town'"),
    ("flow: x\nsteps:\n  - say: a\n    when: {answers.x: }\n  - ask: x\n    say: X?", 4, "{is_set: false}"),
    ("flow: x\nsteps:\n  - set: {city: Riga}", 3, "'city' cannot be set; did you mean 'customer.city'?"),
    ("flow: x\nsteps:\n  - branch: [{else: end}]", 3, "only an 'else'"),
    ("flow: x\nsteps:\n  - branch: [{when: vip}]", 3, "leads nowhere"),
    ("flow: x\nsteps:\n  - {id: end, say: Bye}", 3, "'end' is where flows are left to"),
    ("flow: x\nsteps:\n  - webhook: shop.example.com", 3, "begins with https://"),
    ("flow: x\nsteps:\n  - webhook: https://shop.example.com\n    timeout: 1h", 4, "a customer waits"),
    ("flow: x\nsteps:\n  - say: A\n    then: end\n  - say: B", 5, "nothing leads to step 'say-2'"),
    ("flow: x\nsteps:\n  - {id: a, say: A}\n  - {id: b, say: B, then: a}", 3, "goes round by itself"),
    ("flow: x\nsteps:\n  - {ask: a, say: A, no_answer: a}", 3, "goes round by itself, without an answer: a → a"),
    (f"flow: x\nsteps:\n  - {_ENDLESS.format('a', 'b')}\n  - {_ENDLESS.format('b', 'a')}", 3, "no way leads out"),
    (f"flow: x\non: {{words: [stop]}}\n{SAY}", 2, "'stop' is an order on every channel"),
    (f"flow: x\non: {{words: [menu]}}\n{SAY}", 2, "'menu' leads out of flows"),
    (f"flow: x\non: {{start: 'a b'}}\n{SAY}", 2, "cannot stand in a link"),
    (f"flow: x\ntimeout: soon\n{SAY}", 2, "'soon' is not a period"),
    ("flow: x\nsteps:\n  - say: A\n    buttons: [{label: Shop}]", 4, "either a url or a value"),
    ("flow: x\nsteps:\n  - say: {template: hello}", 3, "there is no template 'hello'"),
])  # fmt: skip
def test_a_problem(tmp_path: Path, text: str, line: int, said: str) -> None:
    found = problems(tmp_path, x=text)
    assert any(
        problem.file == "flows/x.yaml" and problem.line == line and said in problem.message for problem in found
    ), found  # fmt: skip


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = "flow: x\nsteps:\n  - say: '{{ nothing }}'\n  - ask: a\n  - {say: b, then: c}\n"
    assert len(problems(tmp_path, x=text, y="flow: Y\nsteps: []")) == 5


def test_two_flows_do_not_share_what_sets_them_off(tmp_path: Path) -> None:
    on = "on: {words: {en: [Help me]}, start: a, default: true}"
    found = problems(tmp_path, a=f"flow: a\n{on}\n{SAY}", b=f"flow: b\n{on.replace('Help me', 'help  ME')}\n{SAY}")
    assert [problem.file for problem in found] == ["flows/b.yaml"] * 3
    assert "'a' and 'b'" in found[0].message


def test_two_files_are_not_one_flow(tmp_path: Path) -> None:
    assert "is in flows/a.yaml already" in problems(tmp_path, a=f"flow: a\n{SAY}", b=f"flow: a\n{SAY}")[0].message


def test_a_missing_language_is_a_warning(tmp_path: Path) -> None:
    text = "flow: x\nsteps:\n  - say: {en: Hello, ru: Привет}\n  - say: {en: Bye}\n  - say: Bye"
    told = [str(one) for one in loaded(tmp_path, x=text).warnings]
    assert told == [
        "flows/x.yaml:4: this has no text in ru; those readers get the one in en",
        "flows/x.yaml:5: this has no text in ru; those readers get the one in en",
    ]


def test_what_would_be_cut_is_a_warning(tmp_path: Path) -> None:
    told = [str(one) for one in loaded(tmp_path, x=f"flow: x\nsteps:\n  - say: {'word ' * 400}").warnings]
    assert told == ["flows/x.yaml:3: step 'say' is too long for sms, whatsapp and would be cut; shorten it"]


def test_a_template_of_the_folder_speaks(tmp_path: Path) -> None:
    (tmp_path / "templates/hello").mkdir(parents=True)
    (tmp_path / "templates/hello/message.md").write_text("---\nsubject: Hi\n---\nHello *you*")
    flows = loaded(tmp_path, x="flow: x\nsteps:\n  - say: {template: hello}")
    assert list(flows.bodies["x"].templates) == ["hello/message.md"]
    (tmp_path / "templates/hello/message.md").rename(tmp_path / "templates/hello/sms.txt")
    assert "does not speak on every channel" in problems(tmp_path)[0].message


def test_steps_run_on_to_the_next_and_arms_meet_again(tmp_path: Path) -> None:
    flow = (
        loaded(
            tmp_path,
            x="""
flow: x
steps:
  - ask: a
    say: A?
  - branch:
      - when: {answers.a: 1}
        steps: [{say: one}, {say: uno}]
      - when: {answers.a: 2}
        then: last
      - else: [{say: other}]
  - say: together
  - id: last
    say: last
""",
        )
        .bodies["x"]
        .definition
    )
    assert [(step.id, step.next) for step in flow.steps] == [
        ("a", "branch"), ("branch", "say-4"), ("say", "say-2"), ("say-2", "say-4"), ("say-3", "say-4"),
        ("say-4", "last"), ("last", "end"),
    ]  # fmt: skip
