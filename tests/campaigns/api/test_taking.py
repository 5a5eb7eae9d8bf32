"""What the API takes in: the same checks as files, a result for every item, and nothing twice."""

import asyncio
from typing import Any

import orjson
import pytest

from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from storage.imports import CustomerOptions, import_customers
from storage.tables import Campaign, Consent, ConsentRecord, Customer, Enrolment, Event, Identity
from tests.bot.scene import Scene, body
from tests.campaigns.api.conftest import Api, results
from tests.conftest import NOW

ANNA = {
    "external_id": "c1", "first_name": "Анна", "email": "Anna@Example.org", "phone": "+44 7700 900123",
    "telegram": 77, "locale": "russian", "country": "UK", "attributes": {"size": 7, "likes": ["tea"]},
    "consents": {"email": {"granted": True, "at": "2026-11-30T10:00:00Z", "source": "checkout",
                           "wording": "Send me news",
                           "document": "privacy-2026-01"}},
}  # fmt: skip
ORDER = {"source": "shop", "external_id": "o-1", "customer": "c1", "at": "2026-12-01T12:00:00Z", "amount": "49.90",
         "currency": "usd", "quantity": 2, "properties": {"items": [1, 2]}}  # fmt: skip


async def test_a_customer_comes_whole_and_comes_back(api: Api, scene: Scene) -> None:
    assert await api.json("PUT", "/v1/customers/c1", ANNA) == (201, {"result": "created", "warnings": []})
    assert (await api.json("PUT", "/v1/customers/c1", ANNA))[1]["result"] == "unchanged"
    changed = {"city": "Казань", "attributes": {"size": 8}}
    assert await api.json("PUT", "/v1/customers/c1", changed) == (200, {"result": "updated", "warnings": []})
    status, told = await api.json("GET", "/v1/customers/c1")
    assert status == 200
    assert (told["first_name"], told["city"], told["locale"], told["country"]) == ("Анна", "Казань", "ru", "GB")
    assert told["attributes"] == {"size": 8, "likes": ["tea"]}
    assert {one["channel"]: one["address"] for one in told["addresses"]} == {
        "email": "anna@example.org", "sms": "+447700900123", "telegram": "77"}  # fmt: skip
    (consent,) = told["consents"]
    assert (consent["granted"], consent["document"], consent["at"]) == (True, "privacy-2026-01", "2026-11-30T10:00:00Z")
    (record,) = await scene.all(ConsentRecord)
    assert (record.actor, record.source) == ("api:OTKLIK_API_TOKEN", "checkout")
    assert {one.source for one in await scene.all(Identity)} == {"api"}


async def test_ids_may_hold_anything(api: Api) -> None:
    for id_ in ("crm/4711", "№ 7"):
        assert (await api.call("PUT", f"/v1/customers/{id_}", {"city": "x"})).status == 201
        assert (await api.json("GET", f"/v1/customers/{id_}"))[1]["external_id"] == id_
        assert (await api.call("PUT", f"/v1/customers/{id_}", {"external_id": "other"})).status == 422


async def test_wrong_customers_keep_out_no_other(api: Api, scene: Scene) -> None:
    consent = ANNA["consents"]
    people: list[Any] = [
        ANNA,
        {"external_id": "c2", "email": "not an address"},
        {"external_id": "c3", "emial": "a@example.org"},
        {"external_id": "c1", "city": "again"},
        {"external_id": "c4", "email": "anna@example.org", "phone": "+447700900124"},
        "c5",
        {"external_id": "c6", "consents": consent},
        {"external_id": "c7", "email": "c7@example.org", "consents": {"email": {"granted": True, "source": "x"}}},
    ]
    status, told = await api.json("POST", "/v1/customers", {"customers": people})
    assert status == 200
    assert results(told) == ["created", "refused", "refused", "refused", "created", "refused", "refused", "refused"]
    reasons = [one["reason"] for one in told["results"]]
    for index, word in ((1, "email"), (2, "emial"), (3, "earlier"), (5, "object"), (6, "no such address"), (7, "at:")):
        assert word in reasons[index], reasons[index]
    (warning,) = told["results"][4]["warnings"]
    assert "belongs to customer c1" in warning
    assert (told["created"], told["refused"]) == (2, 6)
    assert sorted(one.external_id for one in await scene.all(Customer)) == ["c1", "c4"]


