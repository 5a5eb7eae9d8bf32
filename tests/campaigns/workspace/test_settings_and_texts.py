"""What a marketer is told: each mistake in an offer, in the settings and in a text, in words and with its line."""

from pathlib import Path

import pytest

from tests.campaigns.workspace.small_shop import HEAD, expect, said, write_shop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small shop."""
    return write_shop(tmp_path)


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
    ("staff: {weekdays: [sun, mon, tue, wed, thu], holidays: [2027-03-21]}", ""),
    ("staff: {weekdays: [noday]}", "weekdays: 'noday' is not a weekday"),
    ("desk: {queues: {orders: {answer: 5m, resolve: 1d, priority: high}, other: }, assignment: round_robin}", ""),
    ("desk: {sticky: 7d, patience: 5m, nobody: bot, reopen: 1d, human: [boss], angry: [bad], rating: false}", ""),
    ("desk: {angry: {en: [bad], fa: []}, rating: off, close_after: 3d, reopen_within: 60d, alerts: false}", ""),
    ("desk: {angry: {nowhere: [bad]}}", "angry: 'nowhere' is not a locale"),
    ("desk: {rating: csat, rating_every: 7d}", ""),
    ("desk: {rating: How was it}", "rating: "),
    ("desk: {assignment: anybody}", "'anybody' is not a value of 'assignment'"),
    ("desk: {queues: {Bad Name: {}}}", "queues: "),
    ("desk: {queues: {main: {answer: soon}}}", "'soon' is not a period"),
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
    ("consent_document: privacy-2026-01", ""),
    ("consent_document: [1]", "'consent_document' must be a text, not"),
    ("approval: maybe", "'approval' is true or false"),
    ("channels: {sms: {price: 0.1, currency: EUR}}\nrates: [{from: 2026-01-01, EUR: 1.1}]", ""),
    ("channels: {sms: {price: 0.1, currency: EUR}}", "sms is paid in EUR, which has no rate"),
    ("channels: {sms: {prices: {DE: 0.1}}}", ""),
    ("channels: {sms: {prices: {DE: dear}}}", "'dear' is not an amount"),
    ("channels: {sms: {prices: {Germany: 1}}}", "'Germany' is not a country"),
    ("budgets: {shared: 100 EUR}", "budget 'shared' is in EUR"),
    ("budgets: {shared: {per: month}}", "the budget has no 'amount'"),
    ("budgets: {Shared: 5 USD}", "is not a name"),
    ("desk: {vip: vip}", ""),
    ("desk: {vip: vpi}", "vip: there is no segment 'vpi'; did you mean 'vip'?"),
    ("desk: {vip: nowhere-near}", "vip: there is no segment 'nowhere-near'; define it in segments.yaml"),
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
    expect(folder, "", place="")  # the way out is added
    (folder / "templates" / "warm" / "sms.txt").write_text("---\nfooter: own\n---\nStop by our shop\n")
    expect(folder, "nothing tells the reader on sms how to stop it", place="templates/warm/sms.txt:4:")
    (folder / "campaigns" / "hello.yaml").write_text(HEAD.replace("goal:", "purpose: transactional\ngoal:"))
    expect(folder, "", place="")


def test_a_long_sms(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.txt").write_text("Здравствуйте! " * 20 + "СТОП\n")
    problems, warnings = said(folder)
    assert not problems
    assert [warning.partition(": ")[2].partition(" SMS")[0] for warning in warnings] == ["5"]
    assert "UCS-2" in warnings[0]


def test_a_text_that_is_too_long_for_its_channel(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.txt").write_text(f"{'word ' * 400}. STOP\n")
    expect(folder, "characters, 1600 fit; shorten it, or say long: shorten on sms", place="templates/warm/sms.txt: ")
    (folder / "templates" / "warm" / "sms.txt").write_text(f"---\nlong: shorten\n---\n{'word ' * 400}. STOP\n")
    problems, _ = said(folder)
    assert problems == []
    (folder / "templates" / "warm" / "sms.txt").write_text("---\nlong: split\n---\nHello. STOP\n")
    expect(folder, "'split' is no rule for a long text; write shorten or refuse", place="templates/warm/sms.txt:2:")


def test_one_text_for_every_channel(folder: Path) -> None:
    for template in ("hello", "warm"):
        for path in (folder / "templates" / template).iterdir():
            path.unlink()
        (folder / "templates" / template / "message.md").write_text("Hello *{{ customer.first_name }}*\n")
    expect(folder, "", place="")
    (folder / "templates" / "warm" / "message.md").write_text("---\nsubjct: x\n---\nHello\n")
    expect(folder, "unknown key 'subjct' in the front matter", place="templates/warm/message.md:2:")


KEYBOARDS = [
    ("sms", "buttons: [{label: Mine, asks: phone}]", "no app of sms is asked for what its reader has"),
    ("sms", "keyboard: reply\nbuttons: [{label: Shop, url: 'https://a.example'}]", ""),
    ("telegram", "buttons: [{label: Mine, asks: phone}, {label: Here, asks: location}]", ""),
    ("telegram", "buttons: [{label: Mine, asks: fax}]", "'fax' is nothing that a button asks for"),
    ("telegram", "buttons: [{label: Mine, asks: phone, value: x}]", "one of: a url, a value, asks"),
    ("telegram", "keyboard: reply\nbuttons: [{label: Shop, url: 'https://a.example'}]", "opens no pages"),
    ("telegram", "buttons: [{label: Mine, asks: phone}, {label: Shop, url: 'https://a.example'}]", "opens no pages"),
    ("telegram", "keyboard: big", "'big' is no keyboard; write reply"),
]


@pytest.mark.parametrize(("channel", "front", "words"), KEYBOARDS)
def test_buttons_are_checked_for_their_channel(folder: Path, channel: str, front: str, words: str) -> None:
    (folder / "campaigns" / "hello.yaml").write_text(HEAD.replace("send: sms", f"send: {channel}"))
    for template in ("hello", "warm"):
        (folder / "templates" / template / "sms.txt").rename(folder / "templates" / template / f"{channel}.txt")
    (folder / "templates" / "warm" / f"{channel}.txt").write_text(f"---\n{front}\n---\nHello. STOP to stop\n")
    line = 3 if front.startswith("keyboard: reply") else 2
    expect(folder, words, place=f"templates/warm/{channel}.txt:{line}:")


def test_mail_without_a_postal_address(folder: Path) -> None:
    letter = "---\nsubject: Hello\n---\n{{ links.unsubscribe }}\n"
    for template in ("hello", "warm"):
        (folder / "templates" / template / "email.txt").write_text(letter)
    (folder / "otklik.yaml").write_text("brand: {name: Shop}\n")
    expect(folder, "the brand has no postal_address", place="otklik.yaml: ", warned=True)


def test_a_country_s_own_words_are_no_other_language(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.en-AU.txt").write_text("Good day. STOP\n")
    expect(folder, "", place="")


def test_a_language_that_one_text_lacks(folder: Path) -> None:
    (folder / "templates" / "warm" / "sms.ru.txt").write_text("Привет. СТОП\n")
    words = "templates/hello has no sms text in ru; those readers get the one in en"
    expect(folder, words, place="campaigns/hello.yaml:", warned=True)
