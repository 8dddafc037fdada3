"""Whatever happens to a directory, the index holds exactly what it lists: random series against an oracle."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.fakes import Directory, FakeBackend
from tests.sync.ground import ChangingBackend, Ground, source_with

IDS = st.sampled_from(["1", "2", "3", "4", "5", "6"])
NAMES = st.sampled_from(["Ada", "Ann Bell", "Bob", "Zoë Müller", "山田太郎"])
NUMBERS = st.sampled_from([None, "0199001234", "0199005678", "0199001234 ext. 7", "01 99 00 12 xx", "4711"])
ROWS = st.fixed_dictionaries(
    {"id": IDS, "name": st.one_of(st.none(), NAMES), "number": NUMBERS, "mobile": NUMBERS}
)


def text(row):
    """A row as something to compare and to count once."""
    return tuple(sorted((column, repr(value)) for column, value in row.items()))


class Machine(RuleBasedStateMachine):
    """What both machines share: an index in a folder, and a loop to sync on."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.directory = Directory()

    def start(self, backend) -> None:
        self.ground = Ground(self.folder)
        self.source = source_with(backend, sync={"max_loss": 1})
        self.plan = self.sync()

    def sync(self):
        """A run; its counts must fit the index before and after it."""
        before = set(self.stored())
        plan = self.runner.run(self.ground.sync(self.source))
        after = set(self.stored())
        uids_before, uids_after = {uid for uid, _ in before}, {uid for uid, _ in after}
        assert plan.added == len(uids_after - uids_before)
        assert plan.removed == len(uids_before - uids_after)
        assert plan.changed == len({uid for uid, _ in after - before} & uids_before)
        assert plan.unchanged == len(before & after)
        assert plan.after == len(after)
        self.ground.check()
        return plan

    def stored(self):
        return self.ground.rows("SELECT uid, fingerprint FROM contact")

    def listed(self):
        """The rows the index holds, without what was made of them."""
        bodies = self.ground.bodies().values()
        return sorted(
            text({key: value for key, value in body.items() if key != "reverse"}) for body in bodies
        )

    def teardown(self) -> None:
        self.runner.run(self.ground.close())
        self.runner.close()
        shutil.rmtree(self.folder)


class FullPulls(Machine):
    """Rows come, go and change, with ids that are missing or stand twice; every pull lists everything."""

    @initialize(rows=st.lists(ROWS, max_size=4))
    def begin(self, rows):
        self.directory.rows = rows
        self.start(FakeBackend(self.directory))

    @rule(rows=st.lists(ROWS, min_size=1, max_size=3))
    def add(self, rows):
        self.directory.rows += rows

    @rule(row=ROWS)
    def add_without_an_id(self, row):
        self.directory.rows.append({**row, "id": None})

    @rule(row=ROWS, at=st.integers(0, 9))
    def edit(self, row, at):
        if self.directory.rows:
            self.directory.rows[at % len(self.directory.rows)] = row

    @rule(at=st.integers(0, 9))
    def remove(self, at):
        if self.directory.rows:
            del self.directory.rows[at % len(self.directory.rows)]

    @rule(at=st.integers(0, 9))
    def repeat(self, at):
        if self.directory.rows:
            self.directory.rows.append(self.directory.rows[at % len(self.directory.rows)])

    @rule()
    def turn_round(self):
        self.directory.rows.reverse()

    @rule()
    def remove_all(self):
        self.directory.rows = []

    @rule()
    def pull(self):
        self.sync()
        assert self.listed() == sorted({text(row) for row in self.directory.rows})
        assert (self.sync().is_change, self.listed()) == (False, self.listed())


class Changes(Machine):
    """The directory tells its changes; now and then it forgets its cursors. Ids are unique here."""

    @initialize(rows=st.lists(ROWS, max_size=4, unique_by=lambda row: row["id"]))
    def begin(self, rows):
        self.directory.rows = rows
        self.backend = ChangingBackend(self.directory)
        self.start(self.backend)

    @rule(rows=st.lists(ROWS, max_size=3, unique_by=lambda row: row["id"]), gone=st.lists(IDS, max_size=2))
    def change(self, rows, gone):
        gone = [uid for uid in gone if uid not in {row["id"] for row in rows}]
        self.backend.step(rows, gone)

    @rule(is_lazy=st.booleans())
    def forget(self, is_lazy):
        self.backend.oldest, self.backend.is_lazy = len(self.backend.steps), is_lazy

    @rule()
    def pull(self):
        self.sync()
        assert self.listed() == sorted(map(text, self.directory.rows))


FullPulls.TestCase.settings = Changes.TestCase.settings = settings(max_examples=15, stateful_step_count=12)
TestFullPulls = FullPulls.TestCase
TestChanges = Changes.TestCase
