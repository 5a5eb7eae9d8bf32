"""Routes of the groups with topics: set up by whoever sets a scene, read and written in by the page and by tests."""

from aiohttp import web

from sandbox.guard import read_object
from sandbox.telegram.groups import Group
from sandbox.telegram.staff import DEEDS, parse_group_deed
from sandbox.wire import json_response
from sandbox.world import World


class GroupRoutes:
    """Routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.post("/control/telegram/groups", self.set_up),
            web.get("/api/groups", self.all),
            web.get("/api/groups/{id:-?[0-9]+}", self.one),
            web.post("/api/groups/{id:-?[0-9]+}/do", self.do),
        ]

    async def set_up(self, request: web.Request) -> web.Response:
        """POST groups {id, title, forum, bot, can_manage_topics, closed_to_all, members: {key: role}}."""
        return json_response(self._world.groups.set_up(await read_object(request)).settings())

    async def all(self, request: web.Request) -> web.Response:
        """GET groups: how each is set up, and what can be done in it."""
        return json_response({"groups": [group.settings() for group in self._world.groups], "deeds": DEEDS})

    async def one(self, request: web.Request) -> web.Response:
        """GET groups/ID: with its topics, what stands in them, and its members' names."""
        return json_response(self._world.groups.as_json(self._group(request)))

    async def do(self, request: web.Request) -> web.Response:
        """POST groups/ID/do {"do", "person", "topic", …}: performed now; {"message", "topic", "heard"}."""
        deed = parse_group_deed(await read_object(request))
        return json_response(await self._world.staff.perform(self._group(request), deed))

    def _group(self, request: web.Request) -> Group:
        return self._world.groups.get(int(request.match_info["id"]))
