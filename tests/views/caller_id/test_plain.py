"""`/cid`: the name and nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.views.conftest import CONFIG

NAME = "Ada Bélanger".encode()
NUMBER = "+33 1 99 00 12 34"
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def cid(site, path="/cid", method="GET", **query):
    return await site.ask(path, method, token=None, **query)


@pytest.mark.parametrize(
    "number",
    [
        NUMBER,
        "0199001234",
        "33199001234",
        "0033199001234",
        " 33199001234",
        "tel:+33199001234",
        "%2B33199001234",
    ],
)
async def test_a_number_written_in_any_way_has_its_name(site, number):
    reply = await cid(site, number=number)
    assert (reply.status, reply.body) == (200, NAME)
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Content-Length"] == str(len(NAME))


@pytest.mark.parametrize(
    "path",
    [
        "/cid/0199001234",
        "/cid/+33199001234",
        "/cid/%2B33199001234",
        "/cid/%2033199001234",
        "/cid/0199001234?x=1&",
    ],
)
async def test_the_number_may_stand_in_the_path(site, path):
    assert (await cid(site, path)).body == NAME


async def test_a_plus_that_became_a_blank_is_a_plus(site):
    assert (await cid(site, "/cid?number=+33199001234")).body == NAME


@pytest.mark.parametrize(
    "number",
    [
        "0155555555",
        "anonymous",
        "Restricted",
        "asterisk",
        "",
        " ",
        "+",
        "\x00",
        "é",
        "9" * 5000,
        "../../etc/passwd",
    ],
)
async def test_who_is_not_known_has_an_empty_body(site, number):
    reply = await cid(site, number=number)
    assert (reply.status, reply.body) == (200, b"")
    assert "X-Lookupd-Failed" not in reply.headers


@pytest.mark.parametrize("path", ["/cid", "/cid/", "/cid?number", "/cid?other=1"])
async def test_no_number_is_nobody_s(site, path):
    assert [(await cid(site, path)).status, (await cid(site, path)).body] == [200, b""]


async def test_head_tells_as_much_without_the_name(site):
    reply = await cid(site, method="HEAD", number=NUMBER)
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", str(len(NAME)))


async def test_the_profile_can_be_chosen(site):
    assert (await cid(site, number=NUMBER, profile="plain")).body == NAME
    assert (await cid(site, number=NUMBER, profile="empty")).body == b""


async def test_an_unknown_profile_is_a_failure_without_a_name(site):
    reply = await cid(site, number=NUMBER, profile="nobodys")
    assert (reply.status, reply.body, reply.headers["X-Lookupd-Failed"]) == (404, b"", "question")


@pytest.mark.asyncio(loop_scope="function")
async def test_what_is_asked_wrongly_is_told_once_in_the_log(new_site, caplog):
    site = await new_site()
    for path in ("/cid", "/cid?nummer=1", "/cid?number=", "/crm"):
        reply = await cid(site, path)
        assert reply.status == 200
        assert ("X-Lookupd-Failed" in reply.headers) == (path in {"/cid", "/cid?nummer=1"})
    for _ in range(2):
        await cid(site, number=NUMBER, profile="nobodys")
    warnings = [record.message for record in caplog.records if "caller names" in record.message]
    assert warnings == [
        "caller names: this machine asks without a number (it is sent as ?number=...)",
        "caller names: no profile is called 'nobodys' in this tenant (see 'profiles' in the configuration)",
    ]


async def test_a_fallback_is_shown_for_nobody_and_is_made_harmless(site):
    assert (await cid(site, number="0155555555", fallback='A "B",\r\n<C>')).body == b"A B C"
    assert (await cid(site, number=NUMBER, fallback="x")).body == NAME


@pytest.mark.parametrize(
    ("most", "name"), [("3", "Ada"), ("4", "Ada"), ("5", "Ada B"), ("0", NAME.decode()), ("x", NAME.decode())]
)
async def test_a_name_is_as_long_as_it_may_be(site, most, name):
    assert (await cid(site, number=NUMBER, max=most)).body.decode() == name


async def test_a_name_can_be_had_in_ascii(site):
    assert (await cid(site, number=NUMBER, ascii="1")).body == b"Ada Belanger"
    assert (await cid(site, number=NUMBER, ascii="0")).body == NAME


async def test_asterisk_gets_pairs(site):
    reply = await cid(site, number="0199001234", format="hash")
    assert reply.body == b"name=Ada%20B%C3%A9langer&number=%2B33199001234&source=staff"
    assert (await cid(site, number="0155555555", format="hash")).body == b""
    reply = await cid(site, number="0155555555", format="hash", fallback="a&b=c")
    assert reply.body == b"name=a%26b%3Dc&number=%2B33155555555"


async def test_a_stale_name_says_so(site):
    site.age("aged", hours=2)
    reply = await cid(site, number="+33 1 99 00 80 01", profile="aged")
    assert (reply.body, reply.headers["X-Lookupd-Freshness"]) == (b"ACME", "stale")


async def test_a_source_that_cannot_be_asked_is_told_in_a_header(site):
    reply = await cid(site, number="0155555555", profile="failing")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["X-Lookupd-Failed"] == "gone%2C really"


async def test_other_methods_have_no_body_that_is_a_name(site):
    assert (await cid(site, method="POST")).status == 405


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    number=st.text(max_size=40).filter(lambda text: text.encode("utf-8", "ignore").decode() == text),
    query=st.dictionaries(
        st.sampled_from(["max", "ascii", "format", "profile", "fallback", "user", "x"]),
        st.text("1aé+ %&", max_size=5),
    ),
)  # fmt: skip
@pytest.mark.asyncio(loop_scope="module")
async def test_whatever_is_asked_the_answer_is_one_line_or_nothing(site, number, query):
    reply = await cid(site, number=number, **query)
    assert reply.status in {200, 404}
    text = reply.body.decode()
    assert text == " ".join(text.split())
    assert reply.status == 200 or not text


SHOWN = CONFIG.replace(
    "displays:",
    "views:\n"
    "  caller_id: {profile: named, length: 5, ascii: true, junk: [acme], fields: [mail, room, absent]}\n"
    "displays:",
).replace("  empty: {}", "  named: {reverse: {sources: [staff, aged]}}")


@pytest.mark.asyncio(loop_scope="function")
async def test_the_configuration_says_how_names_look(new_site):
    site = await new_site(SHOWN)
    assert (await cid(site, number=NUMBER)).body == b"Ada B"
    assert (await cid(site, number=NUMBER, max="6", ascii="no")).body == "Ada Bé".encode()
    assert (await cid(site, number="+33 1 99 00 80 01")).body == b""
    reply = await cid(site, number=NUMBER, format="hash", max="40")
    assert reply.body.endswith(b"&mail=ada%40example.com&room=B12")


@pytest.mark.asyncio(loop_scope="function")
async def test_it_can_be_switched_off(new_site):
    site = await new_site(CONFIG.replace("displays:", "views: {caller_id: false}\ndisplays:"))
    assert (await cid(site, number=NUMBER)).status == 404
