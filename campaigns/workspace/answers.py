"""``answers/TOPIC[.LOCALE].md`` → :class:`campaigns.definition.answers.Answer`, every problem with its line.

A ``##`` heading is a question, ``###`` headings right under it are other ways to ask it, what follows is the answer.
A ``#`` heading names the topic. Front matter: ``locale``, ``tags``, ``buttons``, ``escalate``, ``feedback``; it holds
for every question of its file.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from campaigns.definition.answers import Answer, AnswerButton
from campaigns.reading.fields import Fields
from campaigns.workspace.locales import locale_code
from core.marks import parsed
from core.reading.problems import Problems, WorkspaceInvalid
from core.reading.yaml import Sequence, read_yaml
from core.text import folded

FOLDER = "answers"
MAX_FILE_BYTES = 256_000
MAX_ANSWERS = 5_000
MOST_CHARACTERS = 4_000_000
LONGEST_QUESTION = 300
LONGEST_ANSWER = 4_000
SAID_WHOLE_EVERYWHERE = 1_500
"""Characters that SMS and WhatsApp still carry, with the question whether it helped."""
MOST_PHRASINGS = 50
MOST_TAGS = 50
MOST_BUTTONS = 6
_FILE = re.compile(r"(?P<topic>[a-z0-9][a-z0-9_-]{0,62})(?:\.(?P<locale>[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})?))?\.md")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+(.*?))?[ \t]*#*[ \t]*")
_NAMED = re.compile(r"(.*?)[ \t]*\{#([^}]*)\}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")


@dataclass(slots=True)
class _Question:
    """A heading with what stands below it, while the file is read."""

    line: int
    name: str
    questions: list[str]
    body: list[str] = field(default_factory=list)
    first: int = 0  # line of the body's first word


@dataclass(frozen=True, slots=True)
class _Front:
    """What holds for every question of a file; ``length`` is its lines."""

    locale: str = ""
    tags: tuple[str, ...] = ()
    buttons: tuple[AnswerButton, ...] = ()
    escalate: bool = False
    feedback: bool = True
    length: int = 0


def load_answers(
    names: Iterable[str], read: Callable[[str, int], bytes | None], default_locale: str, problems: Problems
) -> tuple[Answer, ...]:
    """Every answer of the files with these ``names``; ``read`` gives up to so many bytes, None after a problem."""
    texts: dict[str, str] = {}
    for name in names:
        file = f"{FOLDER}/{name}"
        content = read(file, MAX_FILE_BYTES)
        try:
            if content is not None:
                texts[file] = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problems.add(file, 0, f"byte {error.start} is not UTF-8; save the file as UTF-8")
    if sum(map(len, texts.values())) > MOST_CHARACTERS:
        problems.add(FOLDER, 0, f"more than {MOST_CHARACTERS:,} characters in all; shorten the answers")
        return ()
    return read_answers(texts, default_locale, problems)


def read_answers(texts: Mapping[str, str], default_locale: str, problems: Problems) -> tuple[Answer, ...]:
    """Every answer of ``texts`` (by file, such as ``answers/delivery.ru.md``); what could not be read is a problem.

    Two answers may not share an id in one language, nor a question: nobody could say which of them is meant.
    """
    found: list[Answer] = []
    lines: dict[str, str] = {}
    asked: dict[tuple[str, str], str] = {}
    for file in sorted(texts):
        for line, answer in _read(file, texts[file], default_locale, problems):
            where = f"{file}:{line}"
            if lines.setdefault(answer.key, where) != where:
                said = f"{answer.id!r} is in {lines[answer.key]} already, in the same language"
                problems.add(file, line, f"{said}; name one of them: ## Question {{#other-name}}")
                continue
            for question in answer.questions:
                key = answer.locale, folded(question).strip("?!.؟ ")
                if asked.setdefault(key, where) != where:
                    problems.add(file, line, f"{question!r} is asked in {asked[key]} already; keep one of them")
            found.append(answer)
    if len(found) > MAX_ANSWERS:
        problems.add(FOLDER, 0, f"more than {MAX_ANSWERS:,} answers; write fewer, with more ways to ask each")
    return tuple(found)


def _read(file: str, text: str, default_locale: str, problems: Problems) -> Iterator[tuple[int, Answer]]:
    named = _FILE.fullmatch(file.removeprefix(f"{FOLDER}/"))
    if named is None:
        problems.add(file, 0, "not a name for answers; write one such as delivery.md or delivery.ru.md")
        return
    control = _CONTROL.search(text)
    if control:
        problems.add(file, text.count("\n", 0, control.start()) + 1, "an invisible control character; remove it")
        return
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n")
    front = _front_matter(lines, file, problems)
    if front is None:
        return
    locale = _locale(named["locale"] or "", front.locale, file, problems) or default_locale
    title, questions = _headings(lines, front.length, file, problems)
    for question in questions:
        body = _body(question, file, problems)
        if not question.questions[0] or not body:
            continue
        topic = named["topic"]
        yield (
            question.line,
            Answer(
                id=f"{topic}/{question.name or _slug(question.questions[0])}",
                topic=topic,
                locale=locale,
                questions=tuple(dict.fromkeys(question.questions)),
                body=body,
                title=title,
                tags=front.tags,
                buttons=front.buttons,
                escalate=front.escalate,
                feedback=front.feedback,
            ),
        )
    if not questions:
        problems.add(file, 0, "there is no question; write one as a heading: ## How long does delivery take?")


def _locale(by_name: str, by_front: str, file: str, problems: Problems) -> str:
    if not by_name:
        return by_front
    try:
        code = locale_code(by_name)
    except ValueError as error:
        problems.add(file, 0, str(error))
        return by_front
    if by_front and by_front != code:
        problems.add(file, 1, f"the file's name says {code}, its front matter {by_front}; remove one of them")
    return code


def _front_matter(lines: list[str], file: str, problems: Problems) -> _Front | None:
    if not lines or lines[0].rstrip() != "---":
        return _Front()
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)
    if not end:
        problems.add(file, 1, "the front matter has no end; close it with a line of ---")
        return None
    try:
        node = read_yaml("\n".join(lines[1:end]), file, first_line=2)
    except WorkspaceInvalid as error:
        for problem in error.problems:
            problems.add(problem.file, problem.line, problem.message)
        return None
    if node is None:
        return _Front(length=end + 1)
    fields = Fields.of(node, file, problems, "the front matter")
    if fields is None:
        return None
    front = _Front(
        locale=fields.parsed("locale", locale_code, ""),
        tags=_tags(fields),
        buttons=_buttons(fields),
        escalate=fields.flag("escalate"),
        feedback=fields.flag("feedback", default=True),
        length=end + 1,
    )
    fields.finish()
    return front


def _tags(fields: Fields) -> tuple[str, ...]:
    tags = [tag.strip() for tag in fields.words("tags") or []]
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_QUESTION for tag in tags):
        fields.problem("tags", f"up to {MOST_TAGS} tags of up to {LONGEST_QUESTION} characters; write fewer")
        return ()
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _buttons(fields: Fields) -> tuple[AnswerButton, ...]:
    node = fields.get("buttons")
    if node is None:
        return ()
    if not isinstance(node, Sequence) or len(node.items) > MOST_BUTTONS:
        hint = "such as [{label: Our prices, url: https://example.com/prices}]"
        fields.problem("buttons", f"'buttons' must be a list of up to {MOST_BUTTONS}, {hint}")
        return ()
    made = []
    for item in node.items:
        button = Fields.of(item, fields.file, fields.problems, "a button")
        if button is None:
            continue
        label, url = button.text("label", required=True, limit=100).strip(), button.parsed("url", _web_address, "")
        button.finish()
        if label:
            made.append(AnswerButton(label=label, url=url))
    return tuple(made)


def _web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s<>\"'{}]{1,1000}", text):
        raise ValueError(f"{text[:80]!r} is no address; write one that begins with https://")
    return text


def _headings(lines: list[str], start: int, file: str, problems: Problems) -> tuple[str, list[_Question]]:
    """The topic's title and its questions, in the order of the file."""
    title, found = "", list[_Question]()
    fenced = False
    for number, line in enumerate(lines[start:], start + 1):
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.fullmatch(line)
        if heading is None:
            if found:
                question = found[-1]
                question.first = question.first or (number if line.strip() else 0)
                question.body.append(line)
            elif line.strip():
                problems.add(file, number, "words before the first question; put them below a heading: ## Question?")
            continue
        depth, words = len(heading[1]), (heading[2] or "").strip()
        if depth == 1:
            if title or found:
                problems.add(file, number, "the topic has one name, at the top; write a question as ## Question?")
            title = title or words
        elif depth == 2:
            found.append(_question(words, number, file, problems))
        elif found and not found[-1].first:
            _rephrase(found[-1], words, depth, number, file, problems)
        else:
            hint = "other ways to ask stand right under their ## heading; within an answer write *bold*"
            problems.add(file, number, f"a heading of {depth} # has no question above it; {hint}")
    return title[:LONGEST_QUESTION], found


