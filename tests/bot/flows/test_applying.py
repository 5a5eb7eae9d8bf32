"""Flows come into force with the folder; those under way keep their version."""

from pathlib import Path

from bot.flows.applying import FlowsPart
from bot.flows.live import flow_bodies, flow_hash, live_flows
from bot.flows.loading import Flows
from campaigns.applying import Change, apply, diff
from campaigns.definition import Brand, WorkspaceConfig
from campaigns.workspace.loader import Workspace
from core.actors import Actor
from storage.store import Store
from storage.tables import Flow
from tests.bot.flows.flow_files import NOW, loaded
from tests.bot.scene import Scene

MARIA = Actor("operator", "maria")
NOTHING = Workspace(config=WorkspaceConfig(brand=Brand(name="Paper Boat")), segments={}, campaigns={})


async def _apply(store: Store, flows: Flows) -> list[str]:
    done = await apply(store, NOTHING, MARIA, NOW, parts=[FlowsPart(flows)])
    return [str(change) for change in done.changes if change.subject == "flow"]


async def test_a_folder_of_flows_is_applied_and_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    flows = loaded(tmp_path, a="flow: a\nsteps: [{say: Hello}]", b="flow: b\non: {words: [bee]}\nsteps: [{say: Bee}]")
    first = flow_hash(flows.bodies["a"])
    assert await _apply(store, flows) == [
        f"add flow a: version {first[:8]}", f"add flow b: version {flow_hash(flows.bodies['b'])[:8]}"
    ]  # fmt: skip
    assert await _apply(store, flows) == []
    async with store.read() as connection:
        live = await live_flows(connection)
        assert live.bodies == flows.bodies
        assert live is await live_flows(connection)
        assert live.called_by("Bee!") == "b"
    changed = loaded(tmp_path, a="flow: a\nsteps: [{say: Hi}]")
    (tmp_path / "flows/b.yaml").unlink()
    changed = loaded(tmp_path)
    assert [change.action for change in await diff(store, NOTHING, parts=[FlowsPart(changed)])] == ["change", "remove"]
    await _apply(store, changed)
    async with store.read() as connection:
        assert set((await live_flows(connection)).bodies) == {"a"}
        assert (await flow_bodies(connection, [first]))[first] == flows.bodies["a"]  # for whoever began with it
    audited = await Scene(store).all(Flow)
    assert [row.name for row in audited] == ["a"]


def test_a_change_names_its_flow() -> None:
    assert str(Change("add", "flow", "a")) == "add flow a"
