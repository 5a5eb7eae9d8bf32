"""The first free instant, held against an oracle that asks every minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.definition import Cap, NoSendDays, SendingHours
from campaigns.limits.caps import kept
from campaigns.limits.hours import Window, opening
from campaigns.periods import Period
from core.purposes import Purpose

MINUTE = timedelta(minutes=1)
SPAN = timedelta(days=4)
# near both clock changes of each zone, and on the day of one that changes at midnight
STARTS = (
    ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 4, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 5, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 10, 31, tzinfo=UTC)),
    ("Asia/Tehran", datetime(2026, 3, 20, tzinfo=UTC)),
)
CLOCKS = ("00:00", "01:30", "02:30", "08:00", "09:15", "20:45", "21:00", "23:30")
PERIODS = ("90m", "5h", "1d", "2d", "1w")


BEFORE = timedelta(days=3)


@lru_cache(maxsize=64)
def walls(zone: str, start: datetime) -> tuple[str, ...]:
    """What the wall clock reads, minute by minute from three days before ``start``."""
    named = ZoneInfo(zone)
    number = (BEFORE + SPAN + timedelta(days=4)) // MINUTE
    return tuple(f"{(start - BEFORE + MINUTE * place).astimezone(named):%Y-%m-%d %H:%M}" for place in range(number))


@lru_cache(maxsize=4096)
def first_reading(zone: str, start: datetime, wall: str) -> int:
    """The first minute at which the clock reads ``wall`` or later."""
    return next(place for place, reads in enumerate(walls(zone, start)) if reads >= wall)


@lru_cache(maxsize=256)
def open_minutes(zone: str, start: datetime, hours: SendingHours, closed: frozenset[date]) -> frozenset[datetime]:
    """The minutes inside the hours: from the first that reads ``opens`` or later to the first that reads ``closes``."""
    found: set[datetime] = set()
    shut = {str(day) for day in closed}
    for offset in range(-2, SPAN.days + 2):
        day = start.date() + timedelta(days=offset)
        last = day if hours.closes > hours.opens else day + timedelta(days=1)
        begin, end = (first_reading(zone, start, f"{d} {c}") for d, c in ((day, hours.opens), (last, hours.closes)))
        found |= {
            start - BEFORE + MINUTE * place for place in range(begin, end) if walls(zone, start)[place][:10] not in shut
        }
    return frozenset(found)


def keeps(caps: Sequence[Cap], sent: Sequence[tuple[str, datetime]], zone: ZoneInfo) -> bool:
    """The caps, said once more: no stretch that begins with a message has more than allowed."""
    for cap in caps:
        mine = sorted(at for channel, at in sent if not cap.channel or channel == cap.channel)
        for place, begin in enumerate(mine):
            end = cap.per.after(begin, zone)
            if len([at for at in mine[place:] if at < end]) > cap.max:
                return False
    return True


@dataclass(frozen=True)
class Case:
    zone: str
    start: datetime
    earliest: datetime
    hours: SendingHours
    no_send: NoSendDays
    caps: tuple[Cap, ...]
    sent: tuple[tuple[str, datetime], ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone, start = draw(st.sampled_from(STARTS))
    minutes = st.integers(0, SPAN // MINUTE // 2)
    caps = draw(
        st.lists(
            st.builds(
                Cap,
                max=st.integers(1, 3),
                per=st.sampled_from(PERIODS).map(Period.parse),
                channel=st.sampled_from(["", "sms", "email"]),
            ),
            max_size=3,
        )
    )
    sent: list[tuple[str, datetime]] = []
    for offset in draw(st.lists(st.integers(-3000, 4000), max_size=6)):
        candidate = (draw(st.sampled_from(["sms", "email"])), start + MINUTE * offset)
        if keeps(caps, [*sent, candidate], ZoneInfo(zone)):
            sent.append(candidate)
    local = start.date()
    days = draw(st.lists(st.integers(0, 4).map(lambda offset: local + timedelta(days=offset)), max_size=2))
    return Case(
        zone=zone,
        start=start,
        earliest=start + MINUTE * draw(minutes),
        hours=SendingHours(opens=draw(st.sampled_from(CLOCKS)), closes=draw(st.sampled_from(CLOCKS))),
        no_send=NoSendDays(days={draw(st.sampled_from(["*", "DE", "FR"])): tuple(days)} if days else {}),
        caps=tuple(caps),
        sent=tuple(sent),
    )


def free_of(case: Case, latest: datetime) -> Window | None:
    return opening(
        Purpose.MARKETING, case.earliest, zone=ZoneInfo(case.zone), hours=case.hours, no_send=case.no_send,
        country="DE", caps=case.caps, sent=case.sent, channel="sms", latest=latest, patience=SPAN,
    ).window  # fmt: skip


FOLD = Case(  # from 03:00 on the day the clock goes back, the two planned for tomorrow are in another stretch
    "Europe/Berlin",
    datetime(2026, 10, 24, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    SendingHours(opens="00:00", closes="00:00"),
    NoSendDays(),
    (Cap(max=2, per=Period.parse("1d")),),
    (("sms", datetime(2026, 10, 26, 1, 15, tzinfo=UTC)), ("sms", datetime(2026, 10, 26, 1, 20, tzinfo=UTC))),
)


@given(cases())
@example(FOLD)
@settings(max_examples=120, deadline=None)
def test_the_first_free_minute(case: Case) -> None:
    latest = case.start + SPAN - timedelta(days=1)
    closed = frozenset(day for country in ("*", "DE") for day in case.no_send.days.get(country, ()))
    open_at = open_minutes(case.zone, case.start, case.hours, closed)
    zone, at = ZoneInfo(case.zone), case.earliest
    while at <= latest and not (at in open_at and keeps(case.caps, [*case.sent, ("sms", at)], zone)):
        at += MINUTE
    window = free_of(case, latest)
    if at > latest:
        assert window is None
        return
    assert window is not None
    assert window.opens == at
    assert window.closes > window.opens
    inside = window.opens
    while inside < min(window.closes, latest):
        assert inside in open_at
        inside += MINUTE


@given(cases())
@settings(max_examples=60, deadline=None)
def test_messages_planned_one_after_the_other_keep_every_cap(case: Case) -> None:
    zone, sent = ZoneInfo(case.zone), list(case.sent)
    for channel in ("sms", "email", "sms", "sms"):
        found = opening(
            Purpose.MARKETING, case.earliest, zone=zone, hours=case.hours, no_send=case.no_send, country="DE",
            caps=case.caps, sent=sent, channel=channel, latest=case.earliest + 10 * SPAN, patience=SPAN,
        )  # fmt: skip
        assert found.window is not None
        assert bool(found.deferred_by) == (found.window.opens > case.earliest)
        sent.append((channel, found.window.opens))
        assert keeps(case.caps, sent, zone)
        assert kept(case.caps, sent, zone)


def test_weekdays_are_closed_by_country() -> None:
    friday = datetime(2026, 12, 4, 23, tzinfo=UTC)
    no_send = NoSendDays(weekdays={"*": (6,), "DE": (5,)})
    hours, zone = SendingHours(), ZoneInfo("UTC")

    def opens(country: str) -> datetime:
        window = opening(
            Purpose.MARKETING, friday, zone=zone, hours=hours, no_send=no_send, country=country, caps=(), sent=(),
            channel="email", latest=friday + SPAN, patience=SPAN,
        ).window  # fmt: skip
        assert window is not None
        return window.opens

    assert opens("DE") == datetime(2026, 12, 7, 8, tzinfo=UTC)
    assert opens("FR") == opens("") == datetime(2026, 12, 5, 8, tzinfo=UTC)


def test_what_answers_a_person_waits_for_nothing() -> None:
    night = datetime(2026, 12, 5, 3, tzinfo=UTC)
    window = opening(
        Purpose.SERVICE, night, zone=ZoneInfo("UTC"), hours=SendingHours(),
        no_send=NoSendDays(weekdays={"*": (0, 1, 2, 3, 4, 5, 6)}), country="", caps=(Cap(max=1, per=Period(1, "d")),),
        sent=(("sms", night),), channel="sms", latest=night, patience=timedelta(hours=2),
    ).window  # fmt: skip
    assert window == Window(night, night + timedelta(hours=2))
