"""What a marketer is told: each mistake in a campaign, in words and with its line."""

from pathlib import Path

import pytest

from tests.campaigns.workspace.small_shop import HEAD, expect, said, write_shop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small shop."""
    return write_shop(tmp_path)


STEPS = [
    ("- wait: 3d", ""),
    ('- wait: {for: 2d, time: "10:00", on: [mon, friday]}', ""),
    ("- wait: {until: [{event: visit}, {event: order2}], at_most: 3d}", ""),
    ("- wait: {until: {event: visit}}", "the wait may never end: the event may not come; add at_most: 3d"),
    ("- wait: {until: visit, at_most: 3d}", "name each as {event: NAME}"),
    ("- wait: {at_most: 3d}", "'at_most' goes with until:"),
    ("- wait: {on: [mon]}", "'on' goes with a time of day"),
    ('- wait: {on: [moon], time: "10:00"}', "'moon' is not a weekday"),
    ('- wait: {until: {event: visit}, at_most: 3d, time: "10:00"}', "make two steps of this"),
    ("- wait: {}", "the wait says nothing"),
    ("- wait: 0d", "a wait of nothing is none"),
    ("- wait: 9y", "longer than two years"),
    ("- wait: 10:00", "'10:00' is not a period"),
    ("- task: call\n    max: 20/day\n    expires: 2d", ""),
    ("- task: call\n    max: many", "'many' is not a quota; write how many a day, such as 20/day"),
    ("- task: Call them", "is not a name"),
    ("- handoff: true\n    note: Hello", ""),
    ("- handoff: sales", ""),
    ("- set: {attributes.x: [1, 2], city: null}\n    tag: [a, b]\n    untag: c\n    stage: new", ""),
    ("- set: {cty: Bath}", "'cty' is no field that a campaign can set; did you mean 'city'?"),
    ("- set: {external_id: 5}", "'external_id' is no field that a campaign can set"),
    ("- set: {country: Germany}", "'Germany' is not a country"),
    ("- set: {attributes.x: {a: 1}}", "takes a value or a list of values"),
    ("- tag: a\n    untag: a", "put on and taken off in one step"),
    ("- give: {points: 100}", ""),
    ("- give: {voucher: ten}", ""),
    ("- give: {voucher: tne}", "there is no offer 'tne'; did you mean 'ten'?"),
    ("- give: {points: -1}", "'-1' is no number of points"),
    ("- give: {points: 1, voucher: ten}", "a gift is points or a voucher"),
    ("- flow: survey", "there is no flow 'survey'; write it in flows/"),
    ("- webhook: https://hooks.example.com/x\n    data: {a: 1}", ""),
    ("- webhook: hooks.example.com", "not a web address"),
    ("- end: done", ""),
    ("- sned: sms", "'sned' begins no step; did you mean 'send'?"),
    ("- send: sms\n    task: call", "a step does one thing, not 'send' and 'task'; make two steps"),
    ("- send: sms", ""),
    ("- send: sms\n    id: first", "step 'first' is in line 7 already; rename one"),
    ("- send: best", ""),
    ("- send: best\n    of: [sms]", ""),
    ("- send: best\n    of: [sms, email]", "no template for email"),
    ("- send: best\n    otherwise: sms", "send: best tries every channel already"),
    ("- send: [sms, best]", "'best' stands alone"),
    ("- send: [sms, sms]", "a channel stands there twice"),
    ("- send: sms\n    of: [sms]", "'of' narrows send: best"),
    ("- send: sms\n    template: {plain: hello, wram: hello}", "there is no variant 'wram'; did you mean 'warm'?"),
    ("- send: sms\n    until: [reply, {event: visit}]", ""),
    ("- send: sms\n    until: [none, reply]", "'none' stands alone"),
    ("- send: sms\n    until: [opened]", "'opened' is no answer"),
    ("- send: sms\n    wait: {for: 2d}", "a step that sends waits for a period only"),
    ("- send: sms\n    expires: 0h", "the send expires at once"),
    ("- send: sms\n    when: vip", ""),
    ("- send: sms\n    when: vpi", "there is no segment 'vpi'; did you mean 'vip'?"),
    ("- send: sms\n    when: {variant: warm}", ""),
    ("- send: sms\n    when: {variant: cold}", "there is no variant 'cold' (variants: plain, warm)"),
    ("- send: sms\n    when: {variant: warm, any: [{segment: vip}, {field: country, is: DE}]}", ""),
    ("- send: sms\n    when: {evnt: order}", "'evnt' begins no condition; did you mean 'event'?"),
    ("- send: sms\n    when: {all: [{segment: vpi}]}", "there is no segment 'vpi'"),
    ("- branch: [{when: vip, steps: [{send: sms}]}, {else: [{wait: 1d}]}]", ""),
    ("- branch: []", "a branch is a list of ways on"),
    ("- branch: [{else: [{wait: 1d}]}]", "the branch has only an 'else'"),
    ("- branch: [{else: []}, {when: vip, steps: []}]", "'else' is the last way of a branch"),
    ("- branch: [{steps: [{wait: 1d}]}]", "a way of a branch has no 'when'"),
    ("- branch: [{when: vip}]", "a way of a branch has no 'steps'"),
    ("- branch: [{when: vip, steps: [{wait: 1d}]}, {when: vip, steps: []}]", "way 2 of branch 'branch' is never taken"),
    ("- branch: [{when: {variant: plain}, steps: []}, {when: {variant: warm}, steps: []}, {when: vip, steps: []}]",
     "way 3 of branch 'branch' is never taken"),
    ("- branch: [{when: vip, steps: [{wait: 1d}]}, {else: [{wait: 2d}]}]",
     "step 'wait' is in line 11 already; give one of them an id of its own, such as id: wait-2"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "words"), STEPS)
def test_a_step(folder: Path, step: str, words: str) -> None:
    (folder / "campaigns" / "hello.yaml").write_text(f"{HEAD}  {step}\n")
    expect(folder, words, place="campaigns/hello.yaml:")


def nested(depth: int) -> str:
    """Steps with branches in each other; the innermost waits."""
    inner = "[{wait: 1d}]"
    for level in range(depth):
        inner = f"[{{branch: [{{when: vip, steps: {inner}}}], id: b{level}}}]"
    return inner


@pytest.mark.parametrize(("steps", "words"), [
    ("[{end: true}, {send: sms}]", "nothing leads to step 'send-sms': every way ends before it"),
    ("[{end: true, when: vip}, {send: sms}]", ""),
    ("[{branch: [{when: vip, steps: [{end: a}]}, {else: [{end: b}]}]}, {wait: 1d}, {send: sms}]",
     "nothing leads to step 'wait'"),
    ("[{branch: [{when: vip, steps: [{end: a}]}]}, {send: sms}]", ""),
    (nested(4), ""),
    (nested(5), "branches stand in each other 5 deep"),
    ("[]", "a campaign needs steps"),
])  # fmt: skip
def test_steps_in_a_row(folder: Path, steps: str, words: str) -> None:
    (folder / "campaigns" / "hello.yaml").write_text(
        f"campaign: hello\naudience: everyone\ntemplate: hello\nsteps: {steps}\n"
    )
    expect(folder, words, place="campaigns/hello.yaml:4:")


CAMPAIGNS = [
    ("goal: order", "goal: order\nstart: api", ""),
    ("audience: everyone", "start: api", ""),
    ("audience: everyone", "start: {event: order, where: {amount2: {above: 10}}}", ""),
    ("audience: everyone", "start: {segment: vip, on: left}", ""),
    ("audience: everyone", "audience: vip\nstart: {segment: vip, on: left}", "is not in the audience any more"),
    ("audience: everyone", "start: {segment: vipp}", "there is no segment 'vipp'; did you mean 'vip'?"),
    ("audience: everyone", "start: {segment: vip, on: enterd}", "did you mean 'entered'?"),
    ("audience: everyone", 'start: {date: birthday, offset: -3d, time: "10:00"}\nreentry: after 11mo', ""),
    ("audience: everyone", "start: {date: attributes.contract_end, offset: -1mo, yearly: false}", ""),
    ("audience: everyone", "start: {date: brithday}", "did you mean 'birthday'?"),
    ("audience: everyone", "start: {date: birthday, offset: soon}", "'soon' is not an offset"),
    ("audience: everyone", "start: {date: birthday, offset: 3h}", "'3h' is not an offset"),
    ("audience: everyone", "start: {evnt: order}", "did you mean 'event'?"),
    ("audience: everyone", "start: now", "the campaign has no 'audience'"),
    ("goal: order", "goal: order\nperiod: {to: 2026-06-01}\nstart: {at: 2026-12-01T10:00}", "lies outside the period"),
    ("goal: order", 'goal: order\nperiod: {from: 2026-06-02, to: 2026-06-09}\nstart: {cron: "0 0 1 * *"}',
     "does not fire before the period ends"),
    ("goal: order", "goal: order\noffer: ten", ""),
    ("goal: order", "goal: order\noffer: tne", "there is no offer 'tne'; did you mean 'ten'?"),
    ("goal: order", "goal: order\noffer: {choose: [ten]}", ""),
    ("goal: order", "goal: order\noffer: {choose: [{offer: ten, score: attributes.x}], by: score}", ""),
    ("goal: order", "goal: order\noffer: {choose: [ten], by: score}", "offer 'ten' is chosen by score and has none"),
    ("goal: order", "goal: order\noffer: {choose: []}", "no list to choose from"),
    ("goal: order", "goal: order\noffer: {choose: [{offer: ten, score: attributes.x}]}", "only where the choice is by"),
    ("goal: order", "goal: order\nbudget: shared", ""),
    ("goal: order", "goal: order\nbudget: shraed", "there is no budget 'shraed'; did you mean 'shared'?"),
    ("goal: order", "goal: order\nbudget: 5 000.50 USD", ""),
    ("goal: order", "goal: order\nbudget: {amount: 5000, per: month, when_short: skip}", ""),
    ("goal: order", "goal: order\nbudget: {amount: 5000, per: fortnight}", "'fortnight' is not a value of 'per'"),
    ("goal: order", "goal: order\nbudget: 5,000 USD", "is no budget; write an amount such as 5000 RUB"),
    ("goal: order", "goal: order\nbudget: 0 USD", "a budget of nothing"),
    ("goal: order", "goal: order\nbudget: 10 EUR", "the budget is in EUR"),
    ("campaign: hello", "campaign: shared\nbudget: 10 USD", "otklik.yaml has a budget called 'shared' too"),
    ("goal: order", "goal: order\npace: 2000/h", ""),
    ("goal: order", "goal: order\npace: 2000", "'2000' is not a pace"),
    ("goal: order", "goal: order\npace: {share: 50%}", "a share of what the desk can answer, but nobody answers"),
    ("goal: order", "goal: order\npace: {share: 150%}", "'150%' is more than the whole"),
    ("goal: order", "goal: order\npriority: high", "'high' is no priority"),
    ("goal: order", "goal: order\non_answer: [{handoff: true}, {tag: x}]", ""),
    ("goal: order", "goal: order\non_answer: [{send: sms}]", "'send' cannot be done on an answer"),
    ("goal: order", "goal: order\non_answer: {tag: x}", "'on_answer' takes a list"),
    ("holdout: 10%", "holdout: 100%", "writes to nobody"),
    ("holdout: 10%", "holdout: 10", "'10' is more than the whole; is 10% meant?"),
    ("holdout: 10%", "metric: goal, winner: thompson, horizon: 14d", ""),
    ("holdout: 10%", "metric: opens", "'opens' is not a value of 'metric'"),
    ("[plain, warm]", "{plain: 1, warm: 1}", ""),
    ("[plain, warm]", "{plain: 0, warm: 0}", "every variant weighs 0"),
    ("[plain, warm]", "{plain: half, warm: 1}", "variant 'plain' has no weight that can be used"),
    ("goal: order\n", "", "measured by the goal, but there is no goal"),
    ("template: {plain: hello, warm: warm}", "template: {plain: hello, wram: warm}", "there is no variant 'wram'"),
    ("  - send: sms\n    id: first\n", "  - send: sms\n    otherwise: {sned: sms}\n", "did you mean 'send'?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), CAMPAIGNS)
def test_a_campaign(folder: Path, old: str, new: str, words: str) -> None:
    assert old in HEAD
    (folder / "campaigns" / "hello.yaml").write_text(HEAD.replace(old, new))
    if "sned" in new:
        problems, _ = said(folder)
        assert len(problems) == 2  # no 'send' there either
        assert any(words in problem for problem in problems)
        return
    expect(folder, words, place="campaigns/hello.yaml:")


@pytest.mark.parametrize(("old", "new", "words"), [
    ("template: {plain: hello, warm: warm}", "template: hello", "the variants plain, warm differ in nothing"),
    ("[plain, warm]", "[warm]", ""),
    ("wait: 3d", "wait: 3d\n  - task: call\n    max: 5/day", "over 5 a day the rest wait for another day, at most 48h"),
    ("goal: order", "goal: {event: order, within: 2d}\nuntil: [reply, goal]",
     "step 'send-sms' comes 3 days after entry, when the goal (2d) no longer counts"),
    ("wait: 3d", "wait: 3d\n  - wait: {until: {event: order}, at_most: 3d}", "this wait only ever runs out"),
    ("goal: order", "goal: order\nuntil: [reply, {event: order}]", "'until' names 'order', which is the goal"),
    ("wait: 3d", "expires: 3d\non_answer: [{tag: x}]", "the journey ends with step 'first' at once; add wait: 7d"),
    ("goal: order", "goal: order\nbudget: 5 USD", "no channel has a price"),
])  # fmt: skip
def test_a_warning(folder: Path, old: str, new: str, words: str) -> None:
    text = HEAD.replace(old, new)
    if "comes 3 days" in words:
        text += "  - send: sms\n"
    if "price" in words:
        (folder / "otklik.yaml").write_text("brand: {name: Shop}\n")
    if new == "[warm]":
        text = text.replace("plain: hello, ", "")
        words = "one variant has nothing to be compared with"
    (folder / "campaigns" / "hello.yaml").write_text(text)
    expect(folder, words, place="campaigns/hello.yaml:", warned=True)


def test_a_condition_that_is_too_long_for_the_store(folder: Path) -> None:
    long = ", ".join("{field: country, is: DE}" for _ in range(201))
    (folder / "campaigns" / "hello.yaml").write_text(f"{HEAD}  - send: sms\n    when: {{any: [{long}]}}\n")
    expect(folder, "more than 200 conditions", place="campaigns/hello.yaml:12:")


def test_nobody_can_answer(folder: Path) -> None:
    text = HEAD.replace("goal: order", "until: none\non_answer: [{tag: x}]").replace("holdout: 10%", "metric: reply")
    (folder / "campaigns" / "hello.yaml").write_text(text)
    expect(folder, "so that 'on_answer' never runs", place="campaigns/hello.yaml:5:", warned=True)
