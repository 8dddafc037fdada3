"""`lookupd phone-config`: the lines for a telephone or a PBX, whose URLs this server answers."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lookupd.cli.phone_config import templates
from tests.fakes import ADA, BOB
from tests.process import DEADLINE, RunningDaemon, write_config, write_csv
from tests.views.phones.checker import CHECKERS

USER = "66666666-2222-4333-8444-555555555555"
TEMPLATES = templates()
PHONES = sorted(name for name in TEMPLATES if TEMPLATES[name].word != "pbx")
#: PBXes, and those that are told no URL but its parts
PBXES = {"3cx", "asterisk", "freeswitch", "fusionpbx", "kamailio", "opencnam", "superfecta", "yeastar"}
IN_PARTS = {"fastagi", "freepbx"}
#: what a telephone or a PBX puts in place of what stands in its configuration
TYPED = {
    "term=#SEARCH": "term=a",
    "${URIENCODE(${CALLERID(num)})}": "0123456789",
    "${caller_id_number}": "0123456789",
    "$thenumber": "0123456789",
    "NUMBER": "0123456789",
}
_URL = re.compile(r"http://127\.0\.0\.1:[0-9]+[^\s\"'<>)]*")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def urls(printed):
    """The URLs of printed lines, with something typed."""
    for placeholder, typed in TYPED.items():
        printed = printed.replace(placeholder, typed)
    for url in _URL.findall(printed):
        plain = html.unescape(url)
        if plain.endswith("term="):
            yield plain + "a"
        elif plain.endswith("number="):
            yield plain + "0123456789"
        elif "/phones/grandstream" in plain:
            yield plain.removesuffix("/") + "/phonebook.xml"
        else:
            yield plain


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phones")
    config = write_config(folder, {"name": "staff"})
    write_csv(folder / "staff.csv", [ADA, BOB])
    with RunningDaemon(config) as running:
        running.wait_for("staff")
        yield running


def got(url):
    with _OPENER.open(urllib.request.Request(url), timeout=DEADLINE) as response:
        return response.status, response.read()


def printed(site, daemon, vendor, *options):
    result = site.run("phone-config", vendor, "--url", daemon.url, *options)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("options", [(), ("--user", USER)], ids=["nobody", "user"])
@pytest.mark.parametrize("vendor", PHONES)
def test_every_url_a_telephone_is_given_is_answered_with_what_it_accepts(site, daemon, vendor, options):
    found = [*urls(printed(site, daemon, vendor, *options))]
    for url in found:
        status, body = got(url)
        assert status == 200, url
        CHECKERS[TEMPLATES[vendor].word](body)
    assert found


@pytest.mark.parametrize("vendor", sorted(PBXES))
def test_every_url_a_pbx_is_given_is_answered(site, daemon, vendor):
    found = [*urls(printed(site, daemon, vendor))]
    assert [got(url)[0] for url in found] == [200] * len(found)
    assert found


def test_there_are_the_pbxes_and_every_kind_of_telephone():
    assert set(TEMPLATES) - set(PHONES) == PBXES | IN_PARTS
    assert {TEMPLATES[name].word for name in PHONES} == set(CHECKERS)


def test_the_url_of_freepbx_is_given_in_parts(site, daemon):
    lines = printed(site, daemon, "freepbx").splitlines()
    host, port = daemon.url.removeprefix("http://").split(":")
    assert {f"Host: {host}", f"Port: {port}", "Path: cid"} <= set(lines)
    assert "Query: number=[NUMBER]&fallback=[NAME]" in lines


@pytest.mark.parametrize("vendor", sorted(TEMPLATES))
def test_a_secret_stands_in_every_url_and_nothing_is_left_open(site, vendor):
    options = ("--url", "https://dir.example.com/x/", "--secret", "s3/cret", "--profile", "sales & co")
    result = site.run("phone-config", vendor, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert not re.search(r"@[A-Z]+[+:]?", result.stdout)
    if vendor not in {*IN_PARTS, "openstage"}:
        assert "https://dir.example.com/x/p/s3%2Fcret/" in result.stdout
    assert "sales%20%26%20co" in result.stdout
    assert "sales &" not in result.stdout


def test_what_stands_in_xml_is_escaped(site):
    printed = site.run("phone-config", "fanvil", "--url", "http://h", "--user", USER).stdout
    assert f"<Addr>http://h/phones/fanvil-v2/default/lookup?xivo_user_uuid={USER}&amp;term=</Addr>" in printed


def test_the_pages_about_pbxes_say_the_same(site):
    folder = Path(__file__).parents[2] / "docs" / "pbx"
    options = ("--url", "http://lookupd.example.com:9489", "--secret", "SECRET")
    for vendor in ("freeswitch", "superfecta", "3cx"):
        page = (folder / f"{vendor}.md").read_text(encoding="utf-8")
        [url] = re.findall(r"http://lookupd[^\s\"']+", site.run("phone-config", vendor, *options).stdout)
        assert url in page


def test_the_vendors_are_listed_where_none_is_named(site):
    listed = [line.split("\t") for line in site.run("phone-config").stdout.splitlines()]
    assert [name for name, _ in listed] == sorted(TEMPLATES)
    assert all(title for _, title in listed)


def test_an_unknown_vendor_is_told_which_there_are(site):
    result = site.run("phone-config", "yealnk")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'yealnk' is not known (did you mean 'yealink'?)" in result.stderr
    assert all(name in result.stderr for name in TEMPLATES)


@pytest.mark.parametrize("url", ["dir.example.com", "ftp://h", "http://u:p@h", "http://h?x=1", ""])
def test_a_url_that_is_none_is_refused(site, url):
    assert site.run("phone-config", "snom", "--url", url).exit_code == 2


def test_of_what_has_no_secrets_it_is_said_how_it_may_ask(site):
    result = site.run("phone-config", "fastagi", "--url", "http://192.0.2.5:9489")
    assert result.stderr == "fastagi has no secrets: its address says whether it may ask\n"
    assert "subnets" in result.stdout


# --- without --url


def configured(site, **more):
    site.configure({"name": "staff"}, auth={"mode": "token"}, **more)
    return site.run("phone-config", "ascom")


def test_the_server_is_where_the_configuration_says(site):
    result = configured(site, http={"listen": "192.0.2.5", "port": 8080})
    assert "http://192.0.2.5:8080/phones/ascom/default/lookup\n" in result.stdout
    assert "guests.subnets" in result.stderr


def test_an_external_url_wins(site):
    result = configured(site, guests={"external_url": "https://dir.example.com/"})
    assert "https://dir.example.com/phones/ascom/default/lookup\n" in result.stdout


def test_a_server_that_listens_everywhere_is_named_by_its_host(site):
    result = configured(site, http={"listen": "0.0.0.0", "port": 8080})
    assert re.search(r"^http://[\w.-]+:8080/phones/", result.stdout, re.MULTILINE)
    assert "0.0.0.0" not in result.stdout


def test_an_ipv6_address_stands_in_brackets(site):
    result = configured(site, http={"listen": "2001:db8::5", "port": 8080})
    assert "http://[2001:db8::5]:8080/phones/" in result.stdout


def test_a_server_nobody_reaches_says_so(site):
    result = configured(site, http={"listen": "127.0.0.1", "port": 8080})
    assert "listens on this machine only" in result.stderr


def test_a_port_that_is_not_known_is_asked_for(site):
    result = configured(site, http={"port": 0})
    assert result.exit_code == 2
    assert "--url" in result.stderr


def test_a_profile_that_is_not_there_is_told(site):
    site.configure({"name": "staff"}, http={"listen": "127.0.0.1", "port": 9489})
    told = site.run("phone-config", "yealink", "--profile", "defualt", "--secret", "x")
    assert told.exit_code == 0
    assert "no profile is called 'defualt' yet (did you mean 'default'?)\n" in told.stderr
    assert "no profile" not in site.run("phone-config", "yealink", "--secret", "x").stderr
