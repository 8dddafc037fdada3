"""Links: what a phone asks by them is what was meant."""

import re
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from lookupd.views.phones import link, query
from lookupd.views.phones.link import Links

WORDS = {"vendor": "cisco", "profile": "a b/ü%", "secret": "s3cret"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def links(form=link.PLAIN, **kept):
    return Links(base="https://h/dir", form=form, words=WORDS, kept=kept)


def test_every_part_of_a_path_is_encoded():
    assert links().bare("lookup") == "https://h/dir/phones/cisco/a%20b%2F%C3%BC%25/lookup"
    assert links(link.OF_DEVICE).to("menu") == "https://h/dir/p/s3cret/phones/cisco/a%20b%2F%C3%BC%25/menu"
    assert links(link.WAZO).bare("input").endswith("/0.1/directories/input/a%20b%2F%C3%BC%25/cisco")
    assert links(link.VENDOR_FIRST).bare("input").endswith("/0.1/cisco/directories/input/a%20b%2F%C3%BC%25")


@given(TEXT, TEXT)
def test_what_stands_in_a_link_comes_back_from_it(user, term):
    url = links(xivo_user_uuid=user).to("lookup", term=term, offset=16)
    assert re.fullmatch(r"[A-Za-z0-9%:/._~-]+\?[A-Za-z0-9%._~=&-]+", url)
    wanted = {"xivo_user_uuid": user, "term": term, "offset": "16"}
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == wanted
    assert query.parse(urlsplit(url).query) == wanted


def test_a_user_that_is_empty_is_no_part_of_a_path():
    for form in (link.WAZO, link.VENDOR_FIRST, link.PLAIN):
        moved = links(form, xivo_user_uuid="").with_user_in_path()
        assert moved.to("lookup", term="a") == links(link.PLAIN).to("lookup", term="a")
    moved = links(link.OF_DEVICE, xivo_user_uuid="").with_user_in_path()
    assert moved.to("lookup", term="a") == links(link.OF_DEVICE).to("lookup", term="a")


def test_a_user_can_stand_in_the_path_instead():
    path = "https://h/dir/0.1/directories/lookup/a%20b%2F%C3%BC%25/cisco/u%2F1"
    for form in (link.WAZO, link.VENDOR_FIRST, link.PLAIN):
        moved = links(form, xivo_user_uuid="u/1", limit="5").with_user_in_path()
        assert moved.to("lookup", term="a") == f"{path}?limit=5&term=a"


def test_a_user_stays_where_there_is_no_such_path_and_no_secret_is_lost():
    for same in (links(link.PLAIN, limit="5"), links(link.OF_DEVICE, xivo_user_uuid="u")):
        assert same.with_user_in_path() == same
