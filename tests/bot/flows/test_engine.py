"""The engine: what is said, asked, decided and done, one flow at a time."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.flows.definition import AskStep, FlowBody, FlowDefinition, SayStep, Words
from bot.flows.effects import Begun, CallWebhook, Facts, OpenHandoff, Run, Say, TimedOut
from bot.flows.engine import FlowRunsAway, advance
from bot.flows.speaking import Surroundings
from bot.flows.understanding import Heard
from core.machines.flow_run import FlowRunState
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP
from tests.bot.flows.flow_files import BRAND, NOW, body, talk

ORDER = """
steps:
  - ask: topic
    say: {en: What is it about?, ru: О чём?, fa: درباره چیست؟}
    choices:
      refund: {en: A refund, ru: Возврат, fa: بازگشت وجه}
      other: {en: Other, ru: Другое, fa: دیگر}
    then: {other: bye}
  - ask: number
    say: {en: "Which order?", ru: "Какой заказ?", fa: "کدام سفارش؟"}
    type: number
    tries: 2
    not_understood: bye
    timeout: 1h
    no_answer: bye
  - set: {answers.note: "order {{ answers.number }}", customer.city: Riga}
  - id: bye
    say: {en: "Bye, {{ answers.note }}", ru: "Пока, {{ answers.note }}", fa: "خدانگهدار"}
"""


@pytest.mark.parametrize(("channel", "shown"), [
    (TELEGRAM, "What is it about?\n[ A refund ]  [ Other ]"),
    (SMS, "What is it about?\n\n1. A refund\n2. Other"), (WHATSAPP, "What is it about?\n\n1. A refund\n2. Other"),
    (EMAIL, "What is it about?\n\n1. A refund\n2. Other"),
])  # fmt: skip
def test_choices_look_as_the_channel_can_show_them(tmp_path: Path, channel: str, shown: str) -> None:
    assert talk(body(tmp_path, ORDER), channel=channel).begin() == [shown]


def test_a_letter_offers_its_choices_as_links(tmp_path: Path) -> None:
    from campaigns.templates.adapting import Envelope, adapt

    flow = body(tmp_path, ORDER)
    facts = Facts(Surroundings(BRAND, EMAIL, "en"))
    (said,) = advance(flow, Run(), Begun(), facts, NOW).effects
    assert isinstance(said, Say)
    page = adapt(said.content, Envelope(EMAIL, BRAND, reply_to="r+token@example.com")).html
    assert "mailto:r+token@example.com" in page
    assert "A%20refund" in page


def test_an_answer_leads_on_and_becomes_a_variable(tmp_path: Path) -> None:
    chat = talk(body(tmp_path, ORDER), locale="ru")
    chat.begin()
    assert chat.hear("возврат") == ["Какой заказ?"]
    assert chat.hear("12") == ["Пока, order 12"]
    assert chat.run is not None
    assert chat.run.state is FlowRunState.FINISHED
    assert chat.run.answers == {"topic": "refund", "number": 12, "note": "order 12"}
    assert chat.facts.around.customer["city"] == "Riga"


def test_a_choice_leads_where_it_says(tmp_path: Path) -> None:
    chat = talk(body(tmp_path, ORDER))
    chat.begin()
    assert chat.hear("2") == ["Bye,"]


def test_what_is_no_answer_is_asked_again_so_often(tmp_path: Path) -> None:
    chat = talk(body(tmp_path, ORDER))
    chat.begin()
    chat.hear("1")
    assert chat.hear("dunno") == ["Please write a number."]
    assert chat.hear("still not") == ["Bye,"]


def test_who_does_not_answer_in_time(tmp_path: Path) -> None:
    chat = talk(body(tmp_path, ORDER))
    chat.begin()
    chat.hear("1")
    assert chat.wait(timedelta(minutes=59)) == []
    assert chat.wait(timedelta(minutes=1)) == ["Bye,"]


def test_a_question_without_a_way_for_it_falls_silent(tmp_path: Path) -> None:
    chat = talk(body(tmp_path, ORDER))
    chat.begin()
    assert chat.wait(timedelta(days=1)) == []
    assert chat.run is not None
    assert chat.run.state is FlowRunState.SILENT
    assert chat.hear("1") == []


def test_a_time_out_before_its_time_changes_nothing(tmp_path: Path) -> None:
    flow = body(tmp_path, ORDER)
    facts = Facts(Surroundings(BRAND, TELEGRAM, "en"))
    run = advance(flow, Run(), Begun(), facts, NOW).run
    assert advance(flow, run, TimedOut(), facts, NOW) == replace(advance(flow, run, TimedOut(), facts, NOW), run=run)


@pytest.mark.parametrize(("word", "state", "said"), [
    ("menu", FlowRunState.ASKING, "What is it about?"), ("меню", FlowRunState.ASKING, "What is it about?"),
    ("منو", FlowRunState.ASKING, "What is it about?"), ("Human!", FlowRunState.HANDED_OVER, "A colleague"),
    ("оператор", FlowRunState.HANDED_OVER, "A colleague"), ("اپراتور", FlowRunState.HANDED_OVER, "A colleague"),
    ("stop", FlowRunState.LEFT, "All right"), ("хватит", FlowRunState.LEFT, "All right"),
])  # fmt: skip
def test_ways_out_of_a_question(tmp_path: Path, word: str, state: FlowRunState, said: str) -> None:
    chat = talk(body(tmp_path, ORDER))
    chat.begin()
    chat.hear("1")
    (told,) = chat.hear(word)
    assert told.startswith(said)
    assert chat.run is not None
    assert chat.run.state is state


def test_a_choice_that_is_called_so_is_no_way_out(tmp_path: Path) -> None:
    chat = talk(
        body(
            tmp_path,
            """
