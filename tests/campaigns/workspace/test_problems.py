"""What a marketer is told: each mistake in a campaign, an offer or the settings, in words and with its line."""

from pathlib import Path

import pytest

from campaigns.reading.problems import WorkspaceInvalid
from campaigns.workspace.loader import load_workspace

HEAD = """campaign: hello
audience: everyone
template: hello
goal: order
experiment: {variants: [plain, warm], holdout: 10%}
steps:
  - send: sms
    id: first
    template: {plain: hello, warm: warm}
    wait: 3d
"""
LINE = HEAD.count("\n") + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small workspace with offers and an experiment."""
    (tmp_path / "campaigns").mkdir()
    for template in ("hello", "warm"):
        (tmp_path / "templates" / template).mkdir(parents=True)
        (tmp_path / "templates" / template / "sms.txt").write_text("Hello. STOP to stop\n")
    (tmp_path / "otklik.yaml").write_text(
        "brand: {name: Shop, postal_address: 1 Lane}\nbudgets: {shared: 100 USD}\nchannels: {sms: {price: 0.01}}\n"
    )
    (tmp_path / "segments.yaml").write_text(
        "everyone: {where: {field: id, is_set: true}}\nvip: {where: {event: order, count: 9}}\n"
    )
    (tmp_path / "offers.yaml").write_text("ten: {code: TEN}\n")
    (tmp_path / "campaigns" / "hello.yaml").write_text(HEAD)
    return tmp_path


def said(folder: Path) -> tuple[list[str], list[str]]:
    """(problems, warnings)."""
    try:
        return [], [str(warning) for warning in load_workspace(folder).warnings]
    except WorkspaceInvalid as error:
        return [str(problem) for problem in error.problems], [str(warning) for warning in error.warnings]


def expect(folder: Path, words: str, *, place: str, warned: bool = False) -> None:
    problems, warnings = said(folder)
    found, other = (warnings, problems) if warned else (problems, warnings)
    if not words:
        assert (problems, warnings) == ([], [])
        return
    assert len(found) == 1, (problems, warnings)
    assert words in found[0]
    assert found[0].startswith(place), found[0]
    assert not other


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
    ("- flow: survey", "nothing carries out 'flow' steps in this release"),
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


OFFERS = [
    ("ten: {code: TEN, valid: 14d, title: Ten off, product: discount}", ""),
    ("ten: {codes: unique, low_stock: 10}", ""),
    ("ten: {}", ""),
    ("ten: {code: TEN, codes: unique}", "a code for all and codes: unique"),
    ("ten: {codes: same}", "codes: same needs the code"),
    ("ten: {low_stock: 5}", "only single codes run short"),
    ("ten: {valid: 0d}", "good for no time"),
    ("ten: {cod: TEN}", "unknown key 'cod' in offer 'ten'; did you mean 'code'?"),
    ("Ten off: {code: TEN}", "is not a name"),
    ("[ten]", "offers are names with what is promised"),
]  # fmt: skip


@pytest.mark.parametrize(("offers", "words"), OFFERS)
def test_an_offer(folder: Path, offers: str, words: str) -> None:
    (folder / "offers.yaml").write_text(offers + "\n")
    expect(folder, words, place="offers.yaml:1: ")


SETTINGS = [
    ("caps: [3/w, 1/day, 2/3d]", ""),
    ("caps: 3 a week", "is no cap; write how many in which time, such as 3/w"),
    ("caps: [{max: 3}]", "the cap has no 'per'"),
    ("caps: [{max: 0, per: 1d}]", "'0' is no number of messages"),
    ("caps: [{max: 1, per: 1d, channel: sma}]", "did you mean 'sms'?"),
    ("rates: [{from: 2026-01-01, EUR: 1.1}]", ""),
    ("rates: [{EUR: 1.1}]", "the rate has no 'from'"),
    ("rates: [{from: 2026-01-01}]", "the rate names no currency"),
    ("rates: [{from: 2026-01-01, USD: 1.1}]", "USD is the workspace's own currency"),
    ("rates: [{from: 2026-01-01, EUR: 0}]", "EUR has no rate that can be used"),
    ("rates: [{from: 2026-01-01, EUR: 1.1}, {from: 2026-01-01, EUR: 1.2}]", "EUR has two rates from 2026-01-01 on"),
    ("holdout: 5%", ""),
    ("holdout: 100%", "writes to nobody"),
    ("holdout: some", "'some' is not a share"),
    ('staff: {agents: 3, answers_per_hour: 12, hours: {from: "09:00", to: "18:00"}, reply_rate: 5%}', ""),
    ("staff: {agents: few}", "'few' is no number"),
    ('staff: {hours: {from: "19:00", to: "18:00"}}', "hours end (18:00) before they begin (19:00)"),
    ("utm: false", ""),
    ("utm: {source: shop}", ""),
    ("utm: maybe", "'utm' is true or false"),
    ("no_send: {weekdays: [sun], days: [2026-12-25]}", ""),
    ('no_send: {weekdays: {DE: [sat, sun], "*": [sun]}}', ""),
    ("no_send: {weekdays: [sunny]}", "'sunny' is not a weekday"),
    ("no_send: {weekdays: {Germany: [sun]}}", "'Germany' is not a country"),
    ("no_send: {days: [25.12.2026]}", "is not a day"),
    ("no_send: {weekdays: [mon, tue, wed, thu, fri, sat, sun]}", "nothing ever leaves"),
    ("mode: allowlist\nallowlist: [10017]", ""),
    ("mode: test", "'test' is not a value of 'mode'"),
    ("approval: true", ""),
    ("approval: maybe", "'approval' is true or false"),
    ("channels: {sms: {price: 0.1, currency: EUR}}\nrates: [{from: 2026-01-01, EUR: 1.1}]", ""),
    ("channels: {sms: {price: 0.1, currency: EUR}}", "sms is paid in EUR, which has no rate"),
    ("channels: {sms: {prices: {DE: 0.1}}}", ""),
    ("channels: {sms: {prices: {DE: dear}}}", "'dear' is not an amount"),
    ("channels: {sms: {prices: {Germany: 1}}}", "'Germany' is not a country"),
    ("budgets: {shared: 100 EUR}", "budget 'shared' is in EUR"),
    ("budgets: {shared: {per: month}}", "the budget has no 'amount'"),
    ("budgets: {Shared: 5 USD}", "is not a name"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), SETTINGS)
def test_a_setting(folder: Path, line: str, words: str) -> None:
    (folder / "otklik.yaml").write_text(f"brand: {{name: Shop}}\n{line}\n")
    expect(folder, words, place="otklik.yaml:")


@pytest.mark.parametrize(("start", "words"), [
    ("start: {date: birthday}", "birthday comes each year, but nobody enters twice; add reentry: after 11mo"),
    ("start: {date: birthday}\nreentry: after 1y", "comes again within a year, before 1y are over"),
    ("start: {date: birthday}\nreentry: after 11mo", ""),
    ("start: {date: created_at}", ""),
])  # fmt: skip
def test_a_day_of_each_year(folder: Path, start: str, words: str) -> None:
    (folder / "campaigns" / "hello.yaml").write_text(HEAD.replace("audience: everyone", start))
    expect(folder, words, place="campaigns/hello.yaml:", warned=True)


def test_an_offer_that_is_over(folder: Path) -> None:
    (folder / "offers.yaml").write_text("ten: {code: TEN, valid: 5d}\n")
    text = HEAD.replace("goal: order", "goal: order\noffer: ten")
    (folder / "campaigns" / "hello.yaml").write_text(f"{text}  - wait: 3d\n  - send: sms\n")
    words = "step 'send-sms' comes 6 days after the offer was promised, when 'ten' (5d) is over"
    expect(folder, words, place="campaigns/hello.yaml:13:", warned=True)


def test_best_needs_a_channel_that_every_variant_speaks(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.txt").rename(folder / "templates" / "warm" / "telegram.txt")
    (folder / "campaigns" / "hello.yaml").write_text(HEAD.replace("send: sms", "send: best"))
    expect(folder, "no channel has a text in every one of hello, warm", place="campaigns/hello.yaml:7:")
    (folder / "campaigns" / "hello.yaml").write_text(
        HEAD.replace("send: sms", "send: best").replace("{plain: hello, warm: warm}", "nothing")
    )
    problems, _ = said(folder)
    assert len(problems) == 1
    assert problems[0].endswith("; write one, such as templates/nothing/email.mjml or telegram.txt")


def test_an_allowlist_of_nobody(folder: Path) -> None:
    (folder / "otklik.yaml").write_text("brand: {name: Shop}\nmode: allowlist\n")
    expect(folder, "mode: allowlist, but nobody is listed", place="otklik.yaml:2:", warned=True)


def test_a_text_that_does_not_say_how_to_stop(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.txt").write_text("Hello\n")
    expect(folder, "nothing tells its reader how to stop it", place="templates/warm/sms.txt:1:", warned=True)
    (folder / "campaigns" / "hello.yaml").write_text(HEAD.replace("goal:", "purpose: transactional\ngoal:"))
    expect(folder, "", place="")


def test_a_long_sms(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.txt").write_text("Здравствуйте! " * 20 + "СТОП\n")
    problems, warnings = said(folder)
    assert not problems
    assert [warning.partition(": ")[2].partition(" SMS")[0] for warning in warnings] == ["5"]
    assert "UCS-2" in warnings[0]


def test_a_button_that_telegram_refuses(folder: Path) -> None:
    front = f"---\nbuttons: [{{label: Yes, value: {'y' * 65}}}]\n---\n"
    (folder / "templates" / "hello" / "telegram.txt").write_text(f"{front}Hello. STOP\n")
    (folder / "templates" / "warm" / "telegram.txt").write_text("Hello. STOP\n")
    problems, _ = said(folder)
    assert len(problems) == 2
    assert all("longer than 64 bytes" in problem for problem in problems)


def test_mail_without_a_postal_address(folder: Path) -> None:
    letter = "---\nsubject: Hello\n---\n{{ links.unsubscribe }}\n"
    for template in ("hello", "warm"):
        (folder / "templates" / template / "email.txt").write_text(letter)
    (folder / "otklik.yaml").write_text("brand: {name: Shop}\n")
    expect(folder, "the brand has no postal_address", place="otklik.yaml: ", warned=True)


def test_a_language_that_one_text_lacks(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.ru.txt").write_text("Привет. СТОП\n")
    words = "templates/hello has no sms text in ru; those readers get the one in en"
    expect(folder, words, place="campaigns/hello.yaml:", warned=True)
