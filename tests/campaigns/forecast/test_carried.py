"""What a plan says of files: how many go with each message of a step, and what that weighs."""

from pathlib import Path

from rich.console import Console

from campaigns.forecast.carried import carried
from campaigns.forecast.planning import plan_workspace
from campaigns.workspace.loader import load_workspace
from core.messages import EMAIL, SMS, TELEGRAM, WHATSAPP
from otklik.planning import print_plan
from storage.store import Store
from tests.bot.scene import Scene
from tests.campaigns.sending.test_files import JPEG, PDF, PNG, write_shop
from tests.conftest import NOW


def test_the_heaviest_text_of_a_step_counts(tmp_path: Path) -> None:
    write_shop(tmp_path)
    (tmp_path / "templates/menu/telegram.ru.md").write_text("---\nattach: [menu.jpg]\n---\nМеню")
    body = load_workspace(tmp_path).campaigns["menu"]
    weights = {
        channel: carried(body, f"send-{channel}", "main", channel) for channel in (EMAIL, TELEGRAM, WHATSAPP, SMS)
    }
    assert weights == {
        EMAIL: (2, len(PDF) + len(PNG)), TELEGRAM: (2, len(PDF) + len(JPEG)), WHATSAPP: (1, len(JPEG)), SMS: (0, 0)
    }  # fmt: skip
    assert carried(body, "nowhere", "main", EMAIL) == (0, 0)


async def test_a_plan_tells_it(store: Store, tmp_path: Path) -> None:
    scene = Scene(store)
    for _ in range(3):
        await scene.person()
    write_shop(tmp_path)
    (tmp_path / "files/list.pdf").write_bytes(PDF + bytes(1_500_000))
    plan = await plan_workspace(store, load_workspace(tmp_path), NOW)
    console = Console(record=True, width=120)
    print_plan(console, plan, "en")
    told = console.export_text()
    assert "send-email, Email: files with each message: 2, 1.5 MB" in told
