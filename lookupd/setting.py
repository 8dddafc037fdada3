"""What values of the configuration may look like: spans, regions, times, sections; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Annotated
from uuid import NAMESPACE_DNS, uuid5

import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, IPvAnyNetwork

from lookupd.template import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

#: the tenant of everything that does not name one
DEFAULT_TENANT = str(uuid5(NAMESPACE_DNS, "lookupd"))

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
#: nobody means more, and a date so far from now is still a date
_LONGEST = timedelta(days=36525)

#: by the numbers of crontab, where Sunday is 0 and 7
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SOME_WEEKDAYS = re.compile(r"(?:\*|([0-7])(?:-([0-7]))?)(?:/([1-7]))?")


def _span(value: object) -> object:
    """A span as written ("400ms", "15m", "1.5h", 30 for seconds) as a timedelta."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _seconds(value)
    if isinstance(value, str | bool):
        match = _SPAN.fullmatch(str(value).strip())
        if match is None:
            msg = "a span is a number with a unit: 400ms, 30s, 15m, 24h or 7d"
            raise ValueError(msg)
        return _seconds(float(match[1]) * _UNITS[match[2]])
    return value


def _seconds(seconds: float) -> timedelta:
    if not seconds <= _LONGEST.total_seconds():
        msg = "must not be longer than 100 years (36525d)"
        raise ValueError(msg)
    return timedelta(seconds=max(seconds, -1.0))  # what is negative is refused later, however much


def _network(value: object) -> object:
    try:
        meant = ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return value  # no network at all, which is told in any case
    if meant is not None and "/" in str(value) and ip_interface(str(value)).ip != meant.network_address:
        msg = f"{value!r} is an address in a network: write {str(meant)!r}"
        raise ValueError(msg)
    return value


def _region(value: object) -> object:
    if value is False:
        msg = "YAML reads NO as false: write 'NO' for Norway"
        raise ValueError(msg)
    if isinstance(value, str):
        value = value.upper()
        if value not in phonenumbers.SUPPORTED_REGIONS:
            meant = " (GB is the United Kingdom)" if value == "UK" else ""
            msg = f"{value!r} is not an ISO 3166 country code with telephone numbers{meant}"
            raise ValueError(msg)
    return value


def switch(value: object) -> object:
    """A section that may be switched off: false means not at all (None), true means as by default."""
    if value is False:
        return None
    return {} if value is True or value is None else value


def _cron(value: object) -> object:
    if isinstance(value, str):
        # Most configurations have intervals only, and a start need not wait for it.
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

        *others, weekdays = value.split() or [""]
        value = " ".join([*others, ",".join(map(_named, weekdays.split(",")))])
        trigger = CronTrigger.from_crontab(value, timezone=UTC)
        if trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
            msg = "this day never comes"
            raise ValueError(msg)
    return value


def _named(weekdays: str) -> str:
    """Weekdays by name, as APScheduler and crontab count them differently: its 0 is a Monday."""
    match = _SOME_WEEKDAYS.fullmatch(weekdays)
    if match is None or weekdays == "*":
        return weekdays
    first, last, step = match.groups()
    last = last or (first if first and not step else "6")
    days = _WEEKDAYS[int(first or 0) : int(last) + 1 : int(step or 1)]
    return ",".join(days) or weekdays


def _not_negative(span: timedelta) -> timedelta:
    if span < timedelta(0):
        msg = "must not be shorter than 0 seconds"
        raise ValueError(msg)
    return span


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        msg = "must be longer than 0 seconds"
        raise ValueError(msg)
    return span


def _template(text: str) -> str:
    Template(text)
    return text


Span = Annotated[timedelta, BeforeValidator(_span), AfterValidator(_positive)]
SpanOrZero = Annotated[timedelta, BeforeValidator(_span), AfterValidator(_not_negative)]
Network = Annotated[IPvAnyNetwork, BeforeValidator(_network)]
Region = Annotated[str, BeforeValidator(_region)]
Cron = Annotated[str, BeforeValidator(_cron)]
Name = Annotated[str, Field(min_length=1, max_length=512)]
Format = Annotated[str, AfterValidator(_template)]


class Section(BaseModel):
    """A part of the file: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def hint(wrong: str, known: Mapping[str, object] | set[str]) -> str:
    """A " (did you mean ...?)" where something known is spelt alike, else nothing."""
    close = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
