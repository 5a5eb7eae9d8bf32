"""What `otklik doctor` says of the desk's groups, against the sandbox."""

from collections.abc import AsyncIterator

import pytest

from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from core.errors import ConfigurationError
from sandbox.telegram.bot import DEFAULT_TOKEN
from tests.sandbox.groups import GROUP, StaffGroup
from tests.sandbox.scene import running


@pytest.fixture
async def group() -> AsyncIterator[StaffGroup]:
    async with running() as sandbox:
        yield StaffGroup(sandbox)


async def check(group: StaffGroup) -> str:
    desk = frozenset({str(GROUP)})
    adapter = TelegramAdapter(TelegramSettings("bot", DEFAULT_TOKEN, base_url=group.sandbox.url, desk_groups=desk))
    await adapter.open()
    try:
        return await adapter.check()
    finally:
        await adapter.close()


async def test_a_group_that_is_set_up_is_named(group: StaffGroup) -> None:
    await group.set_up()
    assert f"keeps topics in Support ({GROUP})" in await check(group)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (None, "add it there as an administrator"),
        ({"bot": "kicked"}, "add it there as an administrator"),
        ({"forum": False}, "switch Topics on"),
        ({"can_manage_topics": False}, "the right Manage Topics"),
        ({"bot": "member"}, "the right Manage Topics"),
    ],
)
async def test_what_is_to_be_changed_is_told(group: StaffGroup, settings: dict[str, object] | None, words: str) -> None:
    if settings is not None:
        await group.set_up(**settings)
    with pytest.raises(ConfigurationError, match=words):
        await check(group)
