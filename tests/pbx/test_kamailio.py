"""A real Kamailio, with the very configuration of docs/pbx, asks a real lookupd who calls."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager

import pytest

from tests.document import blocks, read
from tests.fakes import ADA, BOB
from tests.faults.proxy import BlackHole, ThreadedProxy
from tests.pbx.sip import CONFIG, Callee, Kamailio, call, free_port, header
from tests.process import RunningDaemon, write_config, write_csv

ADAS, BOBS = "+33199001234", "+33199005678"
NOBODYS = "+33199999999"
#: a call takes a second at most for its name; Kamailio's own default would be four
SHORT = 3.5


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """lookupd, which knows Ada and Bob."""
    folder = tmp_path_factory.mktemp("lookupd")
    write_csv(folder / "staff.csv", [ADA, BOB])
    with RunningDaemon(write_config(folder, {"name": "staff"})) as daemon:
        daemon.wait_for("synced source 'staff'")
        yield daemon


@pytest.fixture(scope="module")
def callee():
    with Callee() as callee:
        yield callee


@pytest.fixture(scope="module")
def kamailio(daemon, callee):
    with Kamailio(daemon.url, callee.address) as kamailio:
        yield kamailio


def called(callee, kamailio, caller):
    """The INVITE that a call of somebody becomes, and how long the call took."""
    seconds = call(kamailio.address, caller)
    return callee.invites[-1], seconds


@contextmanager
def answering(status, body):
    """Something that answers every request so; its URL, and the paths it was asked for."""
    paths = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="answering", daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("number", "name"), [(ADAS, "Ada Bélanger"), (BOBS, "Bob Müller")])
def test_the_callee_sees_who_calls(kamailio, callee, number, name):
    invite, _ = called(callee, kamailio, f"<sip:{number}@example.com>")
    assert header(invite, "From").startswith(f'"{name}" <sip:{number}@example.com>;tag=')


@pytest.mark.parametrize("number", ["0199001234", "0033199001234", "33199001234"])
def test_a_number_may_come_as_the_trunk_writes_it(kamailio, callee, number):
    invite, _ = called(callee, kamailio, f"<sip:{number}@example.com>")
    assert header(invite, "From").startswith('"Ada Bélanger" <')


def test_a_number_in_the_place_of_the_name_is_none(kamailio, callee):
    invite, _ = called(callee, kamailio, f'"{ADAS}" <sip:{ADAS}@example.com>')
    assert header(invite, "From").startswith('"Ada Bélanger" <')


@pytest.mark.parametrize(
    "caller",
    [
        f"<sip:{NOBODYS}@example.com>",
        f'"{NOBODYS}" <sip:{NOBODYS}@example.com>',
        f'"Trunk says" <sip:{ADAS}@example.com>',
        f'"Łódź" <sip:{ADAS}@example.com>',
        "<sip:anonymous@anonymous.invalid>",
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "<sip:example.com>",
        "<sip:a%26b%3Dc%22%20%3F@example.com>",
    ],
)
def test_a_caller_nobody_knows_or_who_has_a_name_goes_through_unchanged(kamailio, callee, caller):
    invite, _ = called(callee, kamailio, caller)
    assert header(invite, "From").startswith(f"{caller};tag=")
    assert header(invite, "P-Asserted-Identity") is None


def test_the_name_may_go_into_p_asserted_identity_instead(daemon, callee):
    with Kamailio(daemon.url, callee.address, "WITH_PAI") as kamailio:
        known, _ = called(callee, kamailio, f"<sip:{BOBS}@example.com>")
        unknown, _ = called(callee, kamailio, f"<sip:{NOBODYS}@example.com>")
    assert header(known, "From").startswith(f"<sip:{BOBS}@example.com>;tag=")
    assert header(known, "P-Asserted-Identity") == f'"Bob Müller" <sip:{BOBS}@example.com>'
    assert header(unknown, "P-Asserted-Identity") is None


def test_a_call_goes_through_at_once_while_lookupd_is_down(callee):
    with Kamailio(f"http://127.0.0.1:{free_port()}", callee.address) as kamailio:
        invite, seconds = called(callee, kamailio, f"<sip:{ADAS}@example.com>")
        assert f"no name for {ADAS}" in kamailio.log
    assert header(invite, "From").startswith(f"<sip:{ADAS}@example.com>;tag=")
    assert seconds < SHORT


def test_a_call_goes_through_within_the_time_out_while_lookupd_hangs_and_asks_once(daemon, callee):
    with ThreadedProxy(int(daemon.url.rpartition(":")[2])) as proxy:
        proxy.behave(BlackHole())
        with Kamailio(f"http://127.0.0.1:{proxy.port}", callee.address) as kamailio:
            before = len(callee.invites)
            invite, seconds = called(callee, kamailio, f"<sip:{ADAS}@example.com>")
            assert proxy.connections == 1  # although the caller sends its INVITE again after 0.5 s
            proxy.behave()
            healed, _ = called(callee, kamailio, f"<sip:{ADAS}@example.com>")
    assert header(invite, "From").startswith(f"<sip:{ADAS}@example.com>;tag=")
    assert seconds < SHORT
    assert header(healed, "From").startswith('"Ada Bélanger" <')
    assert len(callee.invites) == before + 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"not found"),
        (401, b'{"error": "no token"}'),
        (500, b""),
        (200, b""),
        (200, b'Eve" <sip:0900@example.com>'),
        (200, b"Eve\\"),
        (200, b"Eve\r\nX-Evil: 1\r\n\r\n"),
        (200, b"Eve\x1b[2J"),
    ],
)
def test_what_is_no_name_never_becomes_one(callee, status, body):
    with answering(status, body) as (url, paths), Kamailio(url, callee.address) as kamailio:
        invite, _ = called(callee, kamailio, f"<sip:{ADAS}@example.com>")
        assert paths == [f"/cid?number={ADAS}"]
    assert header(invite, "From").startswith(f"<sip:{ADAS}@example.com>;tag=")


def test_only_the_first_line_of_an_answer_counts(callee):
    with (
        answering(200, b"Eve\nX-Evil: 1\n\nv=0") as (url, _),
        Kamailio(url, callee.address, "WITH_PAI") as kamailio,
    ):
        invite, _ = called(callee, kamailio, f"<sip:{ADAS}@example.com>")
    assert header(invite, "P-Asserted-Identity") == f'"Eve" <sip:{ADAS}@example.com>'
    assert header(invite, "X-Evil") is None


def test_what_the_page_shows_is_the_configuration_that_was_tested():
    shown = [block.text for block in blocks(read("docs/pbx/kamailio.md"), "kamailio")]
    assert len(shown) == 3
    own = CONFIG.read_text(encoding="utf-8")
    assert [text for text in shown if text not in own] == []
