"""Stop, start and help words, and what they do."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.keywords import Keyword, keyword, subject_keyword
from core import catalogue
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, Address
from core.purposes import Purpose
from storage.tables import Consent, ConsentRecord, Enrolment, Identity, Message
from tests.bot.scene import Person, Scene, body, written
from tests.bot.test_answers import arrive, journey, token
from tests.conftest import NOW

STOP, START, HELP = Keyword.STOP, Keyword.START, Keyword.HELP


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("STOP", STOP), ("stop.", STOP), (" /stop ", STOP), ("StopAll", STOP), ("Unsubscribe!", STOP), ("Cancel", STOP),
        ("END", STOP), ("quit", STOP),
        ("Стоп", STOP), ("ОТПИСАТЬСЯ", STOP), ("«Стоп»!", STOP), ("Не пишите мне.", STOP),
        ("لغو", STOP), ("لغو ۱۱", STOP), ("لغو11", STOP), ("توقف", STOP), ("لغو اشتراك", STOP),
        ("stop\n-- \nJohn", STOP),
        ("START", START), ("unstop", START), ("Старт", START), ("شروع", START),
        ("help", HELP), ("INFO", HELP), ("Помощь?", HELP), ("راهنما", HELP), ("كمك", HELP),
        ("please stop by on Monday", None), ("non-stop", None), ("I cannot stop reading!", None), ("yes", None),
        ("стоп-кран", None), ("", None), ("…", None), ("stop" * 1000, None),
    ],
)  # fmt: skip
def test_only_a_whole_message_is_an_order(text: str, order: Keyword | None) -> None:
    assert keyword(text) is order


@pytest.mark.parametrize(
    ("subject", "text", "order"),
    [
        ("unsubscribe", "", STOP), ("Unsubscribe", "This message was automatically generated.", STOP),
        ("Cancel", "my order 7, please", None), ("Cancel", " ", STOP), ("Re: unsubscribe", "", None),
    ],
)  # fmt: skip
def test_a_subject_orders_where_nothing_else_is_said(subject: str, text: str, order: Keyword | None) -> None:
    assert subject_keyword(subject, text) is order


async def answers(scene: Scene) -> list[Any]:
    rows = await scene.all(Message, direction="out", state=MessageState.PLANNED, lane=0)
    return [row for row in rows if row.client_token]


@pytest.mark.parametrize(("word", "locale"), [("Stop", "en"), ("стоп", "ru"), ("لغو", "fa")])
async def test_stop_withdraws_everywhere_and_is_confirmed_once_a_channel(scene: Scene, word: str, locale: str) -> None:
    person = await scene.person(locale=locale)
    enrolment, _ = await journey(scene, person)
    await arrive(scene, written(person.telegram, word), written(person.telegram, word))
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: False}
    assert (await scene.get(Enrolment, enrolment)).reason == "opted_out"
    assert await scene.state(enrolment) is EnrolmentState.EXITED
    (said,) = await answers(scene)
    assert (said.purpose, said.channel, said.identity_id) == (
        Purpose.SERVICE, TELEGRAM, person.identities[TELEGRAM],
    )  # fmt: skip
    assert said.content["text"].startswith(catalogue.text(locale, "stop.confirmed", brand="Paper Boat"))
    records = await scene.all(ConsentRecord)
    assert {(row.granted, row.wording, row.source) for row in records} == {(False, word, "keyword by telegram")}
    assert len(records) == 2


async def test_a_stop_on_another_channel_is_confirmed_there_too(scene: Scene) -> None:
    person = await scene.person()
    _, message = await journey(scene, person)
    await arrive(scene, written(person.telegram, "stop"))
    await arrive(scene, written(person.email, "stop", reply_tokens=(token(message),), message_id="<a@example.org>"))
    telegram, mail = sorted(await answers(scene), key=lambda row: row.channel, reverse=True)
    assert (telegram.channel, mail.channel) == (TELEGRAM, EMAIL)
    assert mail.content["in_reply_to"] == "<a@example.org>"
    assert mail.content["subject"]


async def test_a_carrier_that_answered_is_not_answered_for(scene: Scene) -> None:
    sender = Address(SMS, "+12025550123")
    await arrive(scene, written(sender, "STOP", opt_out_type="STOP"), written(sender, "HELP", opt_out_type="HELP"))
    assert await answers(scene) == []
    assert [row.granted for row in await scene.all(Consent)] == [False]


async def test_start_agrees_on_this_channel_only(scene: Scene) -> None:
    person = await scene.person()
    later = NOW + timedelta(hours=1)
    await arrive(scene, written(person.telegram, "stop"))
    await arrive(scene, written(person.telegram, "START"), written(person.telegram, "start"), at=later)
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: True}
    assert [row.client_token.partition(":")[0] for row in await answers(scene)] == ["stop", "start"]
    documents = {row.granted: row.document for row in await scene.all(ConsentRecord)}
    assert documents == {False: "", True: "privacy-2026-01"}


async def test_a_start_from_before_a_stop_changes_nothing(scene: Scene) -> None:
    person = await scene.person()
    await arrive(scene, written(person.telegram, "stop"))
    await arrive(scene, written(person.telegram, "start"), at=NOW - timedelta(seconds=1))
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: False}


async def test_unverified_mail_may_stop_but_not_start(scene: Scene) -> None:
    person = await scene.person()
    await arrive(scene, written(person.email, "unsubscribe"))
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: False}
    await arrive(scene, written(person.email, "start"), at=NOW + timedelta(hours=1))
    assert await scene.consents(person) == {EMAIL: False, TELEGRAM: False}


async def test_mail_of_a_stranger_is_not_answered(scene: Scene) -> None:
    await arrive(scene, written(Address(EMAIL, "who@example.net"), "STOP"))
    assert await answers(scene) == []
    assert [row.granted for row in await scene.all(Consent)] == [False]


async def test_start_ends_the_providers_own_block(scene: Scene) -> None:
    person = await scene.person()
    async with scene.store.session() as session:
        identity = await session.get_one(Identity, person.identities[TELEGRAM])
        identity.reachable, identity.unreachable_reason = False, "opted_out"
        session.add(identity)
    await arrive(scene, written(person.telegram, "hello"))
    assert not (await scene.get(Identity, person.identities[TELEGRAM])).reachable
    await arrive(scene, written(person.telegram, "start"))
    assert (await scene.get(Identity, person.identities[TELEGRAM])).reachable


async def test_yes_starts_only_who_had_stopped_by_sms(scene: Scene) -> None:
    sender = Address(SMS, "+12025550123")
    await arrive(scene, written(sender, "yes"))
    assert await scene.all(Consent) == []
    await arrive(scene, written(sender, "stop"), written(sender, "YES"))
    assert [row.granted for row in await scene.all(Consent)] == [True]


async def test_a_stop_word_is_a_reply_to_other_journeys(scene: Scene) -> None:
    person = await scene.person()
    marketing, _ = await journey(scene, person)
    parcel, _ = await journey(scene, person, name="parcel", purpose=Purpose.TRANSACTIONAL)
    await arrive(scene, written(person.telegram, "stop"))
    assert (await scene.get(Enrolment, marketing)).state is EnrolmentState.EXITED
    assert (await scene.get(Enrolment, parcel)).state is EnrolmentState.ANSWERED


async def test_an_opt_out_ends_a_series_and_cancels_what_was_planned(scene: Scene) -> None:
    person: Person = await scene.person()
    campaign = await scene.campaign(body(until=frozenset()))
    enrolment = await scene.enrol(person, campaign)
    planned = await scene.message(person, enrolment, campaign=campaign, state=MessageState.PLANNED, sent_at=None)
    await arrive(scene, written(person.telegram, "stop"))
    assert await scene.state(enrolment) is EnrolmentState.EXITED
    assert (await scene.get(Message, planned)).state is MessageState.CANCELLED


def _used_ids() -> Iterator[tuple[Path, str]]:
    root = Path(catalogue.__file__).parents[1]
    for room in ("otklik", "desk", "bot", "campaigns", "channels", "storage", "core"):
        for path in (root / room).rglob("*.py"):
            source = path.read_text()
            names = {"catalogue.text", "self.say"} | (
                {"text"} if "from core.catalogue import text" in source else set()
            )
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
                    yield from ((path, arg.value) for arg in node.args[1:] if isinstance(arg, ast.Constant))


def test_every_text_is_there_in_every_language() -> None:
    used = {value for _, value in _used_ids() if "." in value}
    assert "stop.confirmed" in used
    english = catalogue._texts("en").said
    for language in catalogue.LANGUAGES:
        texts = catalogue._texts(language).said
        assert texts.keys() == english.keys(), language
        assert used <= texts.keys(), language
        for message_id, text in texts.items():
            assert _names(text) == _names(english[message_id]), (language, message_id)


def _names(text: str | tuple[str, ...]) -> list[set[str]]:
    """Of a text with plurals, those of one form: all name the same."""
    from string import Formatter

    named = [
        {name for _, name, _, _ in Formatter().parse(form) if name} for form in ((text,) if type(text) is str else text)
    ]
    return named[:1] if all(names == named[0] for names in named) else named


def test_an_unknown_language_reads_english() -> None:
    assert catalogue.text("de-AT", "help.subject") == catalogue.text("en", "help.subject")
    assert catalogue.text("fa_IR", "help.subject") != catalogue.text("en", "help.subject")
