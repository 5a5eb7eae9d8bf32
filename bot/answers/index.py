"""The index of answers: which of them says what a question asks, and how sure that is. Pure.

Candidates are found by BM25F over stems (Robertson, Zaragoza 2009: a field's counts are weighted before they saturate):
the ways to ask, tags, the topic, the answer itself. How sure it is, 0 to 1, has two halves: how much of what the
question says the answer speaks of, and how near the nearest way to ask is to the question. Words count by how rare they
are; one that no answer has counts against all. A word that is nearly one of ours, by its beginning or by a slip of the
finger, stands for it at a discount.
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.answers.languages import languages_of
from bot.answers.words import MOST_WORDS, is_asking, stems, words
from campaigns.definition.answers import Answer
from core.marks import parsed

THRESHOLD = 0.4
"""From here on an answer is given. Measured: docs/answers.md, tests/bot/answers/test_retrieval.py."""
FIELDS = {"asked": 3.0, "tags": 2.0, "title": 1.0, "body": 0.6}
"""What a word counts for by where it stands."""
_K1, _B = 1.2, 0.4
_BY_BEGINNING, _BY_SLIP = 0.75, 0.8
_SHORTEST_BEGINNING = 4
_SLIPS = ((8, 2), (4, 1))
"""(letters of a stem from which, how many slips it may have); shorter ones must be right."""
_GUESSED = (_BY_SLIP, _BY_SLIP**2)
"""How alike words are of which one had to be guessed."""
_MOST_SLIPPED = 8
"""Words of a question that are compared with every word of ours: each takes about a quarter of a millisecond."""
_CANDIDATES = 12
_NEARNESS = 0.6
"""How much of the certainty is nearness to a way to ask; the rest is how much of the question is spoken of."""
_NONE_MET, _UNSURE, _ALONE, _ALONE_ENOUGH = 0.5, 0.6, 0.65, 0.9
"""What is left of the certainty where but one word met the nearest way to ask, or none, unless it is all of that way.

A word that several answers are asked by ("book", in a bookshop) says what a question is about, not what it asks; one
that had to be guessed from a slip of the finger may be another word: alone these are unsure.
"""
_ASKS_OTHERWISE = 0.85
"""What is left of it where, besides, the question asks for a time, a place, a number that no way to ask asks for."""
_ASKING = 0.35
"""What a word that asks for a time, a place, a number counts for, as a part of what it would by its rarity."""
_UNKNOWN = 0.5
"""What a word that no answer has counts for, as a part of what its rarity would be."""


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer with how sure it is, 0 to 1, and why: both halves, and the words that met (as stems)."""

    answer: Answer
    score: float
    covered: float
    nearness: float
    nearest: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """An answer with the stems of each way to ask it, and the length (the root of its summed squares) of each."""

    answer: Answer
    ways: tuple[tuple[str, frozenset[str], float], ...]


class Index:
    """Answers in every language. Built once, then only read: several threads may ask it."""

    def __init__(self, by_language: Mapping[str, "_Shelf"], keys: Mapping[str, Answer]) -> None:
        self._by_language = by_language
        self._keys = keys

    @classmethod
    def build(cls, answers: Iterable[Answer]) -> "Index":
        """An index of ``answers``; about a second a thousand, so do it off the loop."""
        shelves: defaultdict[str, list[Answer]] = defaultdict(list)
        for answer in answers:
            shelves[answer.language].append(answer)
        by_language = {language: _Shelf(language, found) for language, found in shelves.items()}
        return cls(by_language, {answer.key: answer for found in shelves.values() for answer in found})

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: str) -> Answer | None:
        """The answer with that :attr:`~campaigns.definition.answers.Answer.key`."""
        return self._keys.get(key)

    def named(self, id_: str, language: str) -> Answer | None:
        """The answer with that id in ``language``, else in any."""
        same = [answer for answer in self._keys.values() if answer.id == id_]
        return next((answer for answer in same if answer.language == language), same[0] if same else None)

    @property
    def answers(self) -> Collection[Answer]:
        """All of them, as they were given."""
        return self._keys.values()

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(self._by_language))

    def find(self, question: str, locale: str = "", *, limit: int = 5) -> list[Scored]:
        """The likeliest answers to ``question``, best first, of one language.

        ``locale`` is what the customer reads. Another language than the question's is looked at only where its own has
        nothing from :data:`THRESHOLD` on.
        """
        first: list[Scored] = []
        for language in languages_of(question, self.languages, locale.partition("-")[0]):
            found = self._by_language[language].find(question, limit)
            if found and found[0].score >= THRESHOLD:
                return found
            first = first or found
        return first


