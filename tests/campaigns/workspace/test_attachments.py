"""What a marketer is told of the files that texts attach: each mistake in words, with its file and line."""

from pathlib import Path

import pytest

from campaigns.templates.attachments import MEDIA_TYPES, media_type_of
from campaigns.workspace.files import MAX_FILE_BYTES
from campaigns.workspace.loader import load_workspace
from tests.campaigns.sending.test_files import HX, JPEG, PDF, PNG, TEXTS, write_shop
from tests.campaigns.workspace.small_shop import expect, said

WINDOW = "outside of 24 hours the approved template goes out, without the file"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A shop that sends its menu everywhere."""
    return write_shop(tmp_path)


def rewrite(folder: Path, name: str, attach: str) -> None:
    text = TEXTS[name].split("attach: ")
    (folder / "templates/menu" / name).write_text(f"{text[0]}attach: {attach}\n---{text[1].partition('---')[2]}")


def problems(folder: Path) -> list[str]:
    return said(folder)[0]


def test_what_is_right_says_only_what_whatsapp_does(folder: Path) -> None:
    expect(folder, WINDOW, place="templates/menu/whatsapp.txt:3:", warned=True)


WRONG = [
    ("telegram.md", "[lst.pdf]", 2, "there is no lst.pdf in templates/menu or files; did you mean 'list.pdf'?"),
    ("telegram.md", "[../otklik.yaml]", 2, "is no file of this workspace"),
    ("telegram.md", "[/etc/passwd]", 2, "is no file of this workspace"),
    ("telegram.md", "[.git]", 2, "is no file of this workspace"),
    ("telegram.md", "list.pdf", 2, "'attach' must be a list"),
    ("telegram.md", "[{name: x.pdf}]", 2, "an attached file has no 'file'"),
    ("telegram.md", "[{file: list.pdf, nme: x}]", 2, "unknown key 'nme' in an attached file; did you mean 'name'?"),
    ("telegram.md", "[{file: list.pdf, name: a/b}]", 2, "is no name for a file"),
    ("telegram.md", "[{file: menu.jpg, inline: menu}]", 2, "only a letter of your own design has a place"),
    ("email.html", "[{file: logo.png, inline: my logo}]", 3, "is no name for a picture in a letter"),
    ("email.html", "[{file: logo.png, inline: logo}, {file: menu.jpg, inline: logo}]", 3, "two files are inline as"),
    ("email.html", "[{file: logo.png, inline: logo}, {file: menu.jpg, inline: menu}]", 3, "shows cid:menu nowhere"),
    ("email.html", "[{file: list.pdf, inline: logo}]", 3, "list.pdf is no picture"),
    ("email.html", "[logo.png]", 5, "cid:logo is no file that this letter has"),
    ("whatsapp.txt", "[menu.jpg, list.pdf]", 3, "whatsapp carries one file in a message, not 2"),
    ("telegram.md", f"[{', '.join(['menu.jpg'] * 11)}]", 2, "telegram carries 10 files in a message, not 11"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attach", "line", "words"), WRONG)
def test_a_mistake(folder: Path, name: str, attach: str, line: int, words: str) -> None:
    rewrite(folder, name, attach)
    found = [problem for problem in problems(folder) if words in problem]
    assert found, problems(folder)
    assert found[0].startswith(f"templates/menu/{name}:{line}: ")


def test_files_of_several_texts_stand_in_one_folder_or_below(folder: Path) -> None:
    (folder / "files/2026").mkdir()
    (folder / "files/2026/spring.pdf").write_bytes(PDF)
    rewrite(folder, "telegram.md", "[2026/spring.pdf]")
    body = load_workspace(folder).campaigns["menu"]
    assert set(body.files) == {
        "files/2026/spring.pdf", "files/list.pdf", "templates/menu/logo.png", "templates/menu/menu.jpg"
    }  # fmt: skip


CONTENTS = [
    ("menu.jpg", b"", "the file is empty"),
    ("menu.jpg", PNG, "this is not what its name says (image/jpeg)"),
    ("menu.jpg", JPEG + bytes(MAX_FILE_BYTES), "larger than 16777 kB"),
]


@pytest.mark.parametrize(("name", "content", "words"), CONTENTS)
def test_a_file_that_cannot_go(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / "templates/menu" / name).write_bytes(content)
    found = [problem for problem in problems(folder) if words in problem]
    assert [problem.partition(": ")[0] for problem in found] == [f"templates/menu/{name}"]


def test_programs_are_refused(folder: Path) -> None:
    (folder / "files/setup.exe").write_bytes(b"MZ")
    rewrite(folder, "telegram.md", "[setup.exe]")
    assert "files/setup.exe: mail servers refuse programs; attach a document, or link to it" in problems(folder)


def test_what_whatsapp_does_not_take(folder: Path) -> None:
    (folder / "files/all.zip").write_bytes(b"PK\x03\x04")
    rewrite(folder, "whatsapp.txt", "[all.zip]")
    assert [problem.partition(";")[0] for problem in problems(folder)][:1] == [
        "templates/menu/whatsapp.txt:3: WhatsApp takes no such file as all.zip"
    ]


def test_files_too_large_together_for_a_letter(folder: Path) -> None:
    (folder / "files/list.pdf").write_bytes(PDF + bytes(10_000_000))
    (folder / "templates/menu/logo.png").write_bytes(PNG + bytes(9_000_000))
    (found,) = problems(folder)
    assert found.startswith("templates/menu/email.html:3: the files of this text have 19.0 MB; email carries 18 MB")


def test_a_file_that_nothing_attaches_is_told(folder: Path) -> None:
    (folder / "templates/menu/old.jpg").write_bytes(JPEG)
    assert problems(folder) == ["templates/menu/old.jpg: no text here attaches it; name it under attach:, or remove it"]


def test_a_link_out_of_the_workspace_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.pdf"
    secret.write_bytes(PDF)
    (folder / "files/list.pdf").unlink()
    (folder / "files/list.pdf").symlink_to(secret)
    assert "files/list.pdf: this leads out of the workspace; put the file itself here" in problems(folder)


def test_a_campaign_without_files_keeps_its_version(folder: Path) -> None:
    for path in (folder / "templates/menu").iterdir():
        if path.name not in TEXTS:
            path.unlink()
    for name, text in TEXTS.items():
        plain = "\n".join(line for line in text.split("\n") if not line.startswith("attach:"))
        (folder / "templates/menu" / name).write_text(plain.replace('<img src="cid:logo">', ""))
    assert "files" not in load_workspace(folder).campaigns["menu"].as_json()
    assert HX in str(load_workspace(folder).campaigns["menu"].as_json())


def test_media_types_do_not_depend_on_the_machine() -> None:
    assert (media_type_of("a.JPG"), media_type_of("a.tar.gz"), media_type_of("a")) == (
        "image/jpeg", "application/octet-stream", "application/octet-stream"
    )  # fmt: skip
    assert len(MEDIA_TYPES) == len({name.lower() for name in MEDIA_TYPES})