async def test_a_consent_stands_until_a_later_word(api: Api, scene: Scene) -> None:
    def said(granted: bool, at: str) -> dict[str, Any]:
        return {"email": "a@example.org", "consents": {"email": {"granted": granted, "at": at, "source": "x"}}}

    standing = []
    for granted, at in ((True, "2026-11-01"), (False, "2026-11-20"), (True, "2026-11-10"), (True, "2026-11-30")):
        await api.json("PUT", "/v1/customers/c1", said(granted, at))
        (consent,) = await scene.all(Consent)
        standing.append(consent.granted)
    assert standing == [True, False, False, True]


async def test_files_and_requests_say_the_same(api: Api, scene: Scene, tmp_path: Any) -> None:
    """Both go through the same checks, and a later file replaces what a request said."""
    await api.json("PUT", "/v1/customers/c1", ANNA)
    (before,) = await scene.all(Customer)
    path = tmp_path / "people.csv"
    path.write_text("external_id,first_name,email,country\nc1,Анна,new@example.org,Великобритания\n", encoding="utf-8")
    summary = await import_customers(scene.store, path, CustomerOptions(now=NOW))
    assert summary.updated == 1
    (after,) = await scene.all(Customer)
    assert (after.id, after.first_name, after.country) == (before.id, "Анна", "GB")
    mails = {one.address: one.reachable for one in await scene.all(Identity, channel="email")}
    assert mails == {"anna@example.org": False, "new@example.org": True}


async def test_an_event_is_kept_once_and_wakes(api: Api, scene: Scene) -> None:
    person = await scene.person()
    enrolment = await scene.enrol(person, await scene.campaign(body()))
    assert await api.json("POST", "/v1/events", ORDER) == (201, {"result": "created", "warnings": []})
    assert api.woken == [1]
    assert (await api.json("POST", "/v1/events", ORDER))[0] == 200
    assert api.woken == [1]
    (event,) = await scene.all(Event)
    assert (event.customer_id, event.amount_micros, event.currency, event.at) == (person.id, 49_900_000, "USD", NOW)
    assert event.properties == {"items": [1, 2], "quantity": 2}
    assert await scene.state(enrolment) is EnrolmentState.CONVERTED


async def test_wrong_events_keep_out_no_other(api: Api, scene: Scene) -> None:
    events: list[Any] = [
        ORDER, ORDER, ORDER | {"source": "till"}, ORDER | {"external_id": "2", "amount": "many"},
        ORDER | {"external_id": "3", "at": "yesterday"}, ORDER | {"external_id": "4", "customer": ""},
        ORDER | {"external_id": "5", "surprise": 1}, ORDER | {"external_id": "6", "currency": "Euros"},
    ]  # fmt: skip
    status, told = await api.json("POST", "/v1/events/bulk", {"events": events})
    assert status == 200
    assert results(told) == ["created", "refused", "created", *["refused"] * 5]
    reasons = [one["reason"] for one in told["results"]]
    for index, word in ((1, "earlier"), (3, "amount"), (4, "at"), (5, "customer"), (6, "surprise"), (7, "currency")):
        assert word in reasons[index], reasons[index]
    again = await api.json(
        "POST", "/v1/events/bulk", {"events": [ORDER | {"amount": "50"}, ORDER | {"source": "till"}]}
    )
    assert results(again[1]) == ["updated", "unchanged"]
    assert sorted((one.source, one.amount_micros) for one in await scene.all(Event)) == [
        ("shop", 50_000_000), ("till", 49_900_000)]  # fmt: skip


async def test_a_thousand_at_once_and_no_more(api: Api, scene: Scene) -> None:
    many = [ORDER | {"external_id": str(n), "customer": f"c{n % 7}"} for n in range(1001)]
    assert (await api.call("POST", "/v1/events/bulk", {"events": many})).status == 422
    status, told = await api.json("POST", "/v1/events/bulk", {"events": many[:1000]})
    assert (status, told["created"]) == (200, 1000)
    assert len(await scene.all(Customer)) == 7
    assert api.woken == [1]


