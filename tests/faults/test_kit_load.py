"""Load on a real server, and on one behind a proxy that behaves badly."""

import asyncio
import contextlib
import resource
from functools import partial

import pytest
from aiohttp import web

from tests.faults.load import LoadReport, NotLoopback, Target, closed_loop, open_loop, slow_clients
from tests.faults.proxy import BlackHole, Garbage, Proxy, RefuseNew, Reset, Truncate
from tests.faults.signals import eventually_async


class Server:
    """Answers with the path; remembers connections and requests."""

    def __init__(self):
        self.connections = set()
        self.requests = []

    async def answer(self, request):
        self.connections.add(request.transport.get_extra_info("peername"))
        self.requests.append(request)
        match request.path:
            case "/busy":
                return web.Response(status=503)
            case "/nothing":
                return web.Response(status=204)
            case "/chunks":
                return await self._in_chunks(request)
            case "/once-slow" if len(self.requests) == 1:
                await asyncio.sleep(0.2)
        return web.Response(text=request.path_qs)

    async def _in_chunks(self, request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for part in (b"one", b"two" * 1000):
            await response.write(part)
        return response


@contextlib.asynccontextmanager
async def served(server):
    app = web.Application()
    app.router.add_get("/{any:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
async def port(server):
    async with served(server) as port:
        yield port


def url(port, path="/"):
    return f"http://127.0.0.1:{port}{path}"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://192.0.2.1/",
        "http://example.com/",
        "https://127.0.0.1/",
        "http://[2001:db8::1]/",
        "http://0.0.0.0/",
        "x",
    ],
)
def test_load_goes_to_this_machine_only(elsewhere):
    with pytest.raises(NotLoopback):
        Target(url=elsewhere)


@pytest.mark.parametrize(
    ("here", "address"),
    [
        ("http://127.0.0.1:9489/", ("127.0.0.1", 9489)),
        ("http://localhost/", ("127.0.0.1", 80)),
        ("http://[::1]:1/", ("::1", 1)),
    ],
)
def test_the_loopback_has_several_names(here, address):
    assert Target(url=here).address == address


async def test_an_open_loop_asks_as_often_as_it_is_told(server, port):
    report = await open_loop(Target(url=url(port, "/a?b=c")), rate=200, seconds=0.1)
    assert (report.count, report.errors) == (20, {})
    assert [request.path_qs for request in server.requests] == ["/a?b=c"] * 20


async def test_kept_connections_are_used_again(server, port):
    report = await closed_loop(Target(url=url(port)), clients=2, seconds=0.3)
    assert report.errors == {}
    assert report.count == len(server.requests) > len(server.connections)
    assert len(server.connections) <= 2


async def test_new_connections_are_new(server, port):
    report = await open_loop(Target(url=url(port), keeps_alive=False), rate=200, seconds=0.1)
    assert (report.errors, len(server.connections)) == ({}, 20)


async def test_the_requests_may_differ_and_their_answers_be_checked(port):
    target = Target(
        url=url(port),
        path=lambda number: f"/{number}",
        is_right=lambda number, body: body == b"/%d" % number and number != 7,
    )
    report = await open_loop(target, rate=1000, seconds=0.02)
    assert (report.count, report.errors) == (20, {"wrong": 1})


async def test_headers_are_sent(server, port):
    await open_loop(Target(url=url(port), headers={"X-Auth-Token": "planted"}), rate=10, seconds=0.1)
    assert server.requests[0].headers["X-Auth-Token"] == "planted"


async def test_a_status_that_is_not_good_is_an_error(port):
    report = await open_loop(Target(url=url(port, "/busy")), rate=100, seconds=0.05)
    assert (report.errors, report.goodput) == ({"503": 5}, 0)


@pytest.mark.parametrize(("path", "status"), [("/nothing", 204), ("/chunks", 200)])
async def test_answers_come_in_several_forms(port, path, status):
    lengths = set()
    target = Target(
        url=url(port, path), good=frozenset({status}), is_right=lambda _, body: not lengths.add(len(body))
    )
    report = await open_loop(target, rate=100, seconds=0.03)
    assert report.errors == {}
    assert lengths == {3003 if path == "/chunks" else 0}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (RefuseNew(), "refused"),
        (Reset(after=10), "reset"),
        (Truncate(after=10), "closed"),
        (Garbage(seed=1), "garbage"),
        (BlackHole(), "timeout"),
    ],
)
@pytest.mark.parametrize("loop", [open_loop, closed_loop])
async def test_what_goes_wrong_is_counted_by_its_kind(port, fault, kind, loop):
    options = {"rate": 100} if loop is open_loop else {"clients": 1}
    async with Proxy(port) as proxy:
        proxy.behave(fault)
        target = Target(url=url(proxy.port), timeout=0.1 if kind == "timeout" else 10)
        report = await loop(target, seconds=0.03, **options)
    assert set(report.errors) == {kind}


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-server",
        b"HTTP/1.1 what?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\nno length",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    ],
    ids=["ssh", "status", "head", "length", "chunks"],
)
async def test_an_answer_that_is_not_http_is_garbage(answer):
    async with raw_server(answer) as port:
        report = await open_loop(Target(url=url(port)), rate=100, seconds=0.01)
    assert report.errors == {"garbage": 1}


