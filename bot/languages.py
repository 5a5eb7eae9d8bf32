"""Which language a message is written in. Pure, quick, and silent where it cannot tell.

A script that one language has to itself decides; within a script letters that only one of its languages uses, then the
small words that nobody writes without. "OK", a name, a number or a link are no language.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

LATER = 3
"""So many messages in a row in another language change the one that a customer is known by."""
_LONGEST = 2_000
_LETTERS_NEEDED = 3
_NOT_WORDS = re.compile(r"https?://\S+|\S+@\S+|[@#/]\w+|\d+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SCRIPTS = (
    ("cyrillic", "\u0400", "\u04ff"), ("arabic", "\u0600", "\u06ff"), ("arabic", "\ufb50", "\ufdff"),
    ("he", "\u0590", "\u05ff"), ("el", "\u0370", "\u03ff"), ("hy", "\u0530", "\u058f"), ("ka", "\u10a0", "\u10ff"),
    ("ja", "\u3040", "\u30ff"), ("ko", "\uac00", "\ud7af"), ("zh", "\u4e00", "\u9fff"), ("th", "\u0e00", "\u0e7f"),
    ("hi", "\u0900", "\u097f"), ("latin", "a", "z"), ("latin", "\u00df", "\u024f"),
)  # fmt: skip
_OWN_LETTERS = {
    "cyrillic": (("uk", "іїєґ"), ("be", "ў"), ("ru", "ыэъё")),
    "arabic": (("fa", "پچژگکی"), ("ar", "ةيىكأإؤئ")),
    "latin": (("de", "ß"), ("es", "ñ¿¡"), ("tr", "ışğ"), ("pl", "łąęśżź"), ("pt", "ãõ")),
}
_SMALL_WORDS = {
    "latin": {
        "en": "the a an and or of to in is are was you i my your not have has do does can could would please when "
              "where what how thanks thank hello hi it this that with for on at be will me we from order want need",
        "de": "der die das und oder ich sie ist nicht ein eine mit für auf von zu wie wann wo was bitte danke hallo "
              "mein meine ihr haben habe kann möchte es wir den dem",
        "fr": "le la les un une et ou je vous est pas avec pour sur de du des comment quand où merci bonjour mon ma "
              "votre avoir peux voudrais ce nous c'est s'il",
        "es": "el la los las un una y o yo usted es no con para por de del como cuando donde gracias hola mi su tengo "
              "puedo quiero está que favor",
        "it": "il lo la gli le un una e o io lei è non con per di del come quando dove grazie ciao mio mia ho posso "
              "vorrei che sono",
        "pt": "o a os as um uma e ou eu você é não com para por de do da como quando onde obrigado obrigada olá meu "
              "minha tenho posso quero que",
        "tr": "ve veya ben siz bir bu ne nasıl zaman nerede teşekkürler merhaba benim için ile değil var yok mı mi "
              "lütfen",
        "nl": "de het een en of ik u is niet met voor op van hoe wanneer waar wat dank hallo mijn heb kan wil",
    },
    "cyrillic": {
        "ru": "и в не на я что как с по это вы мой когда где мне у за ли да нет здравствуйте привет спасибо пожалуйста "
              "заказ хочу можно есть для",
        "uk": "і в не на я що як з це ви мій коли де мені та так ні вітаю привіт дякую будь ласка хочу можна для",
        "bg": "и в не на аз какво как с по това вие моят кога къде ми да за благодаря здравейте моля искам може от",
    },
    "arabic": {
        "fa": "و در به از که این را با است من شما سلام ممنون لطفا لطفاً چطور کی کجا برای سفارش دارم می خواهم نه بله",
        "ar": "و في من إلى على أن هذا هذه ما هل كيف متى أين أنا أنت شكرا مرحبا السلام عليكم لو سمحت طلب لا نعم عن",
    },
}  # fmt: skip
_LANGUAGES_OF: dict[str, dict[str, list[str]]] = {script: {} for script in _SMALL_WORDS}
"""The languages of a small word, by script."""
for _script, _by in _SMALL_WORDS.items():
    for _language, _words in _by.items():
        for _word in set(_words.split()):
            _LANGUAGES_OF[_script].setdefault(_word, []).append(_language)


def language_of_text(text: str) -> str:
    """The ISO 639-1 code of the language that ``text`` is in; empty where it does not tell."""
    told = _NOT_WORDS.sub(" ", text[:_LONGEST]).casefold()
    scripts: Counter[str] = Counter()
    for letter, times in Counter(told).items():
        scripts[_script_of(letter)] += times
    del scripts[""]
    if scripts.total() < _LETTERS_NEEDED:
        return ""
    script, letters = scripts.most_common(1)[0]
    if scripts["ja"] and script == "zh":
        script = "ja"
    if letters * 2 <= scripts.total():
        return ""
    return _of_script(script, told) if script in _LANGUAGES_OF else script


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    """The script of a letter; empty for what is none of those, or no letter."""
    if not letter.isalpha():
        return ""
    return next((script for script, first, last in _SCRIPTS if first <= letter <= last), "")


def _of_script(script: str, told: str) -> str:
    own = [language for language, letters in _OWN_LETTERS[script] if any(letter in told for letter in letters)]
    score = dict.fromkeys(_SMALL_WORDS[script], 0)
    for word in _WORD.findall(told):
        for language in _LANGUAGES_OF[script].get(word, ()):
            score[language] += 1
    for language in own:
        score[language] = score.get(language, 0) + 2
    ranked = sorted(score.items(), key=lambda one: -one[1])
    (best, points), second = ranked[0], ranked[1][1]
    # one word that two languages share decides nothing; Latin letters alone belong to everybody
    return best if points > second and points >= (2 if script == "latin" else 1) else ""


def learnt(locale: str, chosen_by: str, newest_first: Iterable[str]) -> str | None:
    """The language that a customer is known by from now on, or None: it stays.

    ``newest_first`` are their messages' languages as :func:`language_of_text` tells them; no more are taken than decide
    it. ``chosen_by`` ``agent`` is never changed. A customer without a language gets that of their message; another
    language takes :data:`LATER` messages in a row that can be told.
    """
    languages = iter(newest_first)
    now = next(languages, "") if chosen_by != "agent" else ""
    known = locale.replace("_", "-").partition("-")[0].casefold()
    if not now or now == known:
        return None
    if not known:
        return now
    before = list(islice(filter(None, languages), LATER - 1))
    return now if before == [now] * (LATER - 1) else None
