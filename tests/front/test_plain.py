"""Which requests are so plain that they need no parser."""

import asyncio

import pytest
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from lookupd.front.plain import Plain, headers_of, plain

HEAD = b"GET /0.1/who?exten=%2B331 HTTP/1.1\r\nHost: here\r\nX-Auth-Token: secret\r\n\r\n"


def test_a_question_is_plain():
    assert plain(HEAD) == Plain(b"/0.1/who", b"exten=%2B331", b"Host: here\r\nX-Auth-Token: secret\r\n")
    assert headers_of(plain(HEAD).headers) == {"host": "here", "x-auth-token": "secret"}


def test_a_question_without_a_query_is_plain():
    assert plain(b"GET /live HTTP/1.1\r\nHost: here\r\n\r\n") == Plain(b"/live", b"", b"Host: here\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-1],
        HEAD + b"x",
        HEAD + HEAD,
        HEAD.replace(b"GET", b"POST"),
        HEAD.replace(b"GET", b"get"),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HEAD.replace(b"GET ", b"GET  "),
        HEAD.replace(b"/0.1/who", b"/0.1/../who"),
        HEAD.replace(b"/0.1/who", b"/0.1//who"),
        HEAD.replace(b"/0.1/who", b"/0.1/%77ho"),
        HEAD.replace(b"/0.1/who", b"http://here/0.1/who"),
        HEAD.replace(b"331", b"3 31"),
        HEAD.replace(b"331", b"3\xe931"),
        HEAD.replace(b"Host: here", b"Host : here"),
        HEAD.replace(b"Host: here", b"Host: h\xc3\xa9re"),
        HEAD.replace(b"Host: here", b"Host: here\r\n folded"),
        HEAD.replace(b"Host: here", b"Host: he\tre"),
        HEAD.replace(b"Host: here", b"Host"),
        HEAD.replace(b"Host: here\r\n", b"Host: here\n"),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_anything_else_is_not(data):
    assert plain(data) is None


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: upgrade",
        b"Upgrade: websocket",
        b"Expect: 100-continue",
        b"host: there",
        b"HOST: here",
    ],
)
def test_headers_that_ask_for_more_are_not_plain(header):
    assert headers_of(b"Host: here\r\n" + header + b"\r\n") is None


@pytest.mark.parametrize("headers", [b"A: b\r\n", b"Host:\r\n"])
def test_a_request_to_no_host_is_not_plain(headers):
    assert headers_of(headers) is None


def test_a_connection_that_is_to_stay_is_plain():
    assert headers_of(b"Host: here\r\nConnection: Keep-Alive\r\n")["connection"] == "Keep-Alive"


STARTS = [b"GET /a", b"GET /a?b=%20&c", b"GET /a/b.c?", b"GET /a#b", b"GET /a?b#c", b"PUT /a", b"GET a"]
LINES = [
    b"A: b",
    b"B:c",
    b"C:  d ",
    b"Host: here",
    b"D :e",
    b" f",
    b"G: \t",
    b"Connection: keep-alive",
    b"H: a\nb",
]


@given(st.sampled_from(STARTS), st.lists(st.sampled_from(LINES), max_size=4))
def test_what_is_plain_means_the_same_to_aiohttp(start, lines):
    data = b"\r\n".join([start + b" HTTP/1.1", *lines, b"Host: h", b"", b""])
    found = plain(data)
    if found is None or (headers := headers_of(found.headers)) is None:
        return
    loop = asyncio.new_event_loop()
    try:
        [(message, _)], is_upgrade, rest = HttpRequestParser(None, loop, 2**16).feed_data(data)
    finally:
        loop.close()
    assert (message.method, is_upgrade, rest, message.should_close) == ("GET", False, b"", False)
    assert message.path.encode() == found.path + (b"?" + found.query if b"?" in start else b"")
    assert message.url.raw_query_string.encode() == found.query
    assert {name.lower(): value.strip() for name, value in message.headers.items()} == headers
