"""A workspace loads whole, or says everything that is wrong, each with its line."""

from pathlib import Path

import pytest

from campaigns.definition import CampaignBody, Goal, Leg, SendStep
from campaigns.periods import Period
from campaigns.workspace.loader import load_workspace
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP
from core.reading.problems import WorkspaceInvalid

CAMPAIGN = """campaign: hello
audience: everyone
template: hello
steps:
  - send: sms
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The smallest workspace."""
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "templates" / "hello").mkdir(parents=True)
    (tmp_path / "otklik.yaml").write_text("brand: {name: Shop}\n")
    (tmp_path / "segments.yaml").write_text("everyone:\n  where: {field: id, is_set: true}\n")
    (tmp_path / "campaigns" / "hello.yaml").write_text(CAMPAIGN)
    (tmp_path / "templates" / "hello" / "sms.txt").write_text("Hello\n")
    return tmp_path


def problems(folder: Path) -> list[str]:
    try:
        load_workspace(folder)
    except WorkspaceInvalid as error:
        return [str(problem) for problem in error.problems]
    return []


def test_the_example_is_in_order(folder: Path) -> None:
    workspace = load_workspace(folder)
    campaign = workspace.campaigns["winback"]
    assert [step.id for step in campaign.definition.steps] == ["letter", "nudge", "last-call"]
    last = campaign.definition.step("last-call")
    assert last == SendStep(
        id="last-call", main=Leg(channel="telegram", template="winback", among=(EMAIL, SMS, WHATSAPP, TELEGRAM)),
        otherwise=Leg(channel="sms", template="winback", among=(EMAIL, SMS, WHATSAPP, TELEGRAM)), wait=Period(2, "d"),
    )  # fmt: skip
    assert campaign.definition.goal == Goal(event="order", within=Period(30, "d"))
    assert len(campaign.templates) == 12
    assert CampaignBody.model_validate(campaign.as_json()) == campaign
    assert workspace.config.currency == "GBP"


def test_the_smallest_takes_the_defaults(small: Path) -> None:
    definition = load_workspace(small).campaigns["hello"].definition
    first = definition.send_step("send-sms")
    assert first is not None
    assert first.until == {"reply", "click", "goal"}
    assert (definition.start.kind, definition.reentry, first.expires) == ("now", None, Period(48, "h"))


@pytest.mark.parametrize(("line", "said"), [
    ("until: none", ""),
    ("reentry: never", ""),
    ("start: {at: 2026-12-01T10:00, zone: customer}", ""),
    ('start: {cron: "0 10 1 * *", zone: Europe/Berlin}', ""),
    ("goal: order", ""),
    ("audience: dormant", "stands here twice"),
    ("budget: 5000 USD", ""),
    ("budget: 5000 RUB", "write it in USD"),
    ("wait: 3d", "unknown key 'wait' in the campaign"),
    ("descripton: x", "did you mean 'description'?"),
    ("purpose: marketng", "did you mean 'marketing'?"),
    ("purpose: staff", "'staff' is not a value of 'purpose'"),
    ("reentry: after soon", "'soon' is not a period"),
    ("reentry: monthly", "write never, or after and a period"),
    ("start: later", "'later' is no start"),
    ("start: {at: tomorrow}", "'tomorrow' is not a local time"),
    ("start: {at: 2026-12-01T10:00+01:00}", "not a local time"),
    ("start: {cron: '61 * * * *'}", "not a crontab rule"),
    ("start: {cron: '0 0 30 2 *'}", "crontab rule"),
    ("start: {cron: '0 0 * * *', at: 2026-12-01T10:00}", "a start is one thing"),
    ("start: {cron: '0 0 * * *', zone: Mars/Olympus}", "'Mars/Olympus' is not a time zone"),
    ("start: {zone: customer}", "the start says no time and no event"),
    ("period: {from: 2026-12-01, to: 2026-11-01}", "ends (2026-11-01) before it begins"),
    ("goal: {within: 30d}", "the goal has no 'event'"),
    ("until: [reply, opens]", "'opens' is no answer"),
    ("edits: restart", ""),
    ("edits: keep", "'keep' is not a value of 'edits'"),
])  # fmt: skip
def test_a_line_of_a_campaign(small: Path, line: str, said: str) -> None:
    (small / "campaigns" / "hello.yaml").write_text(CAMPAIGN.replace("steps:", f"{line}\nsteps:"))
    found = problems(small)
    if not said:
        assert found == []
    else:
        assert len(found) == 1, found
        assert found[0].startswith("campaigns/hello.yaml:4: ")
        assert said in found[0]


@pytest.mark.parametrize(("step", "said"), [
    ("- send: sms\n    wait: 3d\n    until: reply\n    expires: 2h\n    id: one", ""),
    ("- send: sms\n    otherwise: {send: telegram, template: hello}", "no template for telegram"),
    ("- send: smss", "unknown channel 'smss'; did you mean 'sms'?"),
    ("- send: sms\n    otherwise: sms", "'otherwise' repeats 'sms'"),
    ("- send: sms\n    otherwise: [email, telegram]", "'otherwise' names one channel"),
    ("- sned: sms", "'sned' begins no step; did you mean 'send'?"),
    ("- send: sms\n    wait: soon", "'soon' is not a period"),
    ("- send: sms\n    template: other", "no template for sms; write templates/other/sms.txt"),
    ("- send: sms\n    template: ../../etc", "is not a name"),
    ("- send: sms\n  - send: sms", "step 'send-sms' is in line 5 already"),
    ("- sms", "a step must be keys with values"),
])  # fmt: skip
def test_a_step(small: Path, step: str, said: str) -> None:
    (small / "campaigns" / "hello.yaml").write_text(CAMPAIGN.replace("- send: sms", step))
    found = problems(small)
    assert (found == []) if not said else (len(found) == 1 and said in found[0]), found