steps:
  - ask: who
    say: Who?
    choices: {bot: The bot, person: Human}
  - say: "{{ answers.who }}"
""",
        )
    )
    chat.begin()
    assert chat.hear("human") == ["person"]


def test_an_old_button_repeats_the_question(tmp_path: Path) -> None:
    """It is pressed after its question was answered: neither an answer to the next one nor a failed try."""
    chat = talk(body(tmp_path, ORDER))
    chat.begin()
    chat.hear("1")
    assert chat.hear("Other", button="x/topic/other") == ["Which order?"]
    assert chat.run is not None
    assert chat.run.tries == 0
    assert chat.hear("2", button="x/topic/other")[-1] == "Bye, order 2"  # typed: an older list had a second choice


def test_branches_look_at_answers_customers_tags_and_segments(tmp_path: Path) -> None:
    flow = body(
        tmp_path,
        """
steps:
  - ask: score
    say: How many?
    type: number
  - branch:
      - when: {answers.score: {at_least: 9}, not: {tag: banned}}
        then: high
      - when: {any: [{customer.country: [RU, IR]}, {segment: vip}, {customer.attributes.size: XL}]}
        steps: [{say: special}, {end: true}]
      - else: low
  - id: high
    say: high
    then: end
  - id: low
    say: low
""",
    )

    def answer(score: str, **given: object) -> list[str]:
        chat = talk(flow, **given)
        chat.begin()
        return chat.hear(score)

    assert answer("9") == ["high"]
    assert answer("9", tags=frozenset({"banned"})) == ["low"]
    assert answer("3") == ["low"]
    assert answer("3", customer={"country": "RU"}) == ["special"]
    assert answer("3", segments=frozenset({"vip"})) == ["special"]
    assert answer("3", customer={"attributes": {"size": "xl"}}) == ["special"]


def test_a_step_may_be_passed_over(tmp_path: Path) -> None:
    flow = body(
        tmp_path,
        """
steps:
  - ask: city
    say: Which city?
    when: {customer.city: {is_set: false}}
  - say: "{{ answers.city }}{{ customer.city }}"
""",
    )
    assert talk(flow, customer={"city": "Riga"}).begin() == ["Riga"]
    assert talk(flow).begin() == ["Which city?"]


def test_what_is_set_is_seen_at_once_also_the_language(tmp_path: Path) -> None:
    flow = body(
        tmp_path,
        """
