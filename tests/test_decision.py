"""Whose word counts: the order of the profile decides, whatever was asked first and whoever was quick."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.answer import Failure, Known, Origin
from lookupd.contact import Contact, ListedNumber
from lookupd.decision import Decision, Standing, Word, takes_back, tier_of
from lookupd.freshness import Freshness
from lookupd.memory import Remembered
from lookupd.number import Number, Tier

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def known(source, freshness=Freshness.FRESH, *, tier=Tier.EXACT, origin=Origin.INDEX):
    contact = Contact(source=source, uid="1", body="{}", display=None)
    return Known(contact=contact, backend="b", tier=tier, origin=origin, since=NOW, freshness=freshness)


def standing(source, word, *, asks_live=True):
    """`word` is a Word, or a Freshness for a source that has the number."""
    if isinstance(word, Freshness):
        return Standing(source=source, asks_live=asks_live, word=Word.HAS, known=known(source, word))
    return Standing(source=source, asks_live=asks_live, word=word)


def decision(*words, asks_live=True):
    return Decision(
        [standing(name, word, asks_live=asks_live) for name, word in zip("abc", words, strict=False)]
    )


def asked(deciding):
    return [standing.source for standing in deciding.to_ask()]


FRESH, STALE, EXPIRED = Freshness.FRESH, Freshness.STALE, Freshness.EXPIRED
ABSENT, NOT_INDEXED, UNASKED = Word.ABSENT, Word.NOT_INDEXED, Word.UNASKED


@pytest.mark.parametrize(
    ("words", "wanted", "best"),
    [
        ((FRESH, FRESH), [], "a"),
        ((STALE, FRESH), [], "a"),
        ((FRESH, UNASKED), [], "a"),
        ((FRESH, EXPIRED), [], "a"),
        ((ABSENT, FRESH), [], "b"),
        ((NOT_INDEXED, FRESH), [], "b"),
        ((NOT_INDEXED, STALE, UNASKED), [], "b"),
        ((UNASKED, FRESH), ["a"], "b"),
        ((UNASKED, NOT_INDEXED, FRESH), ["a"], "c"),
        ((UNASKED, ABSENT, EXPIRED), ["a", "c"], "c"),
        ((EXPIRED, FRESH), ["a"], "a"),
        ((NOT_INDEXED, EXPIRED), ["b"], "b"),
        ((NOT_INDEXED, ABSENT, UNASKED), ["a", "c"], None),
        ((ABSENT, ABSENT), [], None),
        ((), [], None),
    ],
)
def test_who_is_asked_before_an_answer_stands(words, wanted, best):
    deciding = decision(*words)
    assert asked(deciding) == wanted
    assert (deciding.best.contact.source if deciding.best else None) == best


@pytest.mark.parametrize("words", [(UNASKED, FRESH), (EXPIRED, FRESH), (NOT_INDEXED, UNASKED)])
def test_who_is_not_asked_live_is_never_asked(words):
    assert asked(decision(*words, asks_live=False)) == []


def test_a_contact_that_has_gone_gives_way_to_the_next():
    deciding = decision(EXPIRED, FRESH)
    deciding.standings[0].lacks()
    assert asked(deciding) == []
    assert deciding.best.contact.source == "b"
    assert deciding.failures() == ()


def test_when_the_only_contact_has_gone_everybody_else_is_asked():
    deciding = decision(NOT_INDEXED, EXPIRED, NOT_INDEXED)
    deciding.standings[1].lacks()
    assert asked(deciding) == ["a", "c"]


def test_an_expired_contact_is_kept_while_its_source_fails_where_that_is_allowed():
    deciding = decision(EXPIRED, FRESH)
    deciding.standings[0].failed("down", keep=True)
    assert asked(deciding) == []
    assert deciding.best.freshness is EXPIRED
    assert deciding.failures() == (Failure(source="a", reason="down"),)


def test_an_expired_contact_is_not_shown_where_that_is_not_allowed():
    deciding = decision(EXPIRED, FRESH)
    deciding.standings[0].failed("down", keep=False)
    assert asked(deciding) == []
    assert deciding.best.contact.source == "b"
    assert deciding.standings[0].word is Word.FAILED


def test_a_failure_is_told_and_an_absence_is_not():
    deciding = decision(UNASKED, UNASKED)
    deciding.standings[0].failed("down", keep=True)
    deciding.standings[1].lacks()
    assert deciding.best is None
    assert [standing.word for standing in deciding.standings] == [Word.FAILED, ABSENT]
    assert [failure.source for failure in deciding.failures()] == ["a"]


def test_a_slow_source_counts_before_a_quick_one_behind_it():
    deciding = decision(UNASKED, UNASKED)
    deciding.standings[1].has(known("b", origin=Origin.LIVE))
    deciding.standings[0].has(known("a", origin=Origin.LIVE))
    assert deciding.best.contact.source == "a"


ADAS, ADAS_AT_7 = Number(key="+33199001234"), Number(key="+33199001234", extension="7")


@pytest.mark.parametrize(
    ("asked", "listed", "tier"),
    [
        (ADAS, [ADAS], Tier.EXACT),
        (ADAS_AT_7, [ADAS_AT_7], Tier.EXACT),
        (ADAS_AT_7, [ADAS], Tier.EXTENSION),
        (ADAS, [ADAS_AT_7], Tier.EXTENSION),
        (ADAS, [ADAS_AT_7, ADAS], Tier.EXACT),
        (ADAS, [], Tier.EXACT),
    ],
)
def test_a_contact_found_live_says_how_well_it_answers(asked, listed, tier):
    numbers = tuple(ListedNumber(number=number, rank=0) for number in listed)
    assert tier_of(Contact(source="a", uid="1", body="{}", display=None, numbers=numbers), asked) is tier


@pytest.mark.parametrize(
    ("tier", "later", "is_over"),
    [
        (Tier.EXACT, 1, True),
        (Tier.EXTENSION, 1, True),
        (Tier.EXACT, -1, False),
        (Tier.EXACT, 0, True),
        (Tier.COMPANY, 1, False),
        (Tier.SUFFIX, 1, False),
    ],
)
def test_an_absence_ends_only_what_was_settled_before_and_has_the_very_number(tier, later, is_over):
    absence = Remembered(contact=None, at=NOW + timedelta(minutes=later))
    assert takes_back(absence, known("a", tier=tier), NOW) is is_over


WORDS = st.sampled_from([*Freshness, ABSENT, NOT_INDEXED, UNASKED])
SAYS = st.sampled_from(["has", "lacks", "fails"])
SOURCES = st.lists(st.tuples(WORDS, st.booleans(), SAYS), max_size=5)


def settled(sources, order, *, keep):
    """A decision when everybody it wanted to ask has replied, each round in some order; and who was asked."""
    deciding = Decision(
        [standing(str(place), word, asks_live=asks) for place, (word, asks, _) in enumerate(sources)]
    )
    everybody_asked = []
    while replies := list(deciding.to_ask()):
        for reply in sorted(replies, key=lambda reply: order[int(reply.source)]):
            hear(reply, sources[int(reply.source)][2], keep=keep)
            everybody_asked.append(reply.source)
    return deciding, everybody_asked


def hear(reply, says, *, keep):
    if says == "has":
        reply.has(known(reply.source, origin=Origin.LIVE))
    elif says == "lacks":
        reply.lacks()
    else:
        reply.failed("down", keep=keep)


@given(SOURCES, st.permutations(range(5)), st.booleans())
def test_speed_never_changes_an_answer(sources, order, keep):
    one, _ = settled(sources, order, keep=keep)
    other, _ = settled(sources, range(5), keep=keep)
    assert one.best == other.best
    assert one.failures() == other.failures()


@given(SOURCES, st.booleans())
def test_nobody_is_asked_twice_or_without_need(sources, keep):
    _, everybody_asked = settled(sources, range(5), keep=keep)
    assert len(everybody_asked) == len({*everybody_asked})
    for name in everybody_asked:
        word, asks, _ = sources[int(name)]
        assert asks
        assert word not in {FRESH, STALE, ABSENT}


def final(word, asks, says, keep, *, everybody):
    """What a source has in the end, were it to decide alone; `everybody` means that nobody else has it."""
    if word in {FRESH, STALE}:
        return True
    if word is EXPIRED:
        return not asks or says == "has" or (says == "fails" and keep)
    return asks and says == "has" and (word is UNASKED or (everybody and word is NOT_INDEXED))


@given(SOURCES, st.booleans())
def test_the_first_source_that_has_the_number_counts(sources, keep):
    deciding, _ = settled(sources, range(5), keep=keep)
    for everybody in (False, True):
        having = [
            str(place) for place, source in enumerate(sources) if final(*source, keep, everybody=everybody)
        ]
        if having:
            assert deciding.best.contact.source == having[0]
            return
    assert deciding.best is None


@given(SOURCES, st.booleans())
def test_each_failure_is_told_and_nothing_else(sources, keep):
    deciding, everybody_asked = settled(sources, range(5), keep=keep)
    failed = [name for name in sorted(everybody_asked) if sources[int(name)][2] == "fails"]
    assert [failure.source for failure in deciding.failures()] == failed
