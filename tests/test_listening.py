"""The listening sockets the configuration asks for."""

import socket
from contextlib import ExitStack, closing
from itertools import chain

import pytest

from lookupd import listening
from lookupd.config import Http
from lookupd.listening import CannotListen


@pytest.fixture
def made():
    with ExitStack() as stack:

        def make(**http):
            shares = listening.shares(Http(**{"port": 0, **http}))
            for one in chain.from_iterable(shares):
                stack.enter_context(closing(one))
            return shares

        yield make


def test_a_free_port_is_taken(made):
    [[one]] = made()
    host, port = one.getsockname()
    assert (host, listening.url(one)) == ("127.0.0.1", f"http://127.0.0.1:{port}")
    socket.create_connection((host, port)).close()


def test_every_address_of_a_name_is_listened_on_at_one_port(made, monkeypatch):
    addresses = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2")]
    monkeypatch.setattr(listening, "_addresses", lambda _: iter(addresses))
    [[one, two]] = made()
    assert [one.getsockname()[0], two.getsockname()[0]] == ["127.0.0.1", "127.0.0.2"]
    assert one.getsockname()[1] == two.getsockname()[1]


def test_each_process_has_a_socket_of_its_own_on_one_port(made):
    shares = made(workers=3)
    assert [len(sockets) for sockets in shares] == [1, 1, 1]
    assert len({sock.getsockname() for [sock] in shares}) == 1
    assert len({sock.fileno() for [sock] in shares}) == 3


def test_what_a_service_manager_hands_over_is_for_all():
    with socket.create_server(("127.0.0.1", 0)) as one:
        assert listening.shares(Http(workers=2), [one]) == [[one], [one]]


@pytest.mark.parametrize("name", ["", "http", "unknown", "lookupd.socket"])
def test_a_handed_socket_with_a_name_or_none_is_for_http(monkeypatch, name):
    with socket.socket() as one, socket.socket() as calls:
        monkeypatch.setattr(listening, "handed_sockets", lambda: [("fastagi", calls), (name, one)])
        handed = listening.handed()
        assert (handed.http, handed.views) == ([one], {"fastagi": [calls]})


def test_a_handed_socket_of_a_name_that_means_nothing_is_told(monkeypatch):
    monkeypatch.setattr(listening, "handed_sockets", lambda: [("fastagy", None)])
    with pytest.raises(CannotListen, match=r"nobody takes the socket 'fastagy' .+to be fastagi or http"):
        listening.handed()


def test_a_name_has_each_of_its_addresses_once():
    found = [*listening._addresses("localhost")]
    assert (socket.AF_INET, "127.0.0.1") in found
    assert len(found) == len({*found})


def test_an_address_that_is_not_ours_is_told(made):
    with pytest.raises(CannotListen, match=r"cannot listen on 203\.0\.113\.1 port 0: .+set http\.listen"):
        made(listen="203.0.113.1")


def test_a_port_that_is_taken_is_told_and_nothing_stays_open(made):
    [[taken]] = made()
    with pytest.raises(CannotListen, match="in use"):
        made(port=taken.getsockname()[1])