def _question(words: str, line: int, file: str, problems: Problems) -> _Question:
    named = _NAMED.fullmatch(words)
    name = ""
    if named is not None:
        words, name = named[1], named[2]
        if not _NAME.fullmatch(name):
            problems.add(file, line, f"{name[:80]!r} is not a name; write a-z, 0-9, - and _, such as {{#how-long}}")
            name = ""
    return _Question(line, name, [_phrase(words, line, file, problems)])


def _rephrase(question: _Question, words: str, depth: int, line: int, file: str, problems: Problems) -> None:
    if depth != 3:
        problems.add(file, line, "another way to ask has three #; write ### Question?")
        return
    phrase = _phrase(words, line, file, problems)
    if len(question.questions) == MOST_PHRASINGS:
        problems.add(file, line, f"more than {MOST_PHRASINGS} ways to ask one question; keep those that differ most")
    if phrase and len(question.questions) < MOST_PHRASINGS:
        question.questions.append(phrase)


def _phrase(words: str, line: int, file: str, problems: Problems) -> str:
    if not words.strip():
        problems.add(file, line, "the heading is empty; write the question as customers ask it")
    elif len(words) > LONGEST_QUESTION:
        problems.add(file, line, f"the question is longer than {LONGEST_QUESTION} characters; shorten it")
        return ""
    return words.strip()


def _body(question: _Question, file: str, problems: Problems) -> str:
    body = "\n".join(question.body).strip()
    line = question.first or question.line
    if not body:
        problems.add(file, question.line, "the question has no answer; write it below its heading")
    elif re.search(r"\{\{|\{%", body):
        problems.add(file, line, "an answer is the same for everybody, {{ }} is not filled in; write the words out")
    elif (length := len(parsed(body).text)) > LONGEST_ANSWER:
        problems.add(file, line, f"the answer is longer than {LONGEST_ANSWER:,} characters; shorten it, or split it")
    else:
        if length > SAID_WHOLE_EVERYWHERE:
            said = f"the answer has {length:,} characters; SMS and WhatsApp carry {SAID_WHOLE_EVERYWHERE:,}"
            problems.warn(file, line, f"{said}, there it is cut")
        return body
    return ""


def _slug(question: str) -> str:
    """A name made of the question's own words, in any script."""
    return "-".join(re.findall(r"\w+", folded(question)))[:60].strip("-") or "question"
