"""The editor of the bot's answers: a topic in its languages, and a question to ask it before it is in force."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from bot.answers.index import THRESHOLD, Index
from bot.answers.looking import look_up
from desk.answers.pages import LONGEST, told
from desk.campaigns.editing.editor import Editor, Opened
from desk.campaigns.editing.folder import Draft, Folder, editable
from desk.campaigns.editing.form import Form
from desk.campaigns.editing.subject import Kind, Subject
from desk.rendering import Reader


class AnswerFilePages(Editor):
    """The files of a topic, one a language. Answers come into force whole: what others changed is said before."""

    kind: ClassVar[Kind] = Kind.ANSWERS
    begins: ClassVar[str] = "/new-answers"
    added_below: ClassVar[str] = "answers/"

    def _answering(self, do: str) -> Callable[[Request, Opened], Awaitable[Response]] | None:
        return {"ask": self._ask}.get(do) or super()._answering(do)

    async def _ask(self, request: Request, opened: Opened) -> Response:
        """What would be found among all answers of the folder, with these as they are written now."""
        _, loaded = self._ready(opened)
        question = opened.form.given.get("question", "")[:LONGEST]
        if not question:
            return await self._page(request, opened)
        index = await asyncio.to_thread(Index.build, loaded.workspace.answers)
        finding = await asyncio.to_thread(look_up, index, question, opened.me.locale)
        answer = {"kind": "found", "finding": finding, "told": told(finding), "sure": round(100 * THRESHOLD)}
        return await self._page(request, opened, answer)

    async def _files(self, request: Request, subject: Subject, *, new: bool) -> Form:
        """All files of the topic; ``?file=`` and ``?question=`` begin an answer to what was asked in vain."""
        bench = self._bench
        assert bench is not None  # noqa: S101  nothing is opened without
        folder, given = Folder(bench.folder), request.query_params
        question = " ".join(given.get("question", "").replace("{", "(").replace("}", ")").split()).strip("# ")[:LONGEST]
        wanted = given.get("file", subject.file)

        def read() -> Sequence[Draft]:
            own = [path for path in folder.files_of(Kind.ANSWERS) if path.split("/")[1].split(".")[0] == subject.name]
            mine = editable(wanted) and wanted.startswith(f"answers/{subject.name}.")
            first = wanted if mine else subject.file
            if first not in own and (mine or not own):
                own.append(first)
            drafts = []
            for path in sorted(own, key=lambda path: (path != first, path)):
                there = folder.read(path)
                text = there.text
                if path == first and (question or not there.mark):
                    text = f"{text.rstrip()}\n\n## {question}\n\n".lstrip("\n")
                drafts.append(Draft(path, text, there.mark))
            return drafts

        return Form(await asyncio.to_thread(read))

    async def _more(self, opened: Opened, reader: Reader) -> dict[str, Any]:
        return {}
