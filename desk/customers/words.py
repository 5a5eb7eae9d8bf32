"""What the card says of a customer, in the reader's language: their time, their language, what they spent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from campaigns.customers.duplicates import Likeness
from campaigns.periods import zone_named
from campaigns.reporting.reasons import reason_in_words
from campaigns.reporting.story import Absence, Line, Story
from campaigns.reporting.telling import absence_in_words, in_words
from campaigns.templates.localised import local_digits
from core.catalogue import listed, text
from core.money import Money
from core.purposes import TOPIC
from desk.campaigns.figures import Figures
from desk.campaigns.words import isolated
from desk.customers.card import Card
from desk.customers.journeys import Journey
from desk.customers.timeline import Cursor, Filters

_SAME = object()


@dataclass(frozen=True, slots=True)
class Words:
    """Words for one reader."""

    figures: Figures

    def say(self, name: str, /, **values: object) -> str:
        """A text of this room's."""
        return self.figures.reader.say(f"customers_{name}", **values)

    def known(self, name: str, otherwise: str) -> str:
        """A text of this room's, or what stands in for it where there is none of that name."""
        try:
            return self.say(name)
        except KeyError:
            return otherwise

    def moment(self, instant: datetime) -> Markup:
        """Day and time in the reader's zone; exactly, to the second, on hover."""
        exact = self.figures.reader.exact(instant)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            instant.isoformat(), exact, self.figures.moment(instant)
        )

    def purpose(self, purpose: str) -> str:
        """A purpose by its name; a topic by what campaigns call it."""
        if purpose.startswith(TOPIC):
            return self.say("topic", topic=isolated(purpose.removeprefix(TOPIC)))
        return self.known(f"purpose_{purpose}", purpose)

    def reachability(self, reason: str) -> str:
        """Why an address cannot be written to."""
        return self.known(f"unreachable_{reason}", reason_in_words(reason, self.figures.language)) if reason else ""

    def local_time(self, card: Card, now: datetime) -> str:
        """What time it is where the customer is, and how we know."""
        if not card.lives_by:
            return self.say("zone_unknown")
        try:
            local = now.astimezone(zone_named(card.lives_by))
        except ValueError:
            return card.lives_by
        clock = local_digits(f"{local:%H:%M}", self.figures.language)
        where = isolated(card.lives_by)
        return self.say("time_there" if card.zone else "time_guessed", time=clock, zone=where)

    def language(self, locale: str) -> str:
        """A language by its name."""
        if not locale:
            return ""
        from babel import Locale, UnknownLocaleError

        try:
            return Locale.parse(locale.replace("-", "_")).get_display_name(self.figures.language) or locale
        except (UnknownLocaleError, ValueError):
            return locale

    def country(self, code: str) -> str:
        """A country by its name."""
        from babel import Locale

        return str(Locale(self.figures.language).territories.get(code.upper(), code)) if code else ""

    def birthday(self, day: str) -> str:
        """A day of the reader's calendar."""
        try:
            return self.figures.day(date.fromisoformat(day)) if day else ""
        except ValueError:
            return day

    def attribute(self, value: object) -> str:
        """A value of the shop's own."""
        if isinstance(value, bool):
            return self.say("yes" if value else "no")
        return self.figures.decimal(value, "#,##0.##") if isinstance(value, int | float) else str(value)

    def orders(self, card: Card) -> str:
        """How many, and what they came to."""
        if not card.orders:
            return self.figures.whole(0)
        sums = [self.figures.money(Money(micros, currency)) for currency, micros in card.spent]
        spent = listed(self.figures.language, sums, apart=True)
        return self.say("orders", number=self.figures.whole(card.orders), spent=spent)

    def journey(self, one: Journey) -> str:
        """Where a journey stands, and when it goes on."""
        said = text(self.figures.language, f"state.{one.state.value}")
        where = [said, *([isolated(one.step)] if one.step else [])]
        if one.due_at is not None:
            where.append(self.say("next", when=self.figures.moment(one.due_at)))
        return listed(self.figures.language, where)

    def line(self, line: Line) -> str:
        """A line of a campaign's story; what was written by others keeps its own direction."""
        said = line.kind.partition(".")[0] in ("message", "response") and line.detail
        shown = replace(
            line, step=isolated(line.step) if line.step else "", detail=isolated(line.detail) if said else line.detail
        )
        return in_words(shown, self.figures.language)

    def absence(self, absence: Absence) -> str:
        """Why a campaign did nothing."""
        return absence_in_words(absence, self.figures.language)

    def state(self, story: Story) -> str:
        """How a round through a campaign ended, or where it is."""
        said = text(self.figures.language, f"state.{story.state}")
        why = reason_in_words(story.reason, self.figures.language) if story.reason else ""
        return f"{said}: {why}" if why else said

    def somebody(self, told: Mapping[str, Any]) -> str:
        """A customer of a pair by name."""
        name = f"{told['first_name']} {told['last_name']}".strip()
        return self.figures.reader.called(name, str(told["id"]))

    def about(self, told: Mapping[str, Any]) -> str:
        """What tells them from others of that name."""
        facts = [told["external_id"] or "", self.birthday(told["birthday"] or ""), told["city"]]
        facts.append(self.say("since", day=self.figures.day(told["created_at"].date())))
        return listed(self.figures.language, [isolated(one) for one in facts if one])

    def reasons(self, pair: Likeness) -> str:
        """Why two customers may be one."""
        said = [
            self.say("like_shared", why=self.say(f"like_{kind}"), what=isolated(shared))
            if shared and not kind.startswith("name")
            else self.say(f"like_{kind}")
            for kind, shared in pair.reasons
        ]
        return listed(self.figures.language, said)

    def likeness(self, pair: Likeness) -> str:
        """How likely, and why."""
        return self.say("likeness", share=self.figures.share(pair.score, "0%"), why=self.reasons(pair))

    def rows(self, place: str, number: int) -> str:
        """How many rows of a table move."""
        return self.say("moves", what=self.known(f"rows_{place}", place.replace("_", " ")),
                        number=self.figures.whole(number))  # fmt: skip

    def asking(self, filters: Filters, older: Cursor | None, *, kind: Any = _SAME, channel: Any = _SAME) -> str:
        """The query by which a page of the timeline is asked for; ``kind`` and ``channel`` instead of those there."""
        wanted = {
            "kind": filters.kind if kind is _SAME else kind,
            "channel": filters.channel if channel is _SAME else channel,
            "before": str(older) if older is not None else "",
        }  # fmt: skip
        return urlencode({name: str(value) for name, value in wanted.items() if value})
