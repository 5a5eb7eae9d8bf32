"""What customers send is shown, never run: two hundred ways of smuggling a script, through every field, in a browser.

The content security policy is switched off for the pages, so that escaping has to hold alone; a mail is also opened by
itself, with the policy as the only guard.
"""

import hashlib
from itertools import product
from typing import Any

from core.machines.conversation import ConversationState
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Blob, Conversation, Customer, Event, Identity, Message, SearchText
from tests.channels.webchat.stage import Stage
from tests.desk.seats import seated

_RUN = "fetch('/desk/hit')"
_ENCODED = "".join(f"&#{ord(letter)};" for letter in _RUN)
_ELEMENTS = (
    "<img src=x {}>", "<svg {}>", "<svg><animate {} attributeName=x dur=1s>", "<body {}>", "<video src=x {}>",
    "<audio src=x {}>", "<details open {}>", "<input autofocus {}>", "<select autofocus {}>", "<textarea autofocus {}>",
    "<iframe src=x {}>", "<object data=x {}>", "<marquee {}>", "<style {}></style>", "<math><mtext {}>",
)  # fmt: skip
_HANDLERS = ("onerror", "onload", "onbegin", "onfocus", "ontoggle", "onstart", "onanimationstart", "onloadstart")
_OUT = ("", '">', "'>", "</title>", "</textarea>", "</script>", "-->", "]]>", "</bdi>", '\\"}};')
_WHOLE = (
    "<script>{}</script>", "<ScRiPt>{}</sCrIpT>", "<script/x>{}</script>", '<a href="javascript:{}">x</a>',
    "<a href='jav&#x09;ascript:{}'>x</a>", '<iframe src="javascript:{}"></iframe>', "javascript:{}",
    "<iframe srcdoc='<script>{}</script>'></iframe>", "<svg><script>{}</script></svg>",
    "<form action='javascript:{}'><button>x</button></form>", "<meta http-equiv=refresh content='0;url=javascript:{}'>",
    "<math><a xlink:href='javascript:{}'>x</a></math>", "<embed src='javascript:{}'>", "${{{}}}", "{{{{ {} }}}}",
    "{{% print({}) %}}", "<template><script>{}</script></template>", "<base href='javascript:{}//'>",
    "<object data='data:text/html,<script>{}</script>'></object>", '" autofocus onfocus="{}', "' onmouseover='{}",
    "`-{}-`", "</script><script>{}</script>", "<!--><script>{}</script>-->",
    "<noscript><p title='</noscript><script>{}",
)  # fmt: skip
PAYLOADS = [
    *(out + element.format(f'{handler}="{_RUN}"') for element, handler, out in
      list(product(_ELEMENTS, _HANDLERS, _OUT))[::7]),
    *(one.format(run) for one in _WHOLE for run in (_RUN, _ENCODED)),
]  # fmt: skip
_REAL = (
    "<script>", "<ScRiPt>", "<svg><script>", "<!--><script>", '<iframe src="javascript:', "<img src=x onerror=",
    '"><svg onload=', "'><svg><animate onbegin=", "</script><details open ontoggle=", "<style onload=",
)  # fmt: skip
"""How some of them begin that run in this browser."""