steps:
  - set: {customer.locale: ru, customer.attributes.size: "{{ customer.first_name }}"}
    tag: asked
  - when: {tag: asked, customer.attributes.size: Anna}
    say: {en: Hello, ru: Привет}
""",
    )
    chat = talk(flow, customer={"first_name": "Anna"})
    assert chat.begin() == ["Привет"]
    assert chat.tags == {"asked"}


WEBHOOK = """
steps:
  - webhook: https://shop.example.com/stock
    data: {item: "{{ customer.first_name }}", list: [1, "{{ customer.first_name }}"]}
    timeout: 5s
    into: stock
    failed: sorry
  - say: "{{ answers.stock.left }} left"
    then: end
  - id: sorry
    say: We do not know
"""


def test_a_webhook_answers_fails_or_takes_too_long(tmp_path: Path) -> None:
    flow = body(tmp_path, WEBHOOK)
    assert talk(flow, webhooks={"webhook": {"left": 3}}).begin() == ["3 left"]
    assert talk(flow, webhooks={"webhook": "failed"}).begin() == ["We do not know"]
    facts = Facts(Surroundings(BRAND, TELEGRAM, "en", customer={"first_name": "Anna"}))
    asked = advance(flow, Run(), Begun(), facts, NOW)
    assert asked.effects == (
        CallWebhook(
            "webhook", "https://shop.example.com/stock", {"item": "Anna", "list": [1, "Anna"]}, timedelta(seconds=5)
        ),
    )
    assert asked.run.state is FlowRunState.CALLING
    assert advance(flow, asked.run, Heard("hello?"), facts, NOW).effects == ()
    late = advance(flow, asked.run, TimedOut(), facts, NOW + timedelta(minutes=2))
    assert [effect.content.text for effect in late.effects if isinstance(effect, Say)] == ["We do not know"]


def test_the_answers_bot_is_asked_what_was_said_last(tmp_path: Path) -> None:
    flow = body(
        tmp_path,
        """
steps:
  - answer: true
    unknown: human
  - say: Anything else?
""",
    )
    chat = talk(flow)
    assert chat.begin("opening hours?") == ["Anything else?"]
    assert chat.notes == ["the answers bot answers: opening hours?"]
    chat = talk(flow, knows=False)
    assert chat.begin("opening hours?")[0].startswith("A colleague")
    assert chat.handoff == OpenHandoff("answer")


def test_events_campaigns_and_handoffs(tmp_path: Path) -> None:
    flow = body(
        tmp_path,
        """
human: {queue: shop, note: "{{ customer.city }}", priority: high}
steps:
  - event: asked
    data: {city: "{{ customer.city }}"}
  - start: winback
  - ask: more
    say: More?
    tries: 1
""",
    )
    chat = talk(flow, customer={"city": "Riga"})
    chat.begin()
    assert (chat.events, chat.started) == (["asked"], ["winback"])
    chat.hear("")
    assert chat.handoff == OpenHandoff("more", "shop", "Riga", "high")


def test_names_say_what_they_say(tmp_path: Path) -> None:
    """What a customer wrote makes nothing bold, and is no template."""
    flow = body(
        tmp_path,
        """
steps:
  - ask: name
    say: Name?
  - say: "Hello {{ answers.name }}, *welcome*"
""",
    )
    chat = talk(flow)
    chat.begin()
    assert chat.hear("*{{ 1 + 1 }}*") == ["Hello *{{ 1 + 1 }}*, welcome"]


def test_a_flow_that_was_never_checked_is_stopped() -> None:
    step = SayStep(id="a", words=Words(texts={"": "again"}), then="a")
    flow = FlowBody(definition=FlowDefinition(name="x", steps=(step,)))
    with pytest.raises(FlowRunsAway, match="without a question"):
        advance(flow, Run(), Begun(), Facts(Surroundings(BRAND, TELEGRAM, "en")), NOW)


def test_a_version_survives_the_store(tmp_path: Path) -> None:
    flow = body(tmp_path, ORDER)
    again = FlowBody.model_validate(flow.as_json())
    assert again == flow
    assert isinstance(again.definition.steps[0], AskStep)
