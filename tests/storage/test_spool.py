"""Deliveries on disk: whole or told, in their order, bounded, and for this user's eyes only."""

import errno
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import machine_now, to_micros
from core.errors import ConfigurationError, StoreUnavailable
from storage.spool import ASIDE, PART, WHOLE, DiskSpool, Row

ROOM = 1 << 20


def rows(key: str, payload: bytes = b"\x00\xff{}") -> list[Row]:
    return [("bot", key, "telegram", payload, '{"a": "é"}', 1_790_000_000_000_000)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def emptied(spool: DiskSpool) -> list[str]:
    """The keys of what can be read, in their order; the spool has nothing left."""
    keys = []
    while found := await spool.first():
        keys += [row[1] for delivery in found for row in delivery]
        await spool.drop()
    return keys


async def test_what_was_kept_comes_back_as_it_was_after_a_restart_in_its_order(tmp_path: Path) -> None:
    spool = await DiskSpool.open(tmp_path / "spool", ROOM)
    one, two = [rows("1"), rows("2", bytes(range(256)))], [rows("3") + rows("4")]
    await spool.keep(one)
    await spool.keep(two)
    again = await DiskSpool.open(tmp_path / "spool", ROOM)
    assert again.waiting == 2
    assert await again.first() == one
    assert await again.first() == one  # until it is dropped
    await again.drop()
    assert await again.first() == two
    await again.drop()
    assert await again.first() == []
    assert again.waiting == 0
    assert names(tmp_path / "spool") == []
    assert await emptied(spool) == []  # whose files another has stored


async def test_small_files_come_together_and_go_together(tmp_path: Path) -> None:
    spool = await DiskSpool.open(tmp_path, ROOM)
    for key in "12345":
        await spool.keep([rows(key, b"x" * 600)])
    found = await spool.first(1500)  # the second file reaches it, in base64
    assert [delivery[0][1] for delivery in found] == ["1", "2"]
    await spool.keep([rows("6")])
    await spool.drop()
    (tmp_path / sorted(names(tmp_path))[1]).write_bytes(b"torn")
    assert [delivery[0][1] for delivery in await spool.first(ROOM)] == ["3", "5", "6"]
    await spool.drop()
    assert spool.waiting == 0
    assert [Path(name).suffix for name in names(tmp_path)] == [ASIDE]


async def test_a_file_that_was_cut_or_changed_anywhere_is_set_aside_and_holds_up_nothing(tmp_path: Path) -> None:
    spool = await DiskSpool.open(tmp_path / "made", ROOM)
    await spool.keep([rows("1")])
    (path,) = (tmp_path / "made").iterdir()
    whole = path.read_bytes()
    broken = [whole[:length] for length in range(len(whole))]
    broken += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    folder = tmp_path / "read"
    folder.mkdir()
    for number, content in enumerate(broken):
        (folder / f"{number:04}{WHOLE}").write_bytes(content)
    (folder / f"v{WHOLE}").write_bytes(whole)
    found = await DiskSpool.open(folder, ROOM)
    assert await emptied(found) == ["1"]
    assert await found.aside() == len(broken)
    assert {each.suffix for each in folder.iterdir()} == {ASIDE}
    assert await emptied(await DiskSpool.open(folder, ROOM)) == []


async def test_beyond_its_room_nothing_is_kept_until_something_was_stored(tmp_path: Path) -> None:
    spool = await DiskSpool.open(tmp_path, 1500)
    await spool.keep([rows("1", b"x" * 900)])
    with pytest.raises(StoreUnavailable, match="OTKLIK_SPOOL_MB"):
        await spool.keep([rows("2", b"x" * 900)])
    again = await DiskSpool.open(tmp_path, 1500)
    with pytest.raises(StoreUnavailable, match="no room"):
        await again.keep([rows("2", b"x" * 900)])
    assert await emptied(spool) == ["1"]
    await spool.keep([rows("2", b"x" * 900)])
    assert await emptied(spool) == ["2"]


@pytest.mark.parametrize("call", ["fsync", "open", "rename"])
async def test_a_full_disk_is_no_promise_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    spool = await DiskSpool.open(tmp_path, ROOM)

    def full(*given: object, **more: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            await spool.keep([rows("1")])
    assert spool.waiting == 0
    assert names(tmp_path) == []
    await spool.keep([rows("2")])
    assert await emptied(spool) == ["2"]


async def test_parts_were_never_promised_and_old_ones_go(tmp_path: Path) -> None:
    for name, age in (("young", timedelta(minutes=1)), ("old", timedelta(hours=2))):
        part = tmp_path / f"{name}{PART}"
        part.write_bytes(b"otklik-deliver")
        written = to_micros(machine_now() - age) * 1000
        os.utime(part, ns=(written, written))
    spool = await DiskSpool.open(tmp_path, ROOM)
    assert await emptied(spool) == []
    assert names(tmp_path) == [f"young{PART}"]  # perhaps another process is at it


async def test_nobody_else_reads_what_customers_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "spool"
    spool = await DiskSpool.open(folder, ROOM)
    await spool.keep([rows("1")])
    (path,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_folder_that_cannot_be_used_is_told_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigurationError, match="OTKLIK_DATA_DIR"):
        await DiskSpool.open(tmp_path / "data" / "spool", ROOM)


@pytest.mark.parametrize(("number", "left"), [(errno.EMFILE, 2), (errno.EIO, 1)])
async def test_a_file_that_cannot_be_read_now_is_read_later_and_one_on_bad_sectors_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, left: int
) -> None:
    spool = await DiskSpool.open(tmp_path, ROOM)
    for key in "12":
        await spool.keep([rows(key)])
    first = tmp_path / names(tmp_path)[0]
    read = Path.read_bytes

    def fails(path: Path) -> bytes:
        if path == first:
            raise OSError(number, os.strerror(number))
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", fails)
        if number == errno.EIO:
            assert await spool.first() == [rows("2")]
        else:
            with pytest.raises(StoreUnavailable, match="Too many open files"):
                await spool.first()
    assert spool.waiting == left
    assert await spool.aside() == 2 - left
    assert await emptied(spool) == ["1", "2"][2 - left :]
