"""Thanks, "ok", a thumb up, which end a talk and want no answer; a greeting alone. Pure; English, Russian, Persian."""

import re
from itertools import pairwise

from bot.answers.stopwords import listed
from bot.answers.words import words

_LONGEST = 80
_MOST_WORDS = 8
_ENDING = listed(
    "thanks thank thankyou thx ty cheers ok okay great perfect good nice cool fine super awesome brilliant bye goodbye"
    " спасибо спасибочки спс благодарю признательна признателен ок окей хорошо отлично супер класс понятно понял ясно"
    " поняла пока прекрасно здорово замечательно свидания"
    " ممنون ممنونم مرسی سپاس سپاسگزارم متشکرم تشکر باشه باشد اوکی عالی عالیه خوب خوبه خداحافظ خدانگهدار فهمیدم"
)
_BESIDE = listed(
    "you so much very a lot it all your the for help that is that's and to i have day evening one see to too dear again"
    " большое вам тебе огромное вас за помощь ответ быстрый я все всё до очень вечера дня вашу и это хорошего доброго"
    " خیلی از شما لطف شد را رو روز خوش پاسخ پاسخ‌تان زیاد و بسیار بابت کمک کمکتان است"
)
_HEARTY = re.compile(
    r"[\s\u200d\ufe0f\U0001f3fb-\U0001f3ff👍👌🙏💙💚💛🧡💜🖤🤍❤♥😊🙂😀😃😄😁☺😍🥰😘🤗👏🎉✅💐🌹🌸🌷😉🤝!.)(:;~]+"
)


_GREETING = listed(
    "hello hi hey hiya howdy greetings привет приветик приветствую здравствуйте здравствуй здрасте здрасьте хай салют"
    " سلام درود سلامعلیکم"
)
_OF_A_DAY = (
    "good morning", "good day", "good afternoon", "good evening", "добрый день", "доброе утро", "добрый вечер",
    "доброго дня", "доброго утра", "доброго вечера", "доброго времени", "صبح بخیر", "روز بخیر", "ظهر بخیر", "عصر بخیر",
    "وقت بخیر", "شب بخیر", "روزتون بخیر", "وقتتون بخیر",
)  # fmt: skip
_BESIDE_A_GREETING = listed(
    "there everyone all team dear again to you friends sir madam and all всем вам еще раз снова уважаемые коллеги"
    " друзья суток علیکم عزیز دوستان خدمت شما به و مجدد وقت روز"
)


def greets(text: str) -> bool:
    """Whether ``text`` is a greeting and nothing else."""
    if len(text) > _LONGEST or not (said := words(text)) or len(said) > _MOST_WORDS:
        return False
    pairs = [tuple(words(pair)) for pair in _OF_A_DAY]
    neighbours = set(pairwise(said))
    of_a_day = {word for pair in pairs if pair in neighbours for word in pair}
    meant = _GREETING | of_a_day
    return any(word in meant for word in said) and all(word in meant or word in _BESIDE_A_GREETING for word in said)


def ends_a_talk(text: str) -> bool:
    """Whether ``text`` is nothing but such words, or the signs that stand for them."""
    if not text.strip() or len(text) > _LONGEST or "?" in text or "؟" in text:
        return False
    said = words(text)
    if not said:
        return bool(_HEARTY.fullmatch(text)) and any(ord(letter) > 0x2000 for letter in text)
    return (
        len(said) <= _MOST_WORDS
        and any(word in _ENDING for word in said)
        and all(word in _ENDING or word in _BESIDE for word in said)
    )
