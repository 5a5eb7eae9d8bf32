"""The customer's page: what it says is what the store holds; who may do what, and that it is written down."""

import json
import re

import httpx
import pytest

from core.agents import Role
from storage.outbox.columns import table
from storage.tables import (
    Audit,
    Consent,
    ConsentRecord,
    Customer,
    CustomerTag,
    DistinctPair,
    Identity,
    MergedCustomer,
)
from tests.desk.customers.conftest import Enter, Town


def plain(html: str) -> str:
    """What a page says, without its tags, its isolates and its spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"[\u2066-\u2069]", "", html)))


async def shown(client: httpx.AsyncClient, who: Customer, **query: str) -> str:
    answer = await client.get(f"/desk/customers/{who.id}", params=query)
    assert answer.status_code == 200
    return plain(answer.text)


async def test_the_page_says_who_and_where_and_what(town: Town, enter: Enter) -> None:
    who, client = await town.vera(), await enter()
    said = await shown(client, who)
    for words in (
        "Vera Lind", "1017", "15:30 · Asia/Tehran", "Russian", "Riga", "1 · €25.00", "Points 40", "vip yes",
        "vera@example.org", "Agreed: marketing", "Yes!", "+12025550143", "they opted out at the provider",
        "lantern", "W-1", "In no campaign now", "Where is my lantern?", "mailbox full", "likes poems", "Order: €25.00",
        "Changed their own preferences · by an operator",
    ):  # fmt: skip
        assert words in said, words
    for absent in ("Note consent", "Export", "Erase", "Same person"):
        assert absent not in said, "not for agents"


@pytest.mark.parametrize("locale", ["ru", "fa"])
async def test_every_kind_is_told_in_the_readers_language(town: Town, enter: Enter, locale: str) -> None:
    who, client = await town.vera(), await enter(Role.ADMIN, locale)
    await client.post(f"/desk/customers/{who.id}/tag", data={"tag": "vip"})
    said = await shown(client, who)
    assert "desk.customers_" not in said
    for english in ("Timeline", "Agreed", "Reachable", "Points", "Wrote", "Order:", "Offers", "known since"):
        assert english not in said, english


async def test_who_is_nameless_has_a_mark(town: Town, enter: Enter) -> None:
    who, client = await town.somebody(), await enter()
    await town.place(who, "webchat", "3" * 26)
    answer = await client.get(f"/desk/customers/{who.id}")
    assert re.search(r"Visitor [0-9A-F]{4}", plain(answer.text))
    assert "3" * 26 not in answer.text


async def test_fields_are_changed_checked_and_written_down(town: Town, enter: Enter) -> None:
    who, client = await town.vera(), await enter()
    path = f"/desk/customers/{who.id}"
    wrong = await client.post(f"{path}/fields", data={"zone": "Mars/Base", "first_name": "Olga"})
    assert wrong.status_code == 422
    assert "Time zone" in plain(wrong.text)
    assert 'value="Olga"' in wrong.text, "what was written is kept"
    done = await client.post(f"{path}/fields", data={"first_name": "Olga", "locale": "fa", "birthday": ""})
    assert done.headers["location"] == f"{path}?done=fields"
    (row,) = await town.rows(Customer)
    assert (row.first_name, row.search, row.locale, row.locale_by) == ("Olga", "olga lind", "fa", "agent")
    (noted,) = await town.rows(Audit, table(Audit).c.action == "customer changed")
    assert noted.detail == {"fields": ["first_name", "locale"]}, "names, not values"
    assert noted.actor.startswith("agent:")
    assert "Changed · by Ann Stone First name, Language" in await shown(client, who, kind="change")


async def test_tags_come_and_go(town: Town, enter: Enter) -> None:
    who, client = await town.vera(), await enter()
    path = f"/desk/customers/{who.id}"
    for word in ("  a   friend ", "a friend"):
        assert (await client.post(f"{path}/tag", data={"tag": word})).status_code == 303
    assert [row.tag for row in await town.rows(CustomerTag)] == ["a friend"]
    assert (await client.post(f"{path}/tag", data={"tag": " "})).status_code == 422
    await client.post(f"{path}/untag", data={"tag": "a friend"})
    assert await town.rows(CustomerTag) == []


async def test_consent_needs_a_marketer_a_source_and_words(town: Town, enter: Enter) -> None:
    who, agent, marketer = await town.vera(), await enter(), await enter(Role.MARKETER)
    phone = (await town.rows(Identity, table(Identity).c.channel == "sms"))[0]
    path, said = f"/desk/customers/{who.id}/consent", {"said": "yes", "identity": phone.id}
    proof = {"source": "on the phone", "wording": "Yes, write to me"}
    assert (await agent.post(path, data={**said, **proof})).status_code == 403
    for missing in (said, {**proof, "said": "yes"}, {**proof}):
        assert (await marketer.post(path, data=missing)).status_code == 422
    assert (await marketer.post(path, data={**said, **proof})).status_code == 303
    kept = await town.rows(ConsentRecord)
    assert [(one.identity_id, one.granted, one.source, one.wording) for one in kept] == [
        (phone.id, True, "on the phone", "Yes, write to me")
    ]
    assert kept[0].actor.startswith("agent:")
    assert (await marketer.post(path, data={**proof, "said": "no", "identity": ""})).status_code == 303
    assert {one.granted for one in await town.rows(Consent)} == {False}, "everywhere"


async def test_two_become_one_and_two_again(town: Town, enter: Enter) -> None:
    who, client = await town.vera(), await enter(Role.MARKETER)
    other = await town.somebody(first_name="Vera", last_name="Lind", city="Riga", search="vera lind")
    await town.place(other, "whatsapp", "+12025550143")
    path = f"/desk/customers/{who.id}"
    said = await shown(client, who)
    assert "the same name and town" in said
    assert "the same number (+12025550143)" in said
    sure = plain((await client.get(f"{path}/merge", params={"with": "+12025550199"})).text)
    assert "Nobody, or more than one, goes by “+12025550199”" in sure
    sure = plain((await client.get(f"{path}/merge", params={"with": other.id})).text)
    assert "Make these two one customer?" in sure
    assert "Addresses: 1" in sure
    assert len(await town.rows(Customer)) == 2, "asking changes nothing"
    done = await client.post(f"{path}/merge", data={"other": other.id})
    said = plain((await client.get(done.headers["location"])).text)
    assert "They are one customer now" in said
    assert "Undo" in said
    moved = await client.get(f"/desk/customers/{other.id}")
    assert moved.headers["location"] == path, "the old id leads to the survivor"
    (merge,) = await town.rows(MergedCustomer)
    assert "Two customers became one · by Ann Stone" in await shown(client, who, kind="change")
    await client.post(f"{path}/unmerge", data={"merge": merge.merge_id})
    assert len(await town.rows(Customer)) == 2
    assert "Was also" not in await shown(client, who)
    await client.post(f"{path}/distinct", data={"other": other.id})
    assert len(await town.rows(DistinctPair)) == 1
    assert "the same number" not in await shown(client, who)
    likely = plain((await client.get("/desk/customers/likely")).text)
    assert "Nobody seems to be there twice" in likely


async def test_agents_do_not_merge(town: Town, enter: Enter) -> None:
    who, client = await town.vera(), await enter()
    for name in ("merge", "unmerge", "distinct", "export", "erase"):
        assert (await client.post(f"/desk/customers/{who.id}/{name}", data={})).status_code == 403, name
    assert (await client.get("/desk/customers/likely")).status_code == 403


async def test_everything_held_is_handed_out(town: Town, enter: Enter) -> None:
    who, client = await town.vera(), await enter(Role.MARKETER)
    answer = await client.post(f"/desk/customers/{who.id}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    told = json.loads(answer.text)
    assert set(told) == {"exported_at", "otklik", "held"}
    assert told["held"]["customers"][0]["first_name"] == "Vera"
    assert [one.action for one in await town.rows(Audit, table(Audit).c.action == "customer exported")]


async def test_erasing_wants_the_name_typed(town: Town, enter: Enter) -> None:
    who, marketer, admin = await town.vera(), await enter(Role.MARKETER), await enter(Role.ADMIN)
    path = f"/desk/customers/{who.id}/erase"
    assert (await marketer.get(path)).status_code == 403
    asked = plain((await admin.get(path)).text)
    assert "What goes" in asked
    assert "Addresses (2) as hashes" in asked
    refused = await admin.post(path, data={"word": "vera"})
    assert refused.status_code == 422
    assert "Vera Lind" in plain(refused.text)
    done = await admin.post(path, data={"word": " Vera  Lind "})
    assert "Addresses that stay as hashes: 2" in plain(done.text)
    gone = await admin.get(f"/desk/customers/{who.id}")
    assert gone.status_code == 404
    assert "no such customer" in plain(gone.text)


async def test_a_code_is_sent_to_prove_an_address(town: Town, enter: Enter) -> None:
    from storage.tables import Message

    who, client = await town.somebody(), await enter()
    path = f"/desk/customers/{who.id}"
    assert (await client.post(f"{path}/proof", data={"address": "nonsense"})).status_code == 422
    done = await client.post(f"{path}/proof", data={"address": "vera@example.org"})
    assert done.headers["location"] == f"{path}?done=proof"
    assert [one.channel for one in await town.rows(Message)] == ["email"]