@contextlib.asynccontextmanager
async def raw_server(answer):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_who_waits_for_one_that_hangs_is_slow_too(port):
    target = Target(url=url(port, "/once-slow"))
    report = await open_loop(target, rate=1000, seconds=0.02, most_in_flight=1)
    assert report.errors == {}
    assert min(report.latencies) >= 0.18  # the first takes 0.2 s, and all were due in its first 0.02 s
    assert max(report.lags) >= 0.18


async def test_what_could_not_be_sent_in_time_is_counted():
    async with Proxy(1) as proxy:
        proxy.behave(BlackHole())
        target = Target(url=url(proxy.port), timeout=0.1)
        report = await open_loop(target, rate=1000, seconds=0.02, most_in_flight=1)
    assert (report.count, set(report.errors)) == (20, {"timeout", "unsent"})


def report_of(latencies, outcomes=None):
    return LoadReport(
        outcomes=outcomes or ["200"] * len(latencies),
        latencies=latencies,
        lags=latencies,
        seconds=2.0,
        good=frozenset({"200"}),
    )


def test_percentiles_are_those_of_the_nearest_rank():
    report = report_of([number / 1000 for number in range(1000, 0, -1)])
    assert (report.p50, report.p99, report.p999, report.max) == (0.5, 0.99, 0.999, 1.0)


def test_one_kind_can_be_looked_at_alone():
    report = report_of([0.1, 9.0, 0.3], ["200", "503", "200"])
    assert (report.goodput, report.max, report.only("200").max, report.only("503").p50) == (
        1.0,
        9.0,
        0.3,
        9.0,
    )
    assert (
        str(report)
        == "3 requests, 1/s good, 1 503; ms: p50 300.0, p99 9000.0, p99.9 9000.0, max 9000.0, lag p99 9000.0"
    )


def test_nothing_has_no_percentiles():
    assert (
        str(report_of([]))
        == "0 requests, 0/s good, no errors; ms: p50 nan, p99 nan, p99.9 nan, max nan, lag p99 nan"
    )


async def test_slow_clients_send_their_header_byte_by_byte_and_never_end_it(server, port):
    async with Proxy(port) as proxy:
        target = Target(url=url(proxy.port, "/slow"))
        async with slow_clients(target, 3, every=0.001) as slow:
            await eventually_async(lambda: proxy.bytes_to_server > 1000)
            assert (slow.open, slow.refused, slow.dropped, server.requests) == (3, 0, 0, [])
        assert slow.open == 0
        await eventually_async(lambda: proxy.open == 0)


async def test_slow_clients_leave_when_their_time_is_over(port):
    async with slow_clients(Target(url=url(port)), 2, every=0.001, seconds=0.02) as slow:
        await eventually_async(lambda: slow.open == 0)
        assert slow.dropped == 0


@pytest.mark.parametrize("end", [Proxy.cut, partial(Proxy.behave, to_client=Truncate())])
async def test_slow_clients_that_the_server_closes_are_counted(port, end):
    async with Proxy(port) as proxy, slow_clients(Target(url=url(proxy.port)), 3, every=0.001) as slow:
        await eventually_async(lambda: proxy.open == 3)
        end(proxy)
        await eventually_async(lambda: slow.dropped == 3)
        assert slow.open == 0


async def test_slow_clients_that_are_refused_are_counted(port):
    async with Proxy(port) as proxy:
        proxy.behave(RefuseNew())
        async with slow_clients(Target(url=url(proxy.port)), 3) as slow:
            assert (slow.open, slow.refused) == (0, 3)


async def test_more_slow_clients_than_descriptors_are_an_error_that_says_so(port):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(RuntimeError, match="ulimit -n"):
        async with slow_clients(Target(url=url(port)), soft):
            pass
