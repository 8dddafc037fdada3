"""Requests as phones send them, right and wrong: by which path, with what, and what comes back."""

import json
from urllib.parse import quote

import pytest
import pytest_asyncio
from yarl import URL

from lookupd.answer import Failure
from lookupd.errors import GuestUnknown, Throttled
from lookupd.views.phones.vendors import VENDORS
from tests.views.phones.checker import CHECKERS
from tests.views.phones.conftest import USER, Columns, Contacts, contacts, person, serving

PEOPLE = [person(f"P{at:02}", str(1000 + at)) for at in range(40)]
WAZO = f"/0.1/directories/lookup/default/cisco?xivo_user_uuid={USER}"


@pytest_asyncio.fixture
async def phones():
    lookup = Contacts(contacts(PEOPLE))
    async with serving({"lookup": lookup, "catalog": Columns(), "reverse": None}) as phones:
        yield phones


def cisco(reply):
    assert reply.status == 200
    return CHECKERS["cisco"](reply.body)


@pytest.mark.parametrize(
    ("url", "goes_on"),
    [
        (f"{WAZO}&term=", WAZO),
        (
            f"/0.1/cisco/directories/lookup/default?xivo_user_uuid={USER}&term=",
            "/0.1/cisco/directories/lookup/default?",
        ),
        (f"/0.1/directories/lookup/default/cisco/{USER}", f"/0.1/directories/lookup/default/cisco/{USER}?"),
        ("/phones/cisco/default/lookup", "/phones/cisco/default/lookup?"),
        ("/p/s3cret/phones/cisco/default/lookup", "/p/s3cret/phones/cisco/default/lookup?"),
    ],
)
async def test_the_links_of_a_page_lead_on_by_the_way_the_phone_came(phones, url, goes_on):
    page = cisco(await phones.ask(url))
    assert len(page.rows) == 32
    assert goes_on in page.next
    assert cisco(await phones.ask(page.next)).rows == [(one["name"], one["number"]) for one in PEOPLE[32:]]


@pytest.mark.parametrize("path", ["/0.1/directories/{}/default/cisco", "/0.1/cisco/directories/{}/default"])
async def test_from_the_menu_over_the_form_to_the_page(phones, path):
    menu = cisco(await phones.ask(f"{path.format('menu')}?xivo_user_uuid={USER}&name=SEP001122334455"))
    form = cisco(await phones.ask(menu.text("MenuItem/URL")))
    assert form.text("InputItem/QueryStringParam") == "term"
    page = cisco(await phones.ask(f"{form.text('URL')}&term=P07"))
    assert page.rows == [("P07", "1007")]


@pytest.mark.parametrize(
    "query",
    [
        "&term=P07",
        "&term=*p07*",
        "&term=p07&unknown=1&",
        "&term=p07&limit=0&offset=0",
        "&term=p07&limit=-5&offset=-5",
        "&term=p07&limit=999999999999&offset=",
        "?term=P07",
        "&term=+P07+",
        "&term=%00P07",
    ],
)
async def test_what_phones_add_to_a_query_does_no_harm(phones, query):
    assert cisco(await phones.ask(WAZO + query)).rows == [("P07", "1007")]


@pytest.mark.parametrize("term", ["%23SEARCH", "%23search", "*", "**", "+", "", "__T__"])
async def test_without_a_term_everybody_is_shown(phones, term):
    assert len(cisco(await phones.ask(f"{WAZO}&term={term}")).rows) == 32
    assert phones.services["lookup"].asked[0] == ("", 0)


async def test_a_page_behind_the_end_is_empty_and_leads_back(phones):
    page = cisco(await phones.ask(f"{WAZO}&term=p&offset=999999999999"))
    assert page.rows == [("No entries", "")]
    assert page.next is None
    assert cisco(await phones.ask(page.previous)).rows[-1] == ("P39", "1039")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("xivo_user_uuid=u", "term"),
        ("term=a", "xivo_user_uuid"),
        ("xivo_user_uuid=u&term=a&limit=x", "limit"),
        ("xivo_user_uuid=u&term=a&offset=1.5", "offset"),
    ],
)
async def test_a_missing_or_senseless_parameter_is_named(phones, query, wrong):
    reply = await phones.ask(f"/0.1/directories/lookup/default/cisco?{query}")
    told = json.loads(reply.body)
    assert (reply.status, told["error_id"], [*told["details"]]) == (400, "invalid-data", [wrong])