async def test_a_request_that_is_sent_again_does_nothing_again(api: Api, scene: Scene) -> None:
    first = await api.call("POST", "/v1/events", ORDER, Idempotency_Key="k1")
    async with scene.store.write() as connection:
        await connection.execute(Event.__table__.delete())  # type: ignore[attr-defined]
    again = await api.call("POST", "/v1/events", ORDER, Idempotency_Key="k1")
    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert await scene.all(Event) == []
    assert (await api.call("POST", "/v1/events", ORDER | {"name": "x"}, Idempotency_Key="k1")).status == 422
    assert (await api.call("POST", "/v1/events", ORDER, Idempotency_Key="k2")).status == 201
    assert (await api.call("POST", "/v1/events", ORDER, Idempotency_Key="k" * 256)).status == 400


async def test_the_same_event_at_the_same_time_is_kept_once(api: Api, scene: Scene) -> None:
    answers = await asyncio.gather(*(api.call("POST", "/v1/events", ORDER) for _ in range(6)))
    assert sorted(one.status for one in answers) == [200] * 5 + [201]
    assert len(await scene.all(Event)) == len(await scene.all(Customer)) == 1


async def _api_campaign(scene: Scene, *, state: CampaignState = CampaignState.ACTIVE, kind: str = "api") -> str:
    what = body()
    start = what.definition.start.model_copy(update={"kind": kind})
    definition = what.definition.model_copy(update={"start": start, "audience": ""})
    id_, _ = await scene.campaign(what.model_copy(update={"definition": definition}))
    async with scene.store.session() as session:
        row = await session.get_one(Campaign, id_)
        row.state = state
        session.add(row)
    return id_


async def test_a_campaign_is_triggered_for_those_who_are_named(api: Api, scene: Scene) -> None:
    people = [await scene.person() for _ in range(2)]
    await _api_campaign(scene)
    asked = {"customers": ["c1", "nobody", "c2"], "data": {"code": "X7"}}
    assert await api.json("POST", "/v1/campaigns/winback/trigger", asked) == (
        200, {"entered": ["c1", "c2"], "not_entered": [], "unknown": ["nobody"]},
    )  # fmt: skip
    events = {one.id: one for one in await scene.all(Event)}
    journeys = await scene.all(Enrolment)
    assert {events[one.event_id].customer_id for one in journeys} == {person.id for person in people}
    assert all(one.properties["code"] == "X7" for one in events.values())
    again = await api.json("POST", "/v1/campaigns/winback/trigger", asked)
    assert again[1] == {"entered": [], "not_entered": ["c1", "c2"], "unknown": ["nobody"]}
    assert len(await scene.all(Event)) == 2
    assert api.woken == [1]


@pytest.mark.parametrize(("state", "kind"), [(CampaignState.PAUSED, "api"), (CampaignState.ACTIVE, "cron")])
async def test_a_campaign_that_takes_nobody_says_so(api: Api, scene: Scene, state: CampaignState, kind: str) -> None:
    await scene.person()
    await _api_campaign(scene, state=state, kind=kind)
    assert (await api.json("POST", "/v1/campaigns/winback/trigger", {"customers": ["c1"]}))[0] == 409
    assert (await api.json("POST", "/v1/campaigns/none/trigger", {"customers": ["c1"]}))[0] == 404
    assert await scene.all(Enrolment) == []


async def test_campaigns_and_reports_can_be_read(api: Api, scene: Scene) -> None:
    person = await scene.person()
    campaign = await scene.campaign(body())
    enrolment = await scene.enrol(person, campaign)
    await scene.message(person, enrolment, campaign=campaign)
    await api.call("POST", "/v1/events", ORDER)
    _, told = await api.json("GET", "/v1/campaigns")
    assert [(one["name"], one["state"], one["start"]) for one in told["campaigns"]] == [("winback", "draft", "now")]
    status, report = await api.json("GET", "/v1/campaigns/winback/report")
    assert status == 200
    assert (report["entered"], report["outcomes"], report["goals_reached"]) == (1, {"converted": 1}, 1)
    assert report["goal_amount"] == {"amount": "49.9", "currency": "USD"}
    assert [(one["step"], one["sent"]) for one in report["steps"]] == [("first", 1)]
    assert orjson.dumps(report)
