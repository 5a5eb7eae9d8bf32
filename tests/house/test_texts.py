"""What our files may not say, whatever kind they are."""

import re
import subprocess

import pytest

from tests.house.source import ROOT

FORBIDDEN = {
    "a promise that nobody can keep": r"exactly[ -_]once",
    "a machine's own path": r"(?<![\w.~-])/(?:work|root|Users)/\w|(?<![\w.~-])/home/(?!me\b)\w+/",
    "a package index's address": r"--(extra-)?index-url|--find-links|pypi-[a-z]+/simple",
    "a merge left open": r"^(<{7} |>{7} )",
}
BINARY = {".png", ".jpg", ".mo", ".woff2", ".parquet"}


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.splitlines() if name != "tests/house/test_texts.py"]


def _breaches(pattern: str) -> list[str]:
    found = []
    for name in _files():
        path = ROOT / name
        if path.suffix in BINARY or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in re.finditer(pattern, text, re.IGNORECASE | re.MULTILINE):
            found.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}")
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nowhere(what: str) -> None:
    assert not _breaches(FORBIDDEN[what])


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a promise that nobody can keep", "delivered Exactly once"),
        ("a machine's own path", "open('/home/anna/data.csv')"),
        ("a package index's address", "pip install --index-url x"),
        ("a merge left open", "<<<<<<< HEAD"),
    ],
)
def test_a_breach_is_seen(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text, re.IGNORECASE | re.MULTILINE)


def test_addresses_and_numbers_are_reserved_ones() -> None:
    """Nobody real is written to by an example: mail goes to names that RFC 2606 keeps."""
    allowed = re.compile(r"(^|\.)(example|invalid|test|localhost|local)$|(^|\.)example\.(com|org|net)$")
    real = []
    for name in _files():
        if name.startswith(("examples/", "otklik/starter/", "docs/")) or name.endswith((".md", ".env.example")):
            path = ROOT / name
            if path.suffix in BINARY or not path.is_file():
                continue
            text = path.read_text(encoding="utf-8")
            for address in re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", text):
                if not allowed.search(address.lower()):
                    real.append(f"{name}: {address}")
    assert not real
