"""What is promised of directories that fail, hang and come back, in short; the clock is moved by hand."""

import asyncio
import socket
import tempfile
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.answers.store import Pauses, Store
from lookupd.answers.table import kept
from lookupd.errors import SourceError
from lookupd.freshness import Freshness
from lookupd.health import Breaker
from lookupd.live import Live
from lookupd.memory import Memory
from lookupd.number import Number
from tests.fakes import ADA, NOBODY, Directory, FakeLoader, Office, config_of, until
from tests.faults.behaviour import BlackHole, Garbage, Pass, RefuseNew, Stall
from tests.faults.proxy import Proxy
from tests.faults.signals import eventually_async
from tests.servers.slapd import Slapd

QUICK = Pauses(gather=0.001, poll=0.01, retry=0.01)
#: numbers in the one form the directory below is asked for
NUMBERS = [f"+3319900{place:04}" for place in range(3)]
PEOPLE = {
    number: {"id": str(place), "name": f"Person {place}", "number": number, "mobile": None}
    for place, number in enumerate(NUMBERS)
}
LIVE = {"timeout": "60s", "spellings": ["e164"]}


@asynccontextmanager
async def opened(folder, config, now=None, **directories):
    """An office with its answers on disk, and one clock for everything."""
    office = Office(folder, config, **directories)
    if now is not None:
        office.clock.now = now
    store = Store(folder / "answers.db", kept(office.sources), office.clock, QUICK)
    memory = Memory(office.clock, keep=store.keep)
    await store.start(memory.learn)
    office.live = Live(memory, office.clock)
    for source in office.sources:
        source.gate.clock = lambda clock=office.clock: clock.now.timestamp()
    try:
        async with office:
            yield office
    finally:
        await store.close()


async def name(office, exten, profile="default"):
    answer = await office.reverse.who(NOBODY, profile, exten)
    return answer.known.contact.display if answer.known else None


def patient(*sources, **more):
    names = [source["name"] for source in sources]
    profile = {"reverse": {"sources": names, "timeout": "60s"}}
    return config_of(*sources, profiles={"default": profile}, **more)


@dataclass
class Model:
    """What a paid directory may bill: what it says once in its time, failures three in a row."""

    now: timedelta = timedelta(0)
    bills: int = 0
    is_down: bool = False
    people: set = field(default_factory=set)
    #: what was said of each number, and when
    said: dict = field(default_factory=dict)
    failures: int = 0
    may_probe: bool = True

    def ask(self, number):
        """The name that is given."""
        word, at = self.said.get(number, (None, None))
        if word is not None and (word or self.now - at <= timedelta(hours=1)):
            return PEOPLE[number]["name"] if word else None
        if self.failures >= 3 and not self.may_probe:
            return None
        self.bills += 1
        self.may_probe = False
        if self.is_down:
            self.failures += 1
            return None
        self.failures = 0
        self.said[number] = (number in self.people, self.now)
        return PEOPLE[number]["name"] if number in self.people else None


STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("ask"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("move"), st.sampled_from([10, 50, 70])),
    st.tuples(st.just("join"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("part"), st.sampled_from(NUMBERS)),
    st.tuples(st.sampled_from(["fail", "heal", "restart"]), st.none()),
)


#: three failures, then nothing is asked; a probe fails, another answers
OUTAGE = [
    ("fail", None),
    *[("ask", NUMBERS[0])] * 4,
    ("move", 10),
    *[("ask", NUMBERS[0])] * 2,
    ("heal", None),
]
OUTAGE += [("ask", NUMBERS[0]), ("move", 10), ("ask", NUMBERS[0]), ("restart", None), ("ask", NUMBERS[0])]


#: nobody for an hour, over a restart; and a failure that a restart does not make an absence
ABSENCE = [("ask", NUMBERS[0]), ("move", 50), ("restart", None), *[("ask", NUMBERS[0])] * 3]
ABSENCE += [("join", NUMBERS[0]), ("ask", NUMBERS[0]), ("move", 50), ("ask", NUMBERS[0])]
FAILURE = [("join", NUMBERS[0]), ("fail", None), ("ask", NUMBERS[0]), ("restart", None), ("heal", None)]
FAILURE += [("ask", NUMBERS[0])]


