"""Claims take turns: replies before bulk, one campaign's crowd not before another's few."""

from collections import Counter
from datetime import timedelta

from core.dispatching import Claim
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.store import Store
from storage.tables import Customer, Identity, Message
from tests.conftest import NOW

CAMPAIGNS = {name: new_id() for name in ("crowd", "few", "one")}


async def plan(store: Store, campaign: str | None, count: int, *, minutes: int = 0, channel: str = EMAIL) -> None:
    """``count`` messages whose time came so many minutes ago; without a campaign they are replies."""
    at = NOW - timedelta(minutes=minutes)
    customer = Customer(created_at=at, updated_at=at)
    identity = Identity(
        customer_id=customer.id, channel=channel, address=f"{customer.id}@example.org", key=customer.id, created_at=at
    )
    common = {
        "customer_id": customer.id, "identity_id": identity.id, "channel": channel, "purpose": Purpose.CONVERSATION,
        "state": MessageState.PLANNED, "campaign_id": CAMPAIGNS[campaign] if campaign else None,
        "lane": 1 if campaign else 0, "send_at": at, "not_after": NOW + timedelta(days=1), "created_at": at,
    }  # fmt: skip
    rows = [
        Message(not_before=at - timedelta(milliseconds=count - number), **common).model_dump()
        for number in range(count)
    ]
    async with store.write() as connection:
        await connection.execute(table(Customer).insert(), customer.model_dump())
        await connection.execute(table(Identity).insert(), identity.model_dump())
        await connection.execute(table(Message).insert(), rows)


def by_campaign(claims: list[Claim]) -> Counter[str]:
    names = {id_: name for name, id_ in CAMPAIGNS.items()}
    return Counter(names[claim.campaign_id] if claim.campaign_id else "reply" for claim in claims)


async def outbox_of(store: Store, clock: object) -> Outbox:
    outbox = Outbox(store, clock, (), worker=new_id())  # type: ignore[arg-type]
    await outbox.register("here", "boot", "")
    return outbox


async def test_campaign_of_few_does_not_wait_behind_a_crowd(store: Store, clock: object) -> None:
    await plan(store, "crowd", 200, minutes=60)
    await plan(store, "few", 10)
    await plan(store, "one", 1)
    outbox = await outbox_of(store, clock)
    first = by_campaign(await outbox.claim(EMAIL, 30))
    assert first["one"] == 1
    assert first["few"] >= 9
    assert sum(first.values()) == 30, "what others leave is the crowd's"
    rest = by_campaign(await outbox.claim(EMAIL, 30)) + by_campaign(await outbox.claim(EMAIL, 30))
    assert rest["few"] + first["few"] == 10
    assert rest["crowd"] + rest["few"] == 60


async def test_replies_go_first_however_late_they_came(store: Store, clock: object) -> None:
    await plan(store, "crowd", 50, minutes=60)
    await plan(store, None, 5)
    outbox = await outbox_of(store, clock)
    claims = await outbox.claim(EMAIL, 6)
    assert by_campaign(claims) == {"reply": 5, "crowd": 1}
    assert [claim.campaign_id is None for claim in claims] == [True] * 5 + [False]


async def test_turns_go_round_when_there_is_little_room(store: Store, clock: object) -> None:
    """With room for one message a claim, every campaign gets its turn."""
    for name in CAMPAIGNS:
        await plan(store, name, 10)
    outbox = await outbox_of(store, clock)
    served = [next(iter(by_campaign(await outbox.claim(EMAIL, 1)))) for _ in range(9)]
    assert Counter(served) == dict.fromkeys(CAMPAIGNS, 3)


async def test_within_a_campaign_it_goes_by_time_and_nothing_is_lost(store: Store, clock: object) -> None:
    await plan(store, "crowd", 20, minutes=60)
    await plan(store, "crowd", 20, minutes=120)
    outbox = await outbox_of(store, clock)
    claims = [claim for _ in range(5) for claim in await outbox.claim(EMAIL, 10)]
    sent = [claim.send_at for claim in claims if claim.send_at]
    assert len({claim.message_id for claim in claims}) == 40
    assert sent == sorted(sent)