async def sent(stage: Stage) -> tuple[str, list[str]]:
    """A customer who put every payload into a message of one conversation, and one customer named after each.

    The mail of all of them is the last message.
    """
    now = stage.clock.now()
    customers, identities, conversations, messages = [], [], [], []
    for number, payload in enumerate(PAYLOADS):
        who = Customer(
            external_id=f"{number}{payload}", first_name=payload, last_name=payload, city=payload, country=payload,
            attributes={payload: payload}, created_at=now, updated_at=now,
        )  # fmt: skip
        place = Identity(
            customer_id=who.id, channel="email", address=f"{number}{payload}@example.org", key=str(number),
            created_at=now,
        )  # fmt: skip
        chat = Conversation(
            customer_id=who.id, state=ConversationState.QUEUED, channel="email", opened_at=now, last_at=now,
            last_text=payload, language=payload[:8],
        )  # fmt: skip
        customers.append(who)
        identities.append(place)
        conversations.append(chat)
    first, raw = conversations[0], b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + "\n".join(PAYLOADS).encode()
    said: dict[str, Any] = {"direction": "in", "state": MessageState.DELIVERED, "customer_id": first.customer_id,
            "identity_id": identities[0].id, "channel": "email", "conversation_id": first.id,
            "created_at": now}  # fmt: skip
    blob = hashlib.sha256(raw).hexdigest()
    for payload in PAYLOADS:
        noted = {"name": payload, "media_type": payload, "size": len(raw), "blob": blob}
        messages.append(Message(**said, body=payload, content={"attachments": [noted], "subject": payload}))
    messages.append(Message(**said, body="the mail", raw_blob=blob))
    events = [
        Event(
            customer_id=first.customer_id,
            name=payload,
            at=now,
            recorded_at=now,
            source="a test",
            external_id=payload,
            properties={payload: payload},
        )
        for payload in PAYLOADS
    ]
    async with stage.store.write() as connection:
        await connection.execute(
            table(Blob).insert().values(hash=blob, size=len(raw), media_type="", content=raw, created_at=now)
        )
        for rows in (customers, identities, conversations, messages, events):
            await connection.execute(table(type(rows[0])).insert(), [row.model_dump() for row in rows])
    return first.id, [first.customer_id, messages[-1].id]


async def is_read(stage: Stage) -> bool:
    """Whether the search's index, which reads along a moment later, knows all messages."""
    return len(await stage.rows(SearchText)) == len(PAYLOADS) + 1


async def watched(page: Any) -> list[str]:
    """What was run: a script's request, or a window that asks something."""
    hits: list[str] = []
    page.context.on("request", lambda request: hits.append(request.url) if "/hit" in request.url else None)
    page.on("dialog", lambda dialog: hits.append(dialog.message))
    return hits


async def test_nothing_that_customers_send_is_run(stage: Stage, browser: Any) -> None:
    assert len(set(PAYLOADS)) >= 200
    chat, (customer, mail) = await sent(stage)
    await stage.until(lambda: is_read(stage))
    async with seated(browser, stage, "ann@example.com", bypass_csp=True) as page:
        hits = await watched(page)
        for path in ("inbox?view=open", f"inbox/{chat}", f"customers/{customer}", "search?q=onerror"):
            await page.goto(f"{stage.url}/desk/{path}")
            await page.get_by_text("fetch(").filter(visible=True).first.wait_for()  # whichever are on the first page
            for field in await page.locator("summary").all():
                await field.evaluate("element => element.parentElement.open = true")
            await page.evaluate("document.querySelectorAll('[onmouseover], [onfocus]').forEach(one => one.focus())")
            assert await page.evaluate("document.querySelectorAll('body script:not([src])').length") == 0, path
            await page.wait_for_load_state("networkidle")
            assert hits == [], path
    async with seated(browser, stage, "ann@example.com") as page:
        hits = await watched(page)
        await page.goto(f"{stage.url}/desk/inbox/{chat}/mail/{mail}")
        await page.wait_for_load_state("networkidle")
        assert hits == [], "a mail opened by itself"
        await page.goto(f"{stage.url}/desk/inbox")


async def test_the_ways_in_are_real(browser: Any) -> None:
    """Otherwise nothing would be proved: shown as they are, many of them run."""
    profile = await browser.new_context()
    page = await profile.new_page()
    for begun in _REAL:
        payload = next(one for one in PAYLOADS if one.startswith(begun))
        async with page.expect_request(lambda request: "/hit" in request.url, timeout=45_000):
            await page.set_content(f"<!doctype html><base href='http://127.0.0.1:9/'><body>{payload}</body>")
    await profile.close()
