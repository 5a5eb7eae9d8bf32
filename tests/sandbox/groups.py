"""A group of staff in the sandbox's Telegram, as its members see it."""

from dataclasses import dataclass
from typing import Any

from tests.sandbox.scene import Running

GROUP = -1001234567890
OLGA: dict[str, Any] = {"key": "olga", "name": "Olga Reed", "telegram": {"user_id": 7001}}
PAVEL: dict[str, Any] = {"key": "pavel", "name": "Pavel", "lang": "ru", "telegram": {"user_id": 7002}}


@dataclass
class StaffGroup:
    """One group. Topics are named by their number or by what they are called."""

    sandbox: Running
    id: int = GROUP

    async def set_up(self, **settings: Any) -> "StaffGroup":
        """Make it, with Olga (administrator) and Pavel in it, or change it."""
        if not any(group.id == self.id for group in self.sandbox.world.groups):
            self.sandbox.world.add_people([OLGA, PAVEL])
            settings = {"title": "Support", "members": {"olga": "administrator", "pavel": "member"}} | settings
        await self.sandbox.post("/control/telegram/groups", {"id": self.id, **settings})
        return self

    async def do(self, do: str, topic: int | str = 0, person: str = "olga", **more: Any) -> dict[str, Any]:
        """Somebody acts; ``{"message", "topic", "heard"}``."""
        thread = topic if isinstance(topic, int) else await self.thread(topic)
        deed = {"do": do, "person": person, "topic": thread, **more}
        done: dict[str, Any] = await self.sandbox.post(f"/api/groups/{self.id}/do", deed)
        return done

    async def topics(self) -> list[dict[str, Any]]:
        """Those that were made, oldest first."""
        state = await self.sandbox.get(f"/api/groups/{self.id}")
        return [topic for topic in state["topics"] if topic["id"]]

    async def thread(self, name: str) -> int:
        """The number of the newest topic whose name begins so."""
        return max(int(topic["id"]) for topic in await self.topics() if topic["name"].startswith(name))

    async def posts(self, topic: int | str, by: str = "company") -> list[dict[str, Any]]:
        """What somebody wrote in a topic, without Telegram's own lines."""
        thread = topic if isinstance(topic, int) else await self.thread(topic)
        none: dict[str, Any] = {"posts": []}
        found = next((one for one in await self.topics() if one["id"] == thread), none)
        return [post for post in found["posts"] if post["by"] == by and not post["kind"].startswith("forum_topic")]

    async def text(self, topic: int | str, by: str = "company") -> str:
        """All of that as one text."""
        return "\n~\n".join(post["text"] for post in await self.posts(topic, by))