@pytest.mark.parametrize(("config", "said"), [
    ("brand: {name: Shop}\nzone: Berlin", "otklik.yaml:2: zone: 'Berlin' is not a time zone"),
    ("brand: {name: Shop}\nlocale: klingon", "otklik.yaml:2: locale: 'klingon' is not a locale"),
    ("brand: {name: Shop}\ncurrency: euro", "otklik.yaml:2: currency: 'euro' is not a currency"),
    ("brand: {name: Shop}\nsending_hours: {from: 22:00, to: 08:00}", "sending hours end"),
    ("brand: {name: Shop}\nsending_hours: {from: 8, to: 21:00}", "'8' is not a time of day"),
    ("brand: {name: Shop}\nchannels: {viber: {price: 1}}", "unknown channel 'viber'"),
    ("brand: {name: Shop}\nchannels: {sms: {price: much}}", "'much' is not an amount"),
    ("brand: {name: Shop}\nchannels: {sms: {countries: [Germany]}}", "'Germany' is not a country"),
    ("brand: {name: Shop, url: shop.example.com}", "not a web address"),
    ("zone: UTC", "the workspace has no 'brand'"),
    ("- a", "must be keys with values"),
    ("brand: {name: Shop}\ncaps: []", "'caps' says nothing"),
    ("brand: {name: Shop}\nflows: {}", "'flows' is not in this release"),
])  # fmt: skip
def test_the_configuration(small: Path, config: str, said: str) -> None:
    (small / "otklik.yaml").write_text(config)
    found = problems(small)
    assert len(found) == 1, found
    assert said in found[0]


@pytest.mark.parametrize(("where", "said"), [
    ("{event: order, last: {above: 1y}}", ""),
    ("[{event: order}, {not: {event: order, within: 1y}}]", ""),
    ("{event: order, count: 3}", ""),
    ("{field: countri, is: DE}", "unknown field 'countri'; did you mean 'country'?"),
    ("{field: vip, is: true}", "columns as attributes.NAME"),
    ("{field: country}", "is compared with nothing"),
    ("{field: country, above: 5}", "'above' does not go with field 'country'"),
    ("{field: country, iss: DE}", "did you mean"),
    ("{field: attributes.version, is: 1.10}", ""),
    ("{field: country, is: 1.10}", "put it in quotes"),
    ("{event: order, count: {at_least: many}}", "'many' is not a number"),
    ("{event: order, count: 1.5}", "whole numbers"),
    ("{event: order, last: {above: yesterday}}", "neither a day such as"),
    ("{event: order, within: soon}", "'soon' is not a period"),
    ("{event: order, wthin: 1y}", "did you mean 'within'?"),
    ("{evnt: order}", "'evnt' begins no condition; did you mean 'event'?"),
    ("{all: {event: order}}", "'all' takes a list"),
    ("{all: []}", "'all' takes a list"),
    ("{segment: nobody}", "there is no segment 'nobody'"),
    ("{segment: everyone}", "segments lead in a circle: everyone → everyone"),
    ("{channel: fax, reachable: true}", "unknown channel 'fax'"),
    ("{consent: marketng}", "did you mean 'marketing'?"),
    ("{field: country, in: DE}", ""),
    ("{field: birthday, between: [2000-01-01]}", "a list of two"),
])  # fmt: skip
def test_a_condition(small: Path, where: str, said: str) -> None:
    (small / "segments.yaml").write_text(f"everyone:\n  where: {where}\n")
    found = problems(small)
    if not said:
        assert found == []
    else:
        assert said in found[0], found
        assert found[0].startswith("segments.yaml:2: ")


def test_everything_wrong_is_said_at_once(folder: Path) -> None:
    def broken(file: str, old: str, new: str) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    broken("otklik.yaml", "currency: GBP", "currency: pounds")
    broken("campaigns/winback.yaml", "audience: dormant", "audience: dormnt")
    broken("campaigns/winback.yaml", "send: telegram", "send: telegramm")
    broken("templates/winback/email.mjml", "customer.first_name", "customer.fistname")
    broken("templates/winback/email.ru.mjml", "<mj-spacer", "<mj-spcer")
    broken("templates/winback/email.fa.mjml", "{{ links.unsubscribe }}", "#")
    broken("templates/winback/whatsapp.txt", "content_sid", "content-sid")
    (folder / "templates" / "winback" / "emial.de.mjml").write_text("x")
    found = problems(folder)
    assert [problem.partition(" ")[0].rstrip(":").partition(":")[0] for problem in found] == [
        "campaigns/winback.yaml", "campaigns/winback.yaml", "otklik.yaml", "templates/winback/email.fa.mjml",
        "templates/winback/email.mjml", "templates/winback/email.mjml", "templates/winback/email.ru.mjml",
        "templates/winback/emial.de.mjml", "templates/winback/whatsapp.txt",
    ], found  # fmt: skip


def test_files_outside_are_not_read(small: Path, tmp_path: Path) -> None:
    secret = tmp_path.parent / f"{tmp_path.name}-secret"
    secret.write_text("secret")
    (small / "templates" / "hello" / "sms.txt").unlink()
    (small / "templates" / "hello" / "sms.txt").symlink_to(secret)
    assert any("leads out of the workspace" in problem for problem in problems(small))


def test_no_workspace(tmp_path: Path) -> None:
    assert "otklik init" in problems(tmp_path)[0]
    assert "otklik init" in problems(tmp_path / "nowhere")[0]
