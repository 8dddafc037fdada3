"""When a source is due: after a span, whatever the wall clock says, or at times of day, which it tells.

A run that was missed is never made up for: however far a clock was set forward, the next one is ahead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from typing_extensions import override

if TYPE_CHECKING:
    from lookupd.config import SyncSettings

#: the shortest span that instants can differ by
_NEXT = timedelta(microseconds=1)


class Every(BaseTrigger):  # type: ignore[misc] # it has no annotations
    """Again and again after a span, counted from the last time that it was due."""

    def __init__(self, every: timedelta, jitter: float | None) -> None:
        self.every = every
        #: seconds, at most, by which a run is put off
        self.jitter = jitter

    @override
    def __str__(self) -> str:
        return f"every {self.every}"

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        due = min(previous_fire_time or now, now) + self.every
        if due <= now:
            due += ((now - due) // self.every + 1) * self.every
        put_off: datetime = self._apply_jitter(due, self.jitter, now)
        return put_off

    def after_step(self, due: datetime, step: timedelta, now: datetime) -> datetime:
        """When a run is due after the wall clock was set by a step: as much time is left as before."""
        return after_step(due, step, now, self.every + timedelta(seconds=self.jitter or 0))


class Cron(CronTrigger):  # type: ignore[misc] # same
    """At times of day, in the time zone of the system."""

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        after: datetime | None = super().get_next_fire_time(None, now + _NEXT if previous_fire_time else now)
        return after

    def after_step(self, due: datetime, _step: timedelta, now: datetime) -> datetime:
        """The same: at the next time of day, and at once if that was passed over."""
        following = self.get_next_fire_time(None, now)
        return due if following is None else min(due, following)


def after_step(due: datetime, step: timedelta, now: datetime, span: timedelta) -> datetime:
    """When a span ends after the wall clock was set by a step, which may have been before the span began."""
    return max(now, min(due + step, now + span))


def trigger(settings: SyncSettings) -> Every | Cron:
    """What says when a source with these settings is pulled."""
    jitter = settings.jitter.total_seconds() or None
    if settings.cron is not None:
        cron: Cron = Cron.from_crontab(settings.cron)
        cron.jitter = jitter
        return cron
    return Every(settings.every or timedelta(minutes=15), jitter)
