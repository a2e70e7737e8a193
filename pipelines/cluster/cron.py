"""Cron expressions of five fields in a time zone, and what Kubeflow makes of them.

Kubeflow's controller has one time zone for all schedules (CRON_SCHEDULE_TIMEZONE, UTC by default), so an expression is
moved there by the zone's present offset. Where summer time changes the offset, the moved expression changes with it:
`evertune schedule diff` then shows it, and `apply` replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from components.shared.errors import UserError

LEAST: Final = timedelta(minutes=5)
"""Kubeflow's controller needs some time for a tick, and a replaced schedule a quiet moment between two."""
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_HORIZON: Final = timedelta(days=366 * 5)


@dataclass(frozen=True)
class Cron:
    """A cron expression: the values that each field allows.

    Attributes:
        minutes: Of the hour.
        hours: Of the day.
        days: Of the month; None allows all.
        months: Of the year; None allows all.
        weekdays: 0 is Sunday; None allows all. With `days` too, either is enough, as cron has it.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int] | None
    weekdays: frozenset[int] | None

    def kubeflow(self) -> str:
        """The expression as Kubeflow wants it: six fields, the first one seconds."""
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join(["0", *("*" if one is None else ",".join(map(str, sorted(one))) for one in fields)])

    def ticks(self, after: datetime) -> Iterator[datetime]:
        """Its ticks after a moment, in the zone of that moment, within the next years."""
        day = after.replace(hour=0, minute=0, second=0, microsecond=0)
        times = [(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]
        while day < after + _HORIZON:
            if self._allows(day):
                for hour, minute in times:
                    if (tick := day.replace(hour=hour, minute=minute)) > after:
                        yield tick
            day += timedelta(days=1)

    def moved(self, offset: timedelta, where: str) -> Cron:
        """The same ticks on a clock that is behind by `offset`; raises UserError if no expression has them."""
        shift = -int(offset.total_seconds() // 60)
        moved = {divmod(hour * 60 + minute + shift, 1440) for hour in self.hours for minute in self.minutes}
        days = {day for day, _ in moved}
        minutes, hours = frozenset(at % 60 for _, at in moved), frozenset(at // 60 for _, at in moved)
        if len(minutes) * len(hours) != len(moved) or (len(days) > 1 and self._picks_days):
            raise UserError("its ticks fall on different days or minutes in UTC", where=where, remedy=_SPLIT)
        over = days.pop()
        if over and (self.days or self.months):
            raise UserError("its ticks fall on another day in UTC", where=where, remedy=_SPLIT)
        weekdays = self.weekdays and frozenset((day + over) % 7 for day in self.weekdays)
        return Cron(minutes, hours, self.days, self.months, weekdays)

    @property
    def _picks_days(self) -> bool:
        return any(one is not None for one in (self.days, self.months, self.weekdays))

    def _allows(self, day: datetime) -> bool:
        if self.months is not None and day.month not in self.months:
            return False
        weekday, monthday = day.isoweekday() % 7, day.day
        if self.days is not None and self.weekdays is not None:
            return monthday in self.days or weekday in self.weekdays
        return monthday in (self.days or {monthday}) and weekday in (self.weekdays or {weekday})


_SPLIT: Final = "choose another hour, make two schedules of it, or give the time in UTC"


def parse(text: str, where: str) -> Cron:
    """Reads a cron expression of five fields.

    Raises:
        UserError: if it is none, never ticks, or ticks too often.
    """
    words = text.split() if isinstance(text, str) else []
    if len(words) != len(_FIELDS):
        raise UserError(
            f"{text!r} is not a cron expression", where=where, remedy="give five fields, such as `0 3 * * MON`"
        )
    sets = [_field(word, *field, where) for word, field in zip(words, _FIELDS, strict=True)]
    minutes, hours = (one or frozenset(range(size)) for one, size in zip(sets[:2], (60, 24), strict=True))
    cron = Cron(minutes, hours, *sets[2:])
    ticks = cron.ticks(datetime(2027, 1, 1, tzinfo=UTC))
    first = [tick for tick, _ in zip(ticks, range(1 + len(minutes) * len(hours)), strict=False)]
    if not first:
        raise UserError(f"{text!r} never happens", where=where, remedy="correct the day or the month")
    if any(later - earlier < LEAST for earlier, later in pairwise(first)):
        raise UserError(f"{text!r} ticks more often than every 5 minutes", where=where, remedy="give it more time")
    return cron


def zone(name: str, where: str) -> ZoneInfo:
    """A time zone by its name; raises UserError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise UserError(
            f"{name!r} is not a time zone", where=where, remedy="give a name such as Europe/Berlin or UTC"
        ) from None


def _field(text: str, name: str, low: int, high: int, names: dict[str, int], where: str) -> frozenset[int] | None:
    if text in ("*", "?"):
        return None
    values: set[int] = set()
    for part in text.upper().split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-") if "-" in span else (span, "", span)
        try:
            begin, end = (low, high) if span == "*" else (_number(first, names), _number(last, names))
            end = high if slash and not dash and span != "*" else end
            chosen = range(begin, end + 1, _number(step, {}) if slash else 1)
        except ValueError:
            chosen = range(0)
        if not chosen or not low <= chosen[0] <= chosen[-1] <= high:
            raise UserError(f"{part!r} is not a {name}", where=where, remedy=f"give {low} to {high}, lists or ranges")
        values.update(chosen)
    return frozenset(values)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)