class _Shelf:
    """The answers of one language."""

    def __init__(self, language: str, answers: Sequence[Answer]) -> None:
        self._language = language
        counted = [self._fields(answer) for answer in answers]
        averages = {field: sum(counts[field].total() for counts in counted) / len(counted) or 1.0 for field in FIELDS}
        having: Counter[str] = Counter()
        for counts in counted:
            having.update({stem for field in FIELDS for stem in counts[field]})
        number = len(counted)
        self._rarity = {
            stem: _rarity(number, many) * (_ASKING if is_asking(stem) else 1.0) for stem, many in having.items()
        }
        self._unknown = _UNKNOWN * _rarity(number, 0)
        self._postings: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for place, counts in enumerate(counted):
            for stem, frequency in _weighed(counts, averages).items():
                self._postings[stem].append((place, frequency * (_K1 + 1) / (frequency + _K1)))
        self._sorted = sorted(self._rarity)
        self._by_length: defaultdict[int, list[str]] = defaultdict(list)
        for stem in self._sorted:
            self._by_length[len(stem)].append(stem)
        self._entries = [self._entry(answer) for answer in answers]
        ways = [frozenset[str]().union(*(found for _, found, _ in entry.ways)) for entry in self._entries]
        self._asked_by = Counter(stem for found in ways for stem in found)
        self._asking_for = [frozenset(stem for stem in found if is_asking(stem)) for found in ways]
        self._verbatim = {
            _said(question): (answer, question) for answer in reversed(answers) for question in answer.questions
        }

    def _fields(self, answer: Answer) -> dict[str, Counter[str]]:
        def counted(texts: Iterable[str]) -> Counter[str]:
            return Counter(stem for text in texts for stem in stems(text, self._language))

        # a word that three ways to ask have in common does not count three times
        asked = Counter(dict.fromkeys(counted(answer.questions), 1))
        return {
            "asked": asked,
            "tags": counted(answer.tags),
            "title": counted([answer.title]),
            "body": counted([parsed(answer.body).text]),
        }

    def _entry(self, answer: Answer) -> _Entry:
        ways = []
        for way in (*answer.questions, *answer.tags):
            found = frozenset(stems(way, self._language))
            if found:
                ways.append((way, found, math.sqrt(sum(self._rarity[stem] ** 2 for stem in found))))
        return _Entry(answer, tuple(ways))

    def find(self, question: str, limit: int) -> list[Scored]:
        """The likeliest answers; a way to ask that is written as it stands is its own, whatever it says."""
        likeliest = self._likeliest(question, limit)
        exact = self._verbatim.get(_said(question))
        if exact is None:
            return likeliest
        first = Scored(exact[0], 1.0, 1.0, 1.0, exact[1])
        return [first, *(one for one in likeliest if one.answer.key != first.answer.key)][:limit]

    def _likeliest(self, question: str, limit: int) -> list[Scored]:
        asked = list(dict.fromkeys(stems(question, self._language, limit=MOST_WORDS)))
        if all(is_asking(stem) for stem in asked):
            return []
        meant = self._meant(asked)
        weights = {stem: self._weight(stem, meant[stem]) for stem in asked}
        scores: defaultdict[int, float] = defaultdict(float)
        spoken: defaultdict[int, set[str]] = defaultdict(set)
        for stem in asked:
            best: dict[int, float] = {}
            for other, likeness in meant[stem].items():
                for place, saturated in self._postings[other]:
                    best[place] = max(best.get(place, 0.0), likeness * saturated)
            for place, part in best.items():
                scores[place] += weights[stem] * part
                if not is_asking(stem):
                    spoken[place].add(stem)
        guessed = {other for alike in meant.values() for other, likeness in alike.items() if likeness in _GUESSED}
        likely = sorted(scores, key=lambda place: (-scores[place], place))[:_CANDIDATES]
        most = sum(weights.values()) * (_K1 + 1)
        # saturation never reaches its limit: a word in a way to ask counts as wholly spoken of
        full = 3.0 / (3.0 + _K1)
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        found = []
        for place in likely:
            covered = min(1.0, scores[place] / (most * full))
            nearness, nearest, met, whole = self._nearness(self._entries[place], asked, meant, weights, length)
            score = _NEARNESS * nearness + (1 - _NEARNESS) * covered
            telling = [stem for stem in met if not is_asking(stem)]
            if len(telling) < 2 and not (telling and whole and nearness >= _ALONE_ENOUGH):
                sure = len(spoken[place]) > 1 or self._is_sure(telling, guessed)
                score *= (_ALONE if sure else _UNSURE) if telling else _NONE_MET
                if any(is_asking(stem) and stem not in self._asking_for[place] for stem in asked):
                    score *= _ASKS_OTHERWISE
            found.append(Scored(self._entries[place].answer, score, covered, nearness, nearest, met))
        return sorted(found, key=lambda one: (-one.score, one.answer.key))[:limit]

    def _is_sure(self, telling: Sequence[str], guessed: Collection[str]) -> bool:
        """Whether one answer alone is asked by the one word that met, and that word was written so."""
        return len(telling) == 1 and self._asked_by[telling[0]] < 2 and telling[0] not in guessed

    def _weight(self, stem: str, meant: Mapping[str, float]) -> float:
        if not meant:
            return self._unknown * (_ASKING if is_asking(stem) else 1.0)
        return self._rarity.get(stem) or max(self._rarity[other] for other in meant)

    def _nearness(
        self,
        entry: _Entry,
        asked: Sequence[str],
        meant: Mapping[str, Mapping[str, float]],
        weights: Mapping[str, float],
        length: float,
    ) -> tuple[float, str, tuple[str, ...], bool]:
        """The cosine of the question with the nearest way to ask, that way, its words that met, and whether all did."""
        best: tuple[float, str, tuple[str, ...], bool] = (0.0, "", (), False)
        for way, found, size in entry.ways:
            product, met = 0.0, []
            for stem in asked:
                hit = max(
                    ((likeness, other) for other, likeness in meant[stem].items() if other in found),
                    default=(0.0, ""),
                )
                if hit[0]:
                    product += weights[stem] * hit[0] * self._rarity[hit[1]]
                    met.append(hit[1])
            cosine = min(1.0, product / (length * size))
            if cosine > best[0]:
                best = cosine, way, tuple(met), len(set(met)) == len(found)
        return best

    def _meant(self, asked: Sequence[str]) -> dict[str, dict[str, float]]:
        """By stem of the question, the stems of ours that it may stand for, with how alike they are."""
        found, slipped = {}, 0
        for stem in asked:
            alike = self._by_beginning(stem)
            if stem in self._rarity:
                alike[stem] = 1.0
            elif not alike and slipped < _MOST_SLIPPED:
                slipped += 1
                alike = self._by_slip(stem)
            found[stem] = alike
        return found

    def _by_beginning(self, stem: str) -> dict[str, float]:
        """Stems that share most of their letters from the first one on: deliv, deliveri."""
        if len(stem) < _SHORTEST_BEGINNING or not stem.isalpha():
            return {}
        found = {}
        start = stem[:_SHORTEST_BEGINNING]
        for place in range(bisect_left(self._sorted, start), len(self._sorted)):
            other = self._sorted[place]
            if not other.startswith(start):
                break
            shared = _shared(stem, other)
            if (
                other != stem
                and shared >= 0.6 * max(len(stem), len(other))
                and shared >= min(len(stem), len(other)) - 1
            ):
                found[other] = _BY_BEGINNING
        return found

    def _by_slip(self, stem: str) -> dict[str, float]:
        """Stems from which a letter or two were missed, doubled, mistaken or swapped."""
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        most = next((slips for letters, slips in _SLIPS if len(stem) >= letters), 0)
        if not most or not stem.isalpha():
            return {}
        near = [
            other for size in range(len(stem) - most, len(stem) + most + 1) for other in self._by_length.get(size, ())
        ]
        hits = extract(stem, near, scorer=OSA.distance, score_cutoff=most, limit=4)
        least = min((distance for _, distance, _ in hits), default=0)
        return {other: _BY_SLIP ** int(distance) for other, distance, _ in hits if distance == least}


def _rarity(number: int, having: int) -> float:
    """How rare a word is that ``having`` of ``number`` answers have: BM25's, never nothing."""
    return math.log(1 + (number - having + 0.5) / (having + 0.5)) + 0.3


def _said(question: str) -> str:
    """A question for comparing whole: its words, those that say nothing too."""
    return " ".join(words(question))


def _shared(one: str, other: str) -> int:
    """How many letters both begin with."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _weighed(counts: Mapping[str, Counter[str]], averages: Mapping[str, float]) -> dict[str, float]:
    """BM25F's frequency of each stem: its counts by field, weighed, and less in a field that is long."""
    total: defaultdict[str, float] = defaultdict(float)
    for field, weight in FIELDS.items():
        length = counts[field].total()
        share = 1.0 if field == "asked" else 1 - _B + _B * length / averages[field]
        for stem, count in counts[field].items():
            total[stem] += weight * count / share
    return total
