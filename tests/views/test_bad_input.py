"""What makes no sense has a known outcome, and never a 500."""

import asyncio
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKUP = "/0.1/directories/lookup/default"
REVERSE = "/0.1/directories/reverse/default/u"
#: nothing a name or a number is made of
WORDLESS = [
    "%",
    "*",
    "\0",
    "\x01\x1f\x7f",
    "\u200b\u202e",
    "'",
    '"',
    '"""',
    "()",
    "^",
    "-",
    "\U0001f600",
    "\ufffd",
]
#: nobody is called so, though it has words
SYNTAX = [
    '" OR',
    'ada" OR "bob',
    "NEAR(",
    "NEAR(ada bob)",
    "a* AND",
    "ada AND bob",
    "NOT ada",
    "terms:x",
    "terms:ada",
    "{terms}: ada",
    "ada OR bob",
    "'; DROP TABLE contact; --",
    "%ada%' OR 1=1",
]


# --- terms


@pytest.mark.parametrize("term", WORDLESS)
@pytest.mark.parametrize("path", [LOOKUP, f"{LOOKUP}/u"])
async def test_a_term_without_a_word_finds_nobody_and_comes_back_as_sent(site, path, term):
    reply = await site.ask(f"{path}?term={quote(term)}")
    assert (reply.status, reply.json["results"], reply.json["term"]) == (200, [], term)


@pytest.mark.parametrize("term", SYNTAX)
async def test_the_syntax_of_a_query_is_only_words_nobody_has(site, term):
    reply = await site.ask(f"{LOOKUP}?term={quote(term)}")
    assert (reply.status, reply.json["results"], reply.json["term"]) == (200, [], term)


@pytest.mark.parametrize(
    "term", ["ada*", "%ada%", '"ada', "ada)", "NEAR", "-ada", "ada\0", "\x07ada", "^ada"]
)
async def test_signs_around_a_word_count_for_nothing(site, term):
    found = (await site.ask(f"{LOOKUP}?term={quote(term)}")).json["results"]
    assert [result["column_values"][1] for result in found] == ([] if term == "NEAR" else ["Ada Bélanger"])


async def test_an_empty_and_a_blank_term_list_everybody(site):
    for term in ("", "%20", "+", "%0A"):
        assert len((await site.ask(f"{LOOKUP}?term={term}")).json["results"]) == 4


async def test_a_term_that_is_no_utf_8_finds_nobody(site):
    reply = await site.ask(f"{LOOKUP}?term=%FF%ED%A0%80")
    assert (reply.status, reply.json["results"]) == (200, [])
    assert set(reply.json["term"]) == {"\ufffd"}


async def test_a_term_as_long_as_allowed_is_searched(site):
    assert (await site.ask(LOOKUP, term="a" * 1024)).status == 200


async def test_a_longer_term_is_a_400_in_the_style_of_the_resource(site):
    reason = "a term has at most 1024 characters, this one 5000"
    older = await site.ask(LOOKUP, term="a" * 5000)
    assert (older.status, older.json["reason"], older.json["status_code"]) == (400, [reason], 400)
    newer = await site.ask(f"{LOOKUP}/u", term="a" * 5000)
    assert (newer.status, newer.json["message"], newer.json["error_id"]) == (400, reason, "invalid-data")


@pytest.mark.parametrize("path", [f"{LOOKUP}?term=", f"{REVERSE}?exten="])
async def test_a_url_of_10_kb_is_refused_before_anything_looks_at_it(site, path):
    assert (await site.ask(path + "a" * 10_240)).status == 431


# --- numbers


@pytest.mark.parametrize(
    "exten", [*WORDLESS, *SYNTAX, "", " ", "anonymous", "+", "++", "9" * 5000, "ada", "*" * 99]
)
async def test_what_is_no_number_is_nobody_and_comes_back_as_sent(site, exten):
    reply = await site.ask(f"{REVERSE}?exten={quote(exten)}")
    assert reply.status == 200
    assert reply.json == {"display": None, "exten": exten, "fields": {}, "source": None}