@pytest.mark.parametrize(
    "path",
    [
        "/0.1/directories/menu/default/nokia?xivo_user_uuid=u",
        "/0.1/directories/menu/default/yealink?xivo_user_uuid=u",
        "/0.1/nokia/directories/lookup/default?xivo_user_uuid=u&term=a",
        "/phones/nokia/default/lookup",
        "/phones/cisco/default/phonebook.xml",
        "/phones/cisco/default/page",
    ],
)
async def test_what_is_no_phone_or_not_for_this_phone_is_not_found(phones, path):
    assert (await phones.ask(path)).status == 404


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/phones/yeelink/default/lookup", ("'yeelink'", "did you mean 'yealink'?", "snom-tbook")),
        ("/phones/cisco/default/page", ("'cisco'", "'page'", "menu, input, lookup")),
        ("/phones/grandstream/default/input", ("'grandstream'", "'input'", "lookup, phonebook.xml")),
    ],
)
async def test_a_vendor_and_a_page_that_do_not_exist_are_named_with_those_there_are(phones, path, named):
    [reason] = json.loads((await phones.ask(path)).body)["reason"]
    assert [text for text in named if text not in reason] == []


@pytest.mark.parametrize("entry", ["menu", "input", "lookup"])
async def test_an_unknown_profile_is_told_as_by_wazo(phones, entry):
    reply = await phones.ask(f"/0.1/directories/{entry}/nope/cisco?xivo_user_uuid=u&term=a")
    assert reply.status == 404
    assert json.loads(reply.body)["status_code"] == 404


async def test_of_a_term_that_is_longer_than_any_name_the_beginning_is_searched_for(new_phones):
    site = await new_phones([person("A" * 70, "1000")])
    assert cisco(await site.ask(f"/phones/cisco/default/lookup?term={'a' * 2000}")).rows == [
        ("A" * 64, "1000")
    ]


@pytest.mark.parametrize("word", ["aastra", "yealink-browser", "ascom"])
async def test_a_document_keeps_to_its_bytes_whatever_is_in_names_and_links(word):
    people = contacts([person("\U0001f600" * 100, str(1000 + at), "2000") for at in range(40)])
    services = {"lookup": Contacts(people), "catalog": Columns(), "reverse": None}
    user, term = quote("\u00e9" * 500), quote("\U0001f600" * 100)
    async with serving(services) as phones:
        url = (
            f"/phones/{word}/default/lookup?xivo_user_uuid={user}&sn={term}&term={term}&language={'x' * 600}"
        )
        page = CHECKERS[word]((await phones.ask(url + "&offset=8")).body)
        assert page.numbers


@pytest.mark.parametrize(
    "path",
    [
        "/phones/cisco/%FF/lookup",
        "/phones/%FF/default/lookup",
        "/phones/cisco/default/%FF",
        "/p/%FF/phones/cisco/default/lookup",
        "/0.1/directories/lookup/default/cisco/%FF",
        "/0.1/directories/lookup/default/cisco?xivo_user_uuid=%FF&term=%FF%00&limit=%FF",
        "/phones/cisco/default/lookup?term=%F0%9F&offset=%2B1",
        "/phones/cisco/default/lookup?%FF=%FF&=&&==",
    ],
)
async def test_bytes_that_are_no_text_are_no_trouble(phones, path):
    assert (await phones.ask(path)).status in {200, 400, 404}


async def test_head_and_post_say_what_get_says(phones):
    got = await phones.ask("/phones/snom-tbook/default/lookup")
    head = await phones.ask("/phones/snom-tbook/default/lookup", "HEAD")
    posted = await phones.ask("/phones/snom-tbook/default/tbook.xml", "POST", data=b"")
    assert got.body == posted.body
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag"):
        assert head.headers[name] == got.headers[name] == posted.headers[name]


