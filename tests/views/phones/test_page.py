"""Pages: whatever the limits, a walk over them meets every row once."""

from hypothesis import given
from hypothesis import strategies as st

from lookupd.views.phones.page import Page, Window, cut
from lookupd.views.phones.rows import Entry, Number, Row

NAMES = st.lists(st.text("ab", min_size=1, max_size=40), max_size=40)


def rows_of(names):
    return [Row(Entry(name, (Number("1"),), str(at)), (Number("1"),)) for at, name in enumerate(names)]


def measure(page: Page) -> int:
    links = sum(10 for link in (page.next, page.previous) if link is not None)
    return 20 + links + sum(len(row.entry.name) for row in page.rows)


@given(NAMES, st.integers(1, 10), st.none() | st.integers(60, 200))
def test_a_walk_to_the_end_and_back_meets_every_row_once(names, most, size):
    rows = rows_of(names)
    page = cut(rows, Window(offset=0, most=most, size=size), measure)
    seen = [*page.rows]
    while page.next is not None:
        assert page.next == page.offset + len(page.rows)
        page = cut(rows, Window(offset=page.next, most=most, size=size), measure)
        seen += page.rows
        assert len(page.rows) <= most
        assert size is None or measure(page) <= size or len(page.rows) == 1
    assert seen == rows
    while page.previous is not None:
        before = cut(rows, Window(offset=page.previous, most=most, size=size), measure)
        assert before.offset < page.offset
        assert before.offset + len(before.rows) <= page.offset
        page = before
    assert page.offset == 0


@given(NAMES, st.integers(-(10**9), 10**9), st.integers(-5, 10**9))
def test_any_window_gives_a_page_of_what_there_is(names, offset, most):
    page = cut(rows_of(names), Window(offset=offset, most=most), measure)
    assert page.total == len(names)
    assert 0 <= page.offset <= page.offset + len(page.rows) <= page.total
    assert (page.next is None) or page.rows


def test_a_page_holds_as_many_rows_as_fit():
    rows = rows_of(["a" * 10] * 9)
    page = cut(rows, Window(offset=2, most=8, size=80), measure)
    assert (page.offset, len(page.rows), page.next, page.previous) == (2, 4, 6, 0)


def test_a_row_that_fits_no_document_is_shown_by_itself():
    page = cut(rows_of(["a" * 500, "b"]), Window(offset=0, most=8, size=80), measure)
    assert [len(row.entry.name) for row in page.rows] == [500]
    assert page.next == 1