@hypothesis.settings(max_examples=40)
@hypothesis.example(OUTAGE)
@hypothesis.example(ABSENCE)
@hypothesis.example(FAILURE)
@given(st.lists(STEPS, min_size=5, max_size=18))
async def test_a_paid_directory_bills_each_word_once_in_its_time_whatever_happens(steps):
    model, crm = Model(), Directory()
    config = patient({"name": "crm", "sync": False, "live": LIVE})
    with tempfile.TemporaryDirectory() as folder:
        now = None
        for life in lives(steps):
            async with opened(Path(folder), config, now, crm=crm) as office:
                for step, value in life:
                    await take(step, value, model, crm, office)
                    assert len(crm.asked) == model.bills
                now = office.clock.now
            model.failures = 0  # a breaker dies with its process


def lives(steps):
    """The steps of each process between two restarts."""
    life = []
    for step in steps:
        if step[0] == "restart":
            yield life
            life = []
        else:
            life.append(step)
    yield life


async def take(step, value, model, crm, office):
    if step == "ask":
        assert await name(office, value) == model.ask(value)
    elif step == "move":
        office.clock.move(minutes=value)
        model.now += timedelta(minutes=value)
        model.may_probe = True
    elif step in {"join", "part"}:
        (model.people.add if step == "join" else model.people.discard)(value)
        crm.rows = [PEOPLE[number] for number in sorted(model.people)]
    else:
        model.is_down = step == "fail"
        crm.error = ConnectionError("refused") if model.is_down else None


async def test_an_outage_of_an_hour_changes_no_name_and_hardly_asks(tmp_path):
    staff = Directory(rows=list(PEOPLE.values()))
    async with opened(tmp_path, patient({"name": "staff", "live": LIVE}), staff=staff) as office:
        await office.sync()
        staff.error = ConnectionError("refused")
        pulls, ages = len(staff.asked), []
        for _ in range(60):
            office.clock.move(minutes=1)
            for number in NUMBERS:
                answer = await office.reverse.who(NOBODY, "default", number)
                assert (answer.known.contact.display, answer.failed) == (PEOPLE[number]["name"], ())
                ages.append((answer.known.freshness, answer.age))
            await until(lambda: not office.live._tasks)
        assert ages == sorted(ages, key=lambda age: age[1])
        assert ages[-1][0] is Freshness.STALE
        assert 3 <= len(staff.asked) - pulls <= 15, "three failures, and a probe after 1, 2, 4 .. 300 s"
        staff.error = None
        office.clock.move(minutes=6)
        await name(office, NUMBERS[0])
        await until(lambda: not office.live._tasks)
        assert (await office.reverse.who(NOBODY, "default", NUMBERS[0])).known.freshness is Freshness.FRESH


@pytest.mark.parametrize("is_hung", [True, False])
async def test_an_open_breaker_asks_nobody_and_serves_what_is_known_however_old(tmp_path, is_hung):
    crm = Directory(rows=list(PEOPLE.values()))
    live = {**LIVE, "timeout": "50ms" if is_hung else "60s"}
    config = patient({"name": "crm", "sync": False, "live": live})
    async with opened(tmp_path, config, crm=crm) as office:
        [source] = office.sources
        assert await name(office, NUMBERS[0]) == "Person 0"
        office.clock.move(days=8)
        crm.error, crm.gate = ConnectionError("refused"), asyncio.Event() if is_hung else None
        for _ in range(3):
            assert await name(office, NUMBERS[0]) == "Person 0"
            await until(lambda: not source.condition.in_flight and not office.live._tasks)
        assert source.condition.breaker is Breaker.OPEN
        answers = [await office.reverse.who(NOBODY, "default", NUMBERS[0]) for _ in range(5)]
        assert {answer.known.freshness for answer in answers} == {Freshness.EXPIRED}
        assert {failure.source for answer in answers for failure in answer.failed} == {"crm"}
        assert "'crm' is not asked: source 'crm' does not answer" in str(answers[0].story.lines())
        assert (await office.reverse.who(NOBODY, "default", NUMBERS[1])).failed
        assert len(crm.asked) == 4