async def test_a_form_that_is_posted_counts_like_a_query(phones):
    reply = await phones.ask("/phones/openstage/default/lookup", "POST", data={"term": "P07"})
    assert CHECKERS["openstage"](reply.body).rows == [("P07", "1007")]


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=nothing",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
    ],
)
@pytest.mark.parametrize(
    "body", [b"term=M\xfc%zz", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"]
)
async def test_a_form_that_cannot_be_read_is_no_trouble(phones, kind, body):
    url = "/phones/snom-tbook/default/tbook.xml"
    assert (await phones.ask(url, "POST", data=body, Content_Type=kind)).status == 200


@pytest.mark.parametrize("path", ["/0.1/directories/input/default/snom", "/phones/snom/default/input"])
async def test_the_form_of_a_snom_for_no_user_leads_on(phones, path):
    form = CHECKERS["snom"]((await phones.ask(f"{path}?xivo_user_uuid=")).body)
    reply = await phones.ask(form.text("Url").replace("__T__", "P07"))
    assert CHECKERS["snom"](reply.body).rows == [("P07", "1007")]


async def test_a_form_may_be_in_latin_1():
    services = {"lookup": Contacts(contacts([person("Müller", "1")])), "catalog": Columns(), "reverse": None}
    async with serving(services) as phones:
        reply = await phones.ask(
            "/phones/openstage/default/lookup",
            "POST",
            data=b"term=M\xfcll\r\n",
            Content_Type="application/x-www-form-urlencoded",
        )
        assert CHECKERS["openstage"](reply.body).rows == [("Müller", "1")]


async def test_choosing_a_number_on_an_openstage_makes_it_call(phones):
    reply = await phones.ask("/phones/openstage/default/lookup?term=p&dial=1007")
    page = CHECKERS["openstage"](reply.body)
    assert page.text("IppAction/Number") == "1007"
    assert page.root.find("IppAction").get("Type") == "MAKECALL"
    reply = await phones.ask("/phones/openstage/default/lookup?term=P07&dial=%3Cscript%3E")
    assert CHECKERS["openstage"](reply.body).rows == [("P07", "1007")]


@pytest.mark.parametrize("name", ["phonebook.xml", "gs_phonebook.xml", "lookup"])
async def test_a_book_that_has_not_changed_is_not_sent_again(phones, name):
    url = f"/phones/grandstream/default/{name}"
    first = await phones.ask(url)
    assert len(CHECKERS["grandstream"](first.body).rows) == 40
    again = await phones.ask(url, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    for tag in ("W/" + first.headers["ETag"], f'"x", {first.headers["ETag"]}'):
        assert (await phones.ask(url, If_None_Match=tag)).status == 304
    assert (await phones.ask(url, If_None_Match='"other"')).status == 200
    assert phones.guests.log == [40, 0, 0, 0, 40]


@pytest.mark.parametrize("word", ["yealink", "htek", "fanvil-v2", "grandstream", "generic"])
async def test_a_whole_book_is_longer_than_a_page_of_guests_and_a_search_is_not(word):
    people = contacts([person(f"P{at:03}", str(1000 + at)) for at in range(300)])
    services = {"lookup": Contacts(people), "catalog": Columns(), "reverse": None}
    async with serving(services, page=50) as phones:
        reply = await phones.ask(f"/phones/{word}/default/lookup?term=%23SEARCH")
        assert len(CHECKERS[word](reply.body).rows) == 300
        reply = await phones.ask(f"/phones/{word}/default/lookup?term=p")
        assert len(CHECKERS[word](reply.body).rows) == 50
        assert phones.guests.log == [300, 50]


async def test_guests_are_counted_what_they_are_told_in_contacts():
    people = contacts([person("Ada", "1001", "1002"), person("Bob", "1003"), person("Cleo", "1004")])
    services = {"lookup": Contacts(people), "catalog": Columns(), "reverse": None}
    async with serving(services) as phones:
        for path in ("menu", "lookup?limit=2", "lookup?limit=3", "lookup?term=nobody"):
            await phones.ask(f"/phones/cisco/default/{path}")
        assert phones.guests.log == [1, 2, 0]


async def test_a_term_that_is_too_short_finds_nothing_and_the_phone_says_why():
    services = {"lookup": Contacts(contacts(PEOPLE)), "catalog": Columns(), "reverse": None}
    async with serving(services, min_term=3) as phones:
        for term in ("", "p0", "*p*", "%23SEARCH", "p..", "p0%27", "...", "p+P+p", "p+p0"):
            reply = await phones.ask(f"/phones/cisco/default/lookup?term={term}", Accept_Language="de")
            assert cisco(reply).kind == "CiscoIPPhoneText"
            assert "3" in cisco(reply).text("Text")
        assert (await phones.ask("/phones/grandstream/default/phonebook.xml")).status == 403
        assert cisco(await phones.ask("/phones/cisco/default/lookup?term=p07")).rows == [("P07", "1007")]
        assert phones.services["lookup"].asked == [("p07", 0)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/phones/cisco/default/menu", 401),
        (f"{WAZO}&term=a", 401),
        ("/p/s3cret/phones/cisco/default/menu", 404),
    ],
)
async def test_who_may_not_ask_is_told_so_in_a_document(phones, monkeypatch, path, status):
    def refuse(*_, **_asked):
        raise GuestUnknown

    monkeypatch.setattr(phones.guests, "admit", refuse)
    reply = await phones.ask(path, Accept_Language="es")
    assert reply.status == status
    assert CHECKERS["cisco"](reply.body).text("Text") != "Not allowed"
    assert ("WWW-Authenticate" in reply.headers) is (status == 401)


async def test_who_has_asked_too_much_is_told_when_to_come_again(phones, monkeypatch):
    def refuse(*_, **_asked):
        raise Throttled("somebody", 7.2)

    monkeypatch.setattr(phones.guests, "admit", refuse)
    reply = await phones.ask("/phones/cisco/default/lookup")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "8")
    assert CHECKERS["cisco"](reply.body).text("Text") == "Too many requests"


