"""The demo from end to end: real processes, real protocols; the sandbox's ledger is the oracle's witness."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

SECONDS = 900


async def _demo(*arguments: str, folder: Path) -> tuple[int, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTKLIK_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "otklik", "demo", "--once", "--keep", str(folder / "kept"), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
        env={**environment, "COLUMNS": "160"},
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode()


@pytest.mark.timeout(SECONDS + 30)
async def test_ledgers_store_and_oracle_agree(tmp_path: Path) -> None:
    code, output = await _demo("--count", "260", folder=tmp_path)
    assert code == 0, output
    assert "the store and the oracle agree" in output
    for channel in ("Email", "WhatsApp", "Telegram", "SMS"):
        assert channel in output
    for kind in ("automatic replies", "opt-outs", "clicks", "replies"):
        assert kind in output
    answered = re.search(r"(\d+) conversations? handed over by the bot and answered by people", output)
    assert answered is not None, output
    assert int(answered[1]) > 0, "whom the bot hands over gets a person"
    assert "2 customers asked for a person and are with people now." in output, (
        "who asked on the last morning waits for the visitor"
    )


@pytest.mark.timeout(SECONDS + 30)
async def test_it_starts_at_any_date_with_given_purchases(tmp_path: Path) -> None:
    """Customers come from the file; who has not ordered for a year is so on the demo's own day."""
    events = tmp_path / "orders.csv"
    rows = [f"A-{number},{number:03},{'1997-02-03' if number % 3 else '1998-05-04'},10.00" for number in range(60)]
    events.write_text("order_id,customer_id,ordered_at,amount_usd\n" + "\n".join(rows) + "\n")
    code, output = await _demo("--events", str(events), "--now", "1998-07-01", "--lang", "ru", folder=tmp_path)
    assert code == 0, output
    assert ": 40 человек" in output
    assert "1998-07-01" in output
