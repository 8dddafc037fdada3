"""Whoever answers questions goes first: threads that pull and write step back from the processor."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

logger = logging.getLogger(__name__)

#: where a thread cannot be told to take only what is left
_NICE: Final = 10


def step_back() -> None:
    """Let this thread, and those that it starts, run only while nobody else wants the processor.

    On Linux that is SCHED_IDLE: whoever wakes up for a question takes its place at once. Being nice alone
    makes a thread run less, but not stop when a question comes: it goes on until its slice ends, some 3 ms.
    """
    try:
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    except PermissionError as error:  # forbidden by whoever started us, such as a filter of system calls
        logger.info("a sync may hold up questions for some milliseconds: it cannot step back (%s)", error)