async def test_secret_user_and_profile_reach_whoever_admits(phones, monkeypatch):
    asked = []

    def refuse(_request, **words):
        asked.append((words["secret"], words["user"], words["profile"]))
        raise GuestUnknown

    monkeypatch.setattr(phones.guests, "admit", refuse)
    await phones.ask("/p/a%2Fb/phones/cisco/my%20own/lookup")
    await phones.ask(f"/phones/cisco/default/lookup?xivo_user_uuid={USER}")
    await phones.ask(f"/0.1/directories/lookup/default/gigaset/{USER}?")
    assert asked == [("a/b", None, "my own"), (None, USER, "default"), (None, USER, "default")]


async def test_a_language_in_the_url_goes_before_the_one_in_the_header_and_stays(phones):
    page = cisco(await phones.ask("/phones/cisco/default/lookup?language=fr&limit=9", Accept_Language="de"))
    assert page.text("Title") == "Annuaire"
    assert "language=fr" in page.next
    assert cisco(await phones.ask(page.next, Accept_Language="de")).text("Title") == "Annuaire"


async def test_a_directory_that_is_down_and_one_that_is_empty_are_told_apart(phones):
    lookup = phones.services["lookup"]
    assert cisco(await phones.ask("/phones/cisco/default/lookup?term=nobody")).rows == [("No entries", "")]
    lookup.failed = (Failure(source="far", reason="is down"),)
    page = cisco(await phones.ask("/phones/cisco/default/lookup?term=nobody2"))
    assert (page.kind, page.text("Text")) == ("CiscoIPPhoneText", "Directory not reachable")
    assert cisco(await phones.ask("/phones/cisco/default/lookup?term=P07")).rows == [("P07", "1007")]


async def test_a_book_with_a_part_missing_is_not_sent_and_counts_nothing(phones):
    phones.services["lookup"].failed = (Failure(source="far", reason="is down"),)
    reply = await phones.ask("/phones/grandstream/default/phonebook.xml")
    assert reply.status == 503
    assert phones.guests.log == [0]


@pytest.mark.parametrize("word", sorted(VENDORS))
async def test_every_word_in_a_url_stands_for_a_phone(phones, word):
    reply = await phones.ask(f"/0.1/directories/lookup/default/{word}?xivo_user_uuid={USER}&term=P07")
    assert reply.status == 200
    assert b"1007" in reply.body


async def test_links_are_as_the_phone_reaches_us(phones):
    url = str(phones.server.make_url("/phones/cisco/default/menu"))
    menu = cisco(await phones.ask(url, Host="phones.example.com:8080"))
    assert URL(menu.text("MenuItem/URL")).authority == "phones.example.com:8080"
