"""Looking for an answer: from what somebody wrote to the answer that is sure enough, or to none. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.answers.index import THRESHOLD, Index, Scored
from bot.answers.languages import language_of
from bot.answers.words import MOST_WORDS, digest, is_asking, stems
from campaigns.definition.answers import Answer

PERHAPS = 0.25
"""From here on an answer is given to somebody whom the first one did not help: it is said that it may be the one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for a question. ``found`` are the likeliest, best first; ``best`` is sure enough to be said.

    ``words`` are the question's stems in order: alike questions have the same. Empty: it asks nothing.
    ``sure`` is how sure that is, 0 to 1.
    """

    question: str
    language: str
    words: str
    found: tuple[Scored, ...] = ()
    sure: float = THRESHOLD

    @property
    def best(self) -> Answer | None:
        return self.found[0].answer if self.found and self.found[0].score >= self.sure else None

    @property
    def nearest(self) -> Scored | None:
        return self.found[0] if self.found else None


def look_up(index: Index, question: str, locale: str = "", *, without: Collection[str] = ()) -> Finding:
    """What ``index`` knows about ``question``; ``locale`` is what its writer reads.

    ``without`` are keys of answers that did not help: what is said instead of them may be a guess.
    """
    language = language_of(question, locale.partition("-")[0])
    asked = stems(question, language, limit=MOST_WORDS)
    words = digest(asked) if any(not is_asking(stem) for stem in asked) else ""
    found = tuple(one for one in index.find(question, locale, limit=5 + len(without)) if one.answer.key not in without)
    return Finding(question, language, words, found, PERHAPS if without else THRESHOLD)
