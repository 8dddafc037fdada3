"""What was found out and goes on to count when the configuration changes: the index, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from lookupd.answers.store import Store
from lookupd.answers.table import kept
from lookupd.index.reader import HOLD, Reader
from lookupd.live import Live
from lookupd.memory import Memory
from lookupd.sync.paths import paths

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from lookupd.config import Config
    from lookupd.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The index as it is read, and the answers of sources: in memory, on disk, and on their way."""

    index: Reader
    answers: Store
    memory: Memory
    live: Live

    @classmethod
    async def open(cls, stack: AsyncExitStack, config: Config, sources: Sources) -> Self:
        """Open everything on a prepared index; the stack closes it."""
        index = await Reader.open(paths(config).index, HOLD)
        stack.push_async_callback(index.close)
        answers = Store(config.data / "answers.db", kept(sources), lambda: datetime.now(UTC))
        stack.push_async_callback(answers.close)
        memory = Memory(lambda: datetime.now(UTC), keep=answers.keep)
        await answers.start(memory.learn)
        live = Live(memory, lambda: datetime.now(UTC))
        stack.push_async_callback(live.close)
        return cls(index=index, answers=answers, memory=memory, live=live)

    def follow(self, sources: Sources, former: Sources) -> None:
        """Go on with `sources`, which take over from `former`: what changed ones said counts no more."""
        changed = sources.take_over(former)
        self.memory.forget(changed)
        self.answers.follow(kept(sources), changed)