@pytest.mark.parametrize(
    "exten", ["%25", "0199%25", "%5F199001234", "%2B3319900123%5F", "0199*", "199001234*"]
)
async def test_a_number_has_no_wildcards(site, exten):
    assert (await site.ask(f"{REVERSE}?exten={exten}")).json["source"] is None


# --- paths


@pytest.mark.parametrize(
    "name", ["%FF", "%ED%A0%80", "%00", "%25", "%", "%zz", "..%2F..", "%3Cscript%3E", "'"]
)
async def test_a_profile_that_cannot_be_is_unknown(site, name):
    token = site.token("#", "dird.directories.lookup.*.headers.read")
    reply = await site.ask(f"/0.1/directories/lookup/{name}/headers", token=token)
    assert (reply.status, reply.json["status_code"]) == (404, 404)


@pytest.mark.parametrize(
    "target",
    [
        b"/0.1/\xff\xfe",
        b"/0.1/directories/lookup/default?term=\xff",
        b"/0.1/directories/lookup/default?term=\x01",
        b"/0.1/\x00",
        b"*",
        b"",
        b"http://[::1",
    ],
)
async def test_a_request_that_is_no_http_is_a_400(site, target):
    assert await status_of(site, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n") == 400


async def test_a_path_is_not_made_shorter(site):
    path = b"/0.1/directories/lookup/x/../default/headers"
    assert await status_of(site, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == 404


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        (b"/0.1/api/api.yml", b"X-Script-Name", 200),
        (b"/0.1/sources", b"X-Auth-Token", 401),
        (b"/0.1/sources", b"Wazo-Tenant", 401),
    ],
)
async def test_a_header_that_is_no_utf_8_has_its_outcome_too(site, path, header, status):
    request = b"GET %s HTTP/1.1\r\nHost: x\r\n%s: /\xff\xc3\r\nConnection: close\r\n\r\n"
    assert await status_of(site, request % (path, header)) == status


async def status_of(site, request):
    """The status of the reply to these bytes."""
    url = URL(site.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request)
    async with asyncio.timeout(10):
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(line.split()[1])


# --- anything at all, some of it no UTF-8

ANYTHING = st.one_of(st.text(max_size=80).map(str.encode), st.binary(max_size=40)).map(quote_from_bytes)
NUMBERLIKE = st.text("0123456789+*#() ./-;=,x", max_size=40).map(quote)
PAGE = st.one_of(ANYTHING, st.integers().map(str), st.text("0123456789+-. eE_²٣", max_size=12).map(quote))
PART = st.one_of(st.binary(max_size=12), st.sampled_from([b"directories", b"lookup", b"default", b"headers"]))
PATH = st.lists(PART.map(lambda part: quote_from_bytes(part, safe="")), max_size=5).map("/".join)
BODY = st.one_of(
    st.binary(max_size=200), st.text(max_size=60).map(lambda text: f'{{"extens": [{text}]}}'.encode())
)


@settings(max_examples=150)
@given(term=ANYTHING, limit=PAGE, offset=PAGE, explain=ANYTHING)
async def test_no_term_and_no_page_is_a_500(site, term, limit, offset, explain):
    reply = await site.ask(f"{LOOKUP}?term={term}&limit={limit}&offset={offset}&explain={explain}")
    assert reply.status in {200, 400}
    assert (await site.ask(f"{LOOKUP}?term={term}")).status == 200


@settings(max_examples=150)
@given(exten=st.one_of(ANYTHING, NUMBERLIKE), explain=st.booleans())
async def test_no_number_is_a_500(site, exten, explain):
    assert (await site.ask(f"{REVERSE}?exten={exten}&explain={explain}")).status == 200


@settings(max_examples=150)
@given(path=PATH)
async def test_no_path_is_a_500(site, path):
    for prefix in (
        "/",
        "/0.1/",
        "/0.1/directories/",
        "/0.1/directories/lookup/",
        "/0.1/directories/reverse/",
    ):
        assert (await site.ask(f"{prefix}{path}?term=a&exten=1")).status < 500


@given(body=BODY)
async def test_no_body_is_a_500(site, body):
    assert (await site.ask(REVERSE, "POST", body=body)).status in {200, 400}
