"""A sync of a real directory through a wire that spoils what it carries: old contacts stay, or new ones come.

A bit that flips within a name cannot be noticed by anybody. So it is not asked here that each name is right,
but that nothing ends badly: no run hangs, no half of one counts, and the next one on a sound wire mends all.
"""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from lookupd.backends.ldap import LdapBackend
from lookupd.errors import LookupdError, SourceError, SourceShrank
from lookupd.sync.run import Run
from tests.faults.behaviour import Corrupt, Garbage, Pass, Reset, Stall, Truncate
from tests.faults.proxy import Proxy
from tests.servers.slapd import Slapd
from tests.sync.ground import DEADLINE, source_with

COUNT = 150


def person(place, name="Person"):
    return (
        f"uid=u{place},{Slapd.base_dn}",
        {
            "objectClass": "inetOrgPerson",
            "uid": f"u{place}",
            "cn": f"{name} {place}",
            "sn": f"{place}",
            "telephoneNumber": f"+33 1 99 00 {place // 100:02} {place % 100:02}",
        },
    )


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp("slapd"), session_log=10_000) as server:
        server.add([person(place) for place in range(COUNT)])
        yield server


@asynccontextmanager
async def wired(ground, slapd, changes):
    """A source on the directory behind a proxy; it was synced once, and somebody was renamed since."""
    slapd.modify(person(7)[0], {"cn": "Person 7"})
    async with Proxy(urlsplit(slapd.url).port) as proxy:
        source = source_with(
            LdapBackend(),
            backend="ldap",
            config={
                "ldap_uri": f"ldap://127.0.0.1:{proxy.port}",
                "ldap_base_dn": slapd.base_dn,
                "ldap_custom_filter": "(uid=*)",
                "ldap_changes": changes,
                "ldap_page_size": 40,
                "ldap_list_timeout": 1.0,
                "ldap_timeout": 1.0,
                "ldap_network_timeout": 1.0,
            },
            unique_column="entryUUID",
            searched_columns=["cn"],
            first_matched_columns=["telephoneNumber"],
            format_columns={"name": "{cn}", "reverse": "{cn}"},
            sync={"every": "15m"},
        )
        await ground.sync(source)
        assert sorted(ground.names()) == sorted(f"Person {place}" for place in range(COUNT))
        slapd.modify(person(7)[0], {"cn": "Renamed 7"})
        yield source, proxy


async def spoil(proxy, *, to_client, to_server):
    """Let new connections be so, and have none that is older."""
    proxy.behave(to_client, to_server=to_server)
    proxy.cut()
    await asyncio.sleep(0)


async def pull(ground, source, *, accept_loss=False):
    """Pull everything; a run that hangs fails the test."""
    async with asyncio.timeout(DEADLINE):
        await Run(source, source.settings.sync, ground.paths).run(full=True, accept_loss=accept_loss)


async def outcome(ground, source):
    """What comes of pulling everything: None when it succeeds, or the error."""
    try:
        await pull(ground, source)
    except LookupdError as error:
        return error
    return None


WAYS = ["none", "syncrepl"]


@pytest.mark.parametrize("changes", WAYS)
@pytest.mark.parametrize("every", [64, 2048, 1 << 20], ids=lambda every: f"a-bit-in-{every}")
async def test_flipped_bits_leave_the_old_contacts_or_bring_a_whole_generation(ground, slapd, changes, every):
    async with wired(ground, slapd, changes) as (source, proxy):
        for seed in range(4):
            before = ground.part()
            generation = (await ground.synced()).generation
            await spoil(
                proxy, to_client=Corrupt(seed=seed, after=900 + 4001 * seed, every=every), to_server=Pass()
            )
            error = await outcome(ground, source)
            ground.check()
            synced = await ground.synced()
            if error is not None:
                assert isinstance(error, SourceError | SourceShrank), error
                assert (ground.part(), synced.generation) == (before, generation)
                assert (await ground.runs(1))[0].error == str(error)
            else:
                assert synced.contacts >= 0.8 * COUNT
        await spoil(proxy, to_client=Pass(), to_server=Pass())
        await pull(ground, source, accept_loss=True)
        assert sorted(ground.names()) == sorted(
            [*(f"Person {place}" for place in range(COUNT) if place != 7), "Renamed 7"]
        )


@pytest.mark.parametrize("changes", WAYS)
@pytest.mark.parametrize("seed", range(3))
async def test_flipped_bits_of_questions_change_nothing_or_everything(ground, slapd, changes, seed):
    async with wired(ground, slapd, changes) as (source, proxy):
        before = ground.part()
        await spoil(proxy, to_client=Pass(), to_server=Corrupt(seed=seed, after=20 + 31 * seed, every=64))
        error = await outcome(ground, source)
        ground.check()
        if error is not None:
            assert ground.part() == before
        else:
            assert len(ground.bodies()) >= 0.8 * COUNT


@pytest.mark.parametrize("changes", WAYS)
@pytest.mark.parametrize(
    "behaviour",
    [
        *(Garbage(seed=seed, size=size) for seed, size in enumerate([1, 16, 300, 100_000])),
        Truncate(after=6000),
        Reset(after=6000),
        Stall(after=6000),
    ],
    ids=repr,
)
async def test_a_directory_that_stops_making_sense_is_a_failed_run_and_all_is_kept(
    ground, slapd, changes, behaviour
):
    async with wired(ground, slapd, changes) as (source, proxy):
        before = ground.part()
        await spoil(proxy, to_client=behaviour, to_server=Pass())
        with pytest.raises(SourceError, match=r"source 'fake'|127\.0\.0\.1"):
            await pull(ground, source)
        assert ground.part() == before
        ground.check()
        [run, *_] = await ground.runs()
        assert run.outcome == "failed"
        await spoil(proxy, to_client=Pass(), to_server=Pass())
        await ground.sync(source)
        assert "Renamed 7" in ground.names()
