"""What values of the configuration may look like: spans, regions, times, sections; pure."""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import phonenumbers
from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def _span(value: object) -> object:
    """A span as written ("400ms", "15m", "1.5h", 30 for seconds) as a timedelta."""
    if isinstance(value, str):
        match = _SPAN.fullmatch(value.strip())
        if match is None:
            msg = "a span is a number with a unit: 400ms, 30s, 15m, 24h or 7d"
            raise ValueError(msg)
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    return value


def _region(value: object) -> object:
    if isinstance(value, str):
        value = value.upper()
        if value not in phonenumbers.SUPPORTED_REGIONS:
            msg = f"{value!r} is not an ISO 3166 country code with telephone numbers"
            raise ValueError(msg)
    return value


def switch(value: object) -> object:
    """A section that may be switched off: false means not at all (None), true means as by default."""
    if value is False:
        return None
    return {} if value is True or value is None else value


def _cron(value: object) -> object:
    if isinstance(value, str):
        CronTrigger.from_crontab(value)
    return value


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        msg = "must be longer than 0 seconds"
        raise ValueError(msg)
    return span


Span = Annotated[timedelta, BeforeValidator(_span), AfterValidator(_positive)]
SpanOrZero = Annotated[timedelta, BeforeValidator(_span), Field(ge=timedelta(0))]
Region = Annotated[str, BeforeValidator(_region)]
Cron = Annotated[str, BeforeValidator(_cron)]
Name = Annotated[str, Field(min_length=1, max_length=512)]


class Section(BaseModel):
    """A part of the file: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def hint(wrong: str, known: Mapping[str, object] | set[str]) -> str:
    """A " (did you mean ...?)" where something known is spelt alike, else nothing."""
    close = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
