"""Where an answer that is missing would be written, and how: a file of the workspace, and what to put into it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.answers.unanswered import Unanswered
from campaigns.definition.answers import Answer

NEW_TOPIC = "questions"
"""The file where nothing that is answered comes near."""


@dataclass(frozen=True, slots=True)
class Draft:
    """``file`` of the workspace and the lines to add to it; ``is_new``: nothing of that topic is in force there."""

    file: str
    text: str
    is_new: bool
    topic: str = NEW_TOPIC


def draft(asked: Unanswered, answers: Iterable[Answer], default_locale: str) -> Draft:
    """A heading for the question, under the topic of the answer that came nearest.

    An answer that was given and did not help is named: there the words may be what to change.
    """
    known = list(answers)
    near = next((one for one in known if one.key == asked.nearest), None)
    topic = near.topic if near is not None else NEW_TOPIC
    language = asked.language or default_locale.partition("-")[0]
    own = language == default_locale.partition("-")[0]
    file = f"answers/{topic}.md" if own else f"answers/{topic}.{language}.md"
    there = any(one.topic == topic and one.language == language for one in known)
    question = asked.question.replace("{", "(").replace("}", ")").strip("# ")
    return Draft(file, f"## {question}\n\n…\n", not there, topic)
