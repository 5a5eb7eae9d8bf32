"""Words by which a customer leaves a question: menu, human, stop, in English, Russian and Persian. Pure."""

from enum import StrEnum

from core.text import folded


class Escape(StrEnum):
    """Where they want to go."""

    MENU = "menu"  # back to the beginning
    HUMAN = "human"  # to a person
    STOP = "stop"  # out of the flow


_WORDS: dict[Escape, tuple[str, ...]] = {
    Escape.MENU: (
        "menu", "main menu", "start over", "back to menu",
        "меню", "главное меню", "в меню", "сначала", "начать сначала",
        "منو", "منوی اصلی", "از اول",
    ),
    Escape.HUMAN: (
        "human", "a human", "agent", "operator", "person", "talk to a human", "talk to an agent", "real person",
        "человек", "оператор", "оператора", "живой человек", "позовите человека", "позовите оператора", "менеджер",
        "انسان", "اپراتور", "پشتیبان", "کارشناس", "آدم واقعی",
    ),
    Escape.STOP: (
        "stop", "cancel", "exit", "quit", "enough",
        "стоп", "отмена", "выход", "хватит", "закончить",
        "توقف", "لغو", "خروج", "کافیه", "کافی است",
    ),
}  # fmt: skip
_BY_WORD = {folded(word): escape for escape, words in _WORDS.items() for word in words}
_EDGES = "/.!?…,;:؟،؛\"'«»“” "


def escape(text: str) -> Escape | None:
    """The way out that the whole of ``text`` names, or None."""
    return _BY_WORD.get(folded(text[:200]).strip(_EDGES)) if len(text) <= 60 else None