@pytest.mark.parametrize(("number", "display"), [(NUMBERS[0], "Person 0"), ("+33198000000", None)])
async def test_500_who_ask_at_once_are_one_question_also_in_profiles_that_share_the_source(
    tmp_path, number, display
):
    crm = Directory(rows=list(PEOPLE.values()), gate=asyncio.Event())
    reverse = {"reverse": {"sources": ["crm"], "timeout": "60s"}}
    config = config_of(
        {"name": "crm", "sync": False, "live": LIVE}, profiles={"default": reverse, "phones": reverse}
    )
    async with opened(tmp_path, config, crm=crm) as office:
        asking = [
            asyncio.create_task(name(office, number, profile))
            for profile in ("default", "phones")
            for _ in range(250)
        ]
        await until(lambda: crm.asked)
        crm.gate.set()
        assert {*await asyncio.gather(*asking)} == {display}
        assert await name(office, number, "phones") == display
    assert len(crm.asked) == 1


class Hung:
    """A blocking back-end that does not come back before it is let go."""

    depends_on_caller = False

    def __init__(self):
        self.over = threading.Event()

    def load(self, args):
        pass

    def search(self, term, args):
        return []

    def first_match(self, exten, args):
        self.over.wait(60)


class WithHung(FakeLoader):
    """Has one hung back-end."""

    def __init__(self, hung, **directories):
        super().__init__(**directories)
        self._hung = hung

    def plugin(self, kind, name):
        return self._hung if name == "hung" else super().plugin(kind, name)


@pytest.fixture
def hung():
    plugin = Hung()
    yield plugin
    plugin.over.set()


async def test_a_source_that_hangs_takes_its_own_threads_only_and_the_next_one_names_the_caller(
    tmp_path, hung
):
    good = Directory(rows=[{**ADA, "number": NUMBERS[0]}])
    live = {"timeout": "20ms", "threads": 2, "spellings": ["e164"]}
    config = patient(
        {"name": "hung", "sync": False, "live": live}, {"name": "good", "sync": False, "live": LIVE}
    )
    async with opened(tmp_path, config, good=good) as office:
        first, _ = office.sources
        first._loader = WithHung(hung)
        await first.open()
        for asked in range(5):
            answer = await office.reverse.who(NOBODY, "default", NUMBERS[0])
            await until(lambda: not first.condition.in_flight and not office.live._tasks)
            assert answer.known.contact.display == ADA["name"], asked
            assert [failure.source for failure in answer.failed] == ["hung"]
        assert (first.condition.breaker, first.condition.stuck_threads) == (Breaker.OPEN, 2)
        hung.over.set()
        await until(lambda: first.condition.stuck_threads == 0)
        office.clock.move(seconds=2)
        assert (await office.reverse.who(NOBODY, "default", NUMBERS[1])).failed == ()
        assert first.condition.breaker is Breaker.CLOSED


ANN = {"objectClass": "inetOrgPerson", "uid": "ann", "cn": "Ann", "sn": "Ann", "telephoneNumber": NUMBERS[0]}


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp("slapd")) as server:
        server.add([(f"uid=ann,{server.base_dn}", ANN)])
        yield server


@pytest.mark.parametrize("behaviour", [BlackHole(), Stall(after=7), Garbage(seed=1, size=64), RefuseNew()])
async def test_a_real_directory_that_misbehaves_is_named_and_is_asked_again_when_it_is_well(
    tmp_path, slapd, behaviour
):
    async with Proxy(urlsplit(slapd.url).port) as proxy:
        limits = {"ldap_timeout": 0.2, "ldap_network_timeout": 0.2}
        staff = {
            "name": "staff",
            "backend": "ldap",
            "config": {"ldap_uri": f"ldap://127.0.0.1:{proxy.port}", "ldap_base_dn": slapd.base_dn, **limits},
            "unique_column": "uid",
            "searched_columns": ["cn"],
            "first_matched_columns": ["telephoneNumber"],
            "format_columns": {"reverse": "{cn}"},
            "sync": False,
            "live": {"timeout": "5s"},
        }
        async with opened(tmp_path, patient(staff)) as office:
            assert await name(office, NUMBERS[0]) == "Ann"
            proxy.behave(behaviour)
            proxy.cut()
            office.clock.move(days=2)
            assert await name(office, NUMBERS[0]) == "Ann"
            answer = await office.reverse.who(NOBODY, "default", NUMBERS[1])
            assert (answer.known, [failure.source for failure in answer.failed]) == (None, ["staff"])
            proxy.behave(Pass())
            office.clock.move(minutes=6)
            await eventually_async(lambda: is_absent(office, NUMBERS[1]), within=20)


