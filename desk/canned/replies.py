"""Canned replies as they are kept, checked, and filled in for a customer.

Their texts are in the template language of campaigns, over the customer's and the brand's variables.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2.exceptions import TemplateSyntaxError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.columns import customers_by_id, orders_of
from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from campaigns.templates.errors import TemplateFailure
from campaigns.templates.names import dotted_names
from campaigns.templates.sandbox import TEXT, run
from campaigns.templates.variables import NO_ORDERS, is_known, variables_for
from core.actors import Actor
from core.errors import Refused
from core.ids import new_id
from storage.intake import storable
from storage.outbox.columns import table
from storage.tables import Audit, CannedReply

_REPLIES, _AUDIT = table(CannedReply), table(Audit)
LONGEST = 5_000
MOST = 500
_NAME = re.compile(r"[\w-]{1,40}")
_LOCALE = re.compile(r"([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*)?")
_GROUPS = frozenset({"customer", "orders", "brand", "today"})
"""What a conversation knows: there is no campaign, offer or link in it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One as it is kept. ``locale`` empty: for every language."""

    id: str
    name: str
    locale: str
    text: str


@dataclass(frozen=True, slots=True)
class Offered:
    """One as it would be sent to a customer; ``problem`` says why it cannot be filled in for them."""

    name: str
    locale: str
    text: str
    problem: str = ""


async def kept(connection: AsyncConnection) -> Sequence[Reply]:
    """All of them by name."""
    rows = await connection.execute(select(_REPLIES).order_by(_REPLIES.c.name, _REPLIES.c.locale).limit(MOST))
    return [Reply(row.id, row.name, row.locale, row.text) for row in rows]


async def keep(connection: AsyncConnection, reply: Reply, *, actor: Actor, now: datetime) -> str:
    """Keep it; gives its id. ``reply.id`` empty: a new one.

    Raises:
        Refused: the name, the locale or the text is not one, or another has that name and locale.
    """
    name, locale, text = reply.name.strip().removeprefix("/").lower(), reply.locale.strip(), reply.text.strip()
    if not _NAME.fullmatch(name):
        raise Refused("a name has letters, digits, - and _ only, 40 at most: /delivery-late", name="canned_name")
    if not _LOCALE.fullmatch(locale):
        words = f"{locale!r} is not a locale; write en, ru, fa-IR … or nothing for every language"
        raise Refused(words, name="canned_locale", language=locale)
    if not text:
        raise Refused("there is nothing in this reply", name="canned_empty")
    problem = problem_of(text)
    if problem:
        raise Refused(problem, name="canned_text", problem=problem)
    same = select(_REPLIES.c.id).where(_REPLIES.c.name == name, _REPLIES.c.locale == locale)
    other = await connection.scalar(same)
    if other not in (None, reply.id):
        words = f"there is a reply /{name} for that language already; change that one"
        raise Refused(words, name="canned_taken", reply=name)
    id_ = reply.id or new_id()
    await connection.execute(delete(_REPLIES).where(_REPLIES.c.id == id_))
    values = {"id": id_, "name": name, "locale": locale, "text": storable(text), "author": str(actor)}
    await connection.execute(_REPLIES.insert().values(**values, updated_at=now))
    await _note(connection, id_, "keep", actor, now, name)
    return id_


async def remove(connection: AsyncConnection, reply_id: str, *, actor: Actor, now: datetime) -> None:
    """Forget it; one that is gone already stays gone."""
    name = await connection.scalar(delete(_REPLIES).where(_REPLIES.c.id == reply_id).returning(_REPLIES.c.name))
    if name is not None:
        await _note(connection, reply_id, "remove", actor, now, name)


def problem_of(text: str) -> str:
    """What is wrong with a reply's text, empty where nothing is. Pure."""
    if not text:
        return "there is nothing in this reply"
    if len(text) > LONGEST:
        return f"this is longer than {LONGEST} characters"
    try:
        for line, name in dotted_names(TEXT.tree(text)):
            known = name.partition(".")[0] in _GROUPS and is_known(name) and not name.startswith("orders.last.")
            if not known:
                return f"line {line}: there is no {{{{ {name} }}}} in a conversation; customer.first_name is one"
        TEXT.compile_checked(text)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    return ""


async def offered(
    connection: AsyncConnection, config: WorkspaceConfig, customer_id: str, language: str, now: datetime
) -> Sequence[Offered]:
    """All replies filled in for the customer; first those in their language (``language``, else their locale)."""
    customer = (await customers_by_id(connection, [customer_id])).get(customer_id, {})
    orders = (await orders_of(connection, [customer_id], now)).get(customer_id, NO_ORDERS)
    reads = language or str(customer.get("locale") or "") or config.locale
    zone = zone_named(str(customer.get("zone") or customer.get("zone_guess") or config.zone))
    data = variables_for(customer, brand=config.brand, campaign="", now=now, zone=zone, orders=orders)
    variables = {**data, "_locale": reads, "_currency": config.currency}
    replies = sorted(await kept(connection), key=lambda reply: (_distance(reply.locale, reads), reply.name))
    return [_filled(reply, variables) for reply in replies]


def _filled(reply: Reply, variables: dict[str, object]) -> Offered:
    try:
        text = run(TEXT.compile_checked(reply.text), variables, path=f"/{reply.name}", limit=2 * LONGEST)
    except TemplateFailure as failure:
        return Offered(reply.name, reply.locale, "", failure.reason)
    except TemplateSyntaxError as error:  # kept by an older version, which allowed more
        return Offered(reply.name, reply.locale, "", error.message or "")
    return Offered(reply.name, reply.locale, text.strip())


def _distance(locale: str, reads: str) -> int:
    """How far a reply's language is from the customer's: the same locale, the same language, any, another."""
    theirs, wanted = (code.replace("_", "-").lower() for code in (locale, reads))
    if theirs == wanted:
        return 0
    if not theirs:
        return 2
    return 1 if theirs.partition("-")[0] == wanted.partition("-")[0] else 3


async def _note(connection: AsyncConnection, id_: str, action: str, actor: Actor, now: datetime, name: str) -> None:
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(), at=now, actor=str(actor), action=action, subject="canned reply", subject_id=id_,
            detail={"name": name},
        )
    )  # fmt: skip
