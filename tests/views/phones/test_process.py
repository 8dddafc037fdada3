"""Phones where things go on: a directory is out of order, a daemon reads its configuration again."""

import signal

from tests.process import RunningDaemon, wait_until, write_config, write_csv
from tests.views.conftest import CONFIG
from tests.views.phones.checker import CHECKERS

PEOPLE = [
    {"id": str(at), "name": f"Ann P{at:03}", "number": f"01 99 00 1{at % 10} {at:02}"} for at in range(70)
]


async def test_a_telephone_is_told_why_nobody_is_found_where_a_directory_is_out_of_order(new_site):
    site = await new_site(CONFIG.replace("sources: [staff, partners]", "sources: ['gone, really']"))
    reply = await site.ask(
        "/phones/polycom/default/lookup?term=ada", token=None, headers={"Accept-Language": "fr"}
    )
    assert CHECKERS["polycom"](reply.body).rows == [("Annuaire injoignable", "")]


def test_a_process_shows_what_it_has_synced_and_goes_on_while_it_reads_its_configuration_again(tmp_path):
    config = write_config(tmp_path, {"name": "staff"}, guests={"external_url": "https://h/dir"})
    write_csv(tmp_path / "staff.csv", PEOPLE)
    with RunningDaemon(config) as daemon:
        path, pages = "/phones/cisco/default/lookup?term=ann", []
        wait_until(lambda: "Ann P000" in daemon.get(path)[1])
        while path is not None:
            pages.append(CHECKERS["cisco"](daemon.get(path)[1].encode()))
            path = pages[-1].next and pages[-1].next.removeprefix("https://h/dir")
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("the configuration has been read again", times=len(pages))
    rows = sorted(row for page in pages for row in page.rows)
    assert rows == [(one["name"], one["number"].replace(" ", "")) for one in PEOPLE]