def asked_of(slapd, uri, **settings):
    """A source that is only asked live, and whose own timeouts are long."""
    config = {"ldap_uri": uri, "ldap_base_dn": slapd.base_dn}
    return {
        "backend": "ldap",
        "config": {**config, "ldap_timeout": 30.0, "ldap_network_timeout": 30.0},
        "unique_column": "uid",
        "searched_columns": ["cn"],
        "first_matched_columns": ["telephoneNumber"],
        "format_columns": {"reverse": "{cn}"},
        "sync": False,
        **settings,
    }


async def test_a_directory_that_hangs_has_the_threads_for_no_longer_than_the_questions(tmp_path, slapd):
    staff = {"name": "staff", **asked_of(slapd, slapd.url), "live": {"timeout": "200ms"}}
    async with opened(tmp_path, patient(staff)) as office:
        [source] = office.sources
        await source.reverse(Number(key=NUMBERS[0]), NOBODY, timedelta(seconds=10))
        with slapd.suspended():
            asking = [source.reverse(Number(key=number), NOBODY, source.timeout) for number in NUMBERS]
            asking.append(source.search("ann", NOBODY, source.timeout))
            said = await asyncio.gather(*asking, return_exceptions=True)
            assert all(isinstance(word, SourceError) for word in said)
            await eventually_async(lambda: not source._threads._in_hand, within=1)


@pytest.fixture
def dead_dns(monkeypatch):
    """Names below `.test` are not resolved before the event that is given is set; then they are loopback."""
    over, resolve = threading.Event(), socket.getaddrinfo

    def getaddrinfo(host, *args, **more):
        if not str(host).endswith(".test"):
            return resolve(host, *args, **more)
        assert over.wait(60)
        return resolve("127.0.0.1", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield over
    over.set()
    for thread in opening():
        thread.join(10)
    assert not opening()


def opening():
    """The threads that open connections."""
    return [thread for thread in threading.enumerate() if ".test:" in thread.name]


@pytest.mark.usefixtures("dead_dns")
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
async def test_a_dead_resolver_holds_up_neither_an_answer_nor_another_source(tmp_path, slapd, scheme):
    uri = f"{scheme}://directory.test:{urlsplit(slapd.url).port}"
    lost = {"name": "lost", **asked_of(slapd, uri), "live": {"timeout": "100ms", "threads": 2}}
    config = patient(lost, {"name": "crm", "sync": False, "live": LIVE})
    async with opened(tmp_path, config, crm=Directory(rows=list(PEOPLE.values()))) as office:
        [source, _] = office.sources
        for number in NUMBERS:
            began = time.monotonic()
            answer = await office.reverse.who(NOBODY, "default", number)
            assert time.monotonic() - began < 5, "no more than a busy machine adds to 100 ms"
            assert answer.known.contact.display == PEOPLE[number]["name"]
            assert [failure.source for failure in answer.failed] == ["lost"]
            await until(lambda: not office.live._tasks)
        assert source.condition.breaker is Breaker.OPEN
        await eventually_async(lambda: not source._threads._in_hand, within=1)
        assert len(opening()) <= len(NUMBERS)


async def test_a_resolver_that_is_back_is_asked_by_the_next_probe(tmp_path, slapd, dead_dns):
    uri = f"ldap://directory.test:{urlsplit(slapd.url).port}"
    lost = {"name": "lost", **asked_of(slapd, uri), "live": {"timeout": "100ms"}}
    async with opened(tmp_path, patient(lost)) as office:
        [source] = office.sources
        ann = Number(key=NUMBERS[0])
        for _ in range(3):
            with pytest.raises(SourceError, match="did not reply within"):
                await source.reverse(ann, NOBODY, source.timeout)
        assert source.condition.breaker is Breaker.OPEN
        dead_dns.set()
        office.clock.move(seconds=2)
        assert (await source.reverse(ann, NOBODY, timedelta(seconds=10))).display == "Ann"
        assert source.condition.breaker is Breaker.CLOSED


async def is_absent(office, number):
    office.clock.move(minutes=6)
    answer = await office.reverse.who(NOBODY, "default", number)
    return answer.known is None and not answer.failed
