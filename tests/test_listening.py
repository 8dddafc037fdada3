"""The listening sockets the configuration asks for."""

import socket
from contextlib import ExitStack, closing

import pytest

from lookupd import listening
from lookupd.config import Http
from lookupd.listening import CannotListen


@pytest.fixture
def made():
    with ExitStack() as stack:

        def make(**http):
            sockets = listening.sockets(Http(**{"port": 0, **http}))
            for one in sockets:
                stack.enter_context(closing(one))
            return sockets

        yield make


def test_a_free_port_is_taken(made):
    [one] = made()
    host, port = one.getsockname()
    assert (host, listening.url(one)) == ("127.0.0.1", f"http://127.0.0.1:{port}")
    socket.create_connection((host, port)).close()


def test_every_address_of_a_name_is_listened_on_at_one_port():
    addresses = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2")]
    one, two = listening._made(Http(port=0), addresses)
    with one, two:
        assert [one.getsockname()[0], two.getsockname()[0]] == ["127.0.0.1", "127.0.0.2"]
        assert one.getsockname()[1] == two.getsockname()[1]


def test_a_name_has_each_of_its_addresses_once():
    found = [*listening._addresses("localhost")]
    assert (socket.AF_INET, "127.0.0.1") in found
    assert len(found) == len({*found})


def test_an_address_that_is_not_ours_is_told(made):
    with pytest.raises(CannotListen, match=r"cannot listen on 203\.0\.113\.1 port 0: .+set http\.listen"):
        made(listen="203.0.113.1")


def test_a_port_that_is_taken_is_told_and_nothing_stays_open(made):
    [taken] = made()
    with pytest.raises(CannotListen, match="in use"):
        made(port=taken.getsockname()[1])
