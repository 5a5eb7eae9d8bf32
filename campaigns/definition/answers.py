"""What the bot can answer: questions as they are asked, with what is said to them. Live, never pinned by a campaign."""

from campaigns.definition.values import Value


class AnswerButton(Value):
    """A button under an answer: it opens ``url``, or (without one) asks its own label as the next question."""

    label: str
    url: str = ""


class Answer(Value):
    """One question in one language. ``questions`` are its phrasings, the first one is shown to people.

    ``id`` is ``topic/name``, the same in every language where the heading names it (``{#name}``). ``body`` is in our
    markup (:mod:`core.marks`). ``tags`` are further words by which it is found. ``escalate``: a person is asked too.
    """

    id: str
    topic: str
    locale: str
    questions: tuple[str, ...]
    body: str
    title: str = ""
    tags: tuple[str, ...] = ()
    buttons: tuple[AnswerButton, ...] = ()
    escalate: bool = False
    feedback: bool = True

    @property
    def language(self) -> str:
        """The first part of its locale, such as ``pt``."""
        return self.locale.partition("-")[0]

    @property
    def key(self) -> str:
        """It alone: its id with its language."""
        return f"{self.id}@{self.locale}"
