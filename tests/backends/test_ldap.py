"""The LDAP back-end on a real slapd, and on servers that hang halfway."""

import contextlib
import logging
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import ldap
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lookupd import MultiValue, SourceError
from lookupd.backends.ldap import LdapBackend, deadline
from lookupd.backends.ldap.deadline import NEVER, Deadline
from lookupd.backends.ldap.filter import escape
from lookupd.backends.ldap.settings import Settings
from tests.backends.contract import NO_ARGS, BackendContract, Known
from tests.faults.behaviour import BlackHole, Delay, Drip, HalfOpen
from tests.faults.proxy import ThreadedProxy
from tests.faults.signals import eventually
from tests.servers.slapd import Certificates, Slapd

BASE = Slapd.base_dn
PEOPLE = f"ou=people,{BASE}"
ODD = f"ou=odd,{BASE}"
GUID = UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
LIMITS = f"""
limits dn.exact="uid=small,ou=logins,{BASE}" size=2
limits dn.exact="uid=nopages,ou=logins,{BASE}" size.prtotal=disabled
"""


def unit(name):
    return f"ou={name},{BASE}", {"objectClass": "organizationalUnit", "ou": name}


def person(dn, **attributes):
    uid = dn.split(",")[0].removeprefix("uid=")
    standard = {"objectClass": ["inetOrgPerson", "directoryPerson"], "uid": uid, "cn": uid, "sn": uid}
    return dn, {**standard, **attributes}


def entries():
    yield from map(unit, ("people", "odd", "logins", "elsewhere"))
    yield person(
        f"uid=1,{PEOPLE}",
        cn=["Ann Árvai", "Annie"],
        mail="ann@example.com",
        telephoneNumber="+33 1 23-45 67 89",
        mobile=["0612345678", "+41791234567"],
        userPassword="her-planted-secret",
        objectGUID=GUID.bytes_le,
    )
    yield person(f"uid=2,{PEOPLE}", cn="Bob Lee", telephoneNumber="102", description="in the cellar")
    yield person(f"uid=3,{PEOPLE}", cn="Cyd Lee", mobile="103", mail="cyd@example.com")
    yield person(f"uid=b,{ODD}", cn="Second", telephoneNumber="500")
    yield person(f"uid=a,{ODD}", cn="First", telephoneNumber="500")
    yield person(f"uid=c,{ODD}", cn="Third", mobile=["501", "500"])
    yield person(f"uid=d*(x)\\5c,{ODD}", uid="d*(x)\\", cn="Star*Co (x)\\y", telephoneNumber="600")
    yield person(f"uid=e,{ODD}", cn="Broken", legacyName=[b"Zo\xe9", b"fine"], jpegPhoto=b"\xff\xd8\xff")
    yield person(f"uid=f,{ODD}", cn="Wide", legacyName=[b"\xff", b" "], objectGUID=b"short")
    for login in ("small", "nopages"):
        yield person(f"uid={login},ou=logins,{BASE}", userPassword="pass")
    yield (
        f"ou=else,ou=elsewhere,{BASE}",
        {
            "objectClass": ["referral", "extensibleObject"],
            "ou": "else",
            "ref": "ldap://127.0.0.1:1/ou=else",
        },
    )
    yield person(f"uid=here,ou=elsewhere,{BASE}", cn="Here", telephoneNumber="700")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    server = Slapd(tmp_path_factory.mktemp("slapd"), certificates=certificates, limits=LIMITS)
    server.load(entries())
    with server:
        yield server


@pytest.fixture
def opened(server):
    """Makes loaded plugins for parts of the directory."""
    with contextlib.ExitStack() as stack:

        def opened(base=PEOPLE, **config):
            plugin = LdapBackend()
            plugin.load(args_of(server, base, **config))
            stack.callback(plugin.unload)
            return plugin

        yield opened


def args_of(server, base=PEOPLE, **config):
    columns = {
        "unique_column": "uid",
        "searched_columns": ["cn", "mail"],
        "first_matched_columns": ["telephoneNumber", "mobile"],
        "format_columns": {"name": "{cn}", "reverse": "{cn} {sn!s}"},
    }
    timeouts = {"ldap_timeout": 5.0, "ldap_network_timeout": 5.0}  # a busy machine is no failure
    config = {"ldap_uri": server.url, "ldap_base_dn": base, **timeouts, **columns, **config}
    return {"config": {"name": "staff", "backend": "ldap", **config}, "main_config": {}}


def uids(rows):
    return sorted(row["uid"] for row in rows)


class TestLdapBackend(BackendContract):
    @pytest.fixture
    def source_args(self, server):
        return args_of(server)

    @pytest.fixture
    def plugin(self, opened):
        return opened()

    @pytest.fixture
    def broken(self, opened):
        with socket.socket() as nobody_listens:
            nobody_listens.bind(("127.0.0.1", 0))
            yield opened(ldap_uri=f"ldap://127.0.0.1:{nobody_listens.getsockname()[1]}")

    @pytest.fixture
    def known(self):
        return [
            Known(
                uid="1",
                text="annie",
                numbers={"telephoneNumber": "+33123456789", "mobile": "+41 79 123 45 67"},
            ),
            Known(uid="2", text="bob", numbers={"telephoneNumber": "102"}, empty=["mobile", "mail"]),
            Known(uid="3", text="cyd@", numbers={"mobile": "103"}, empty=["telephoneNumber"]),
        ]

    @pytest.fixture
    def outage(self, server):
        return server.killed

    @pytest.fixture
    def unique_column(self):
        return "uid"


# What is fetched, and what it becomes


def test_a_row_has_the_columns_that_the_configuration_names(opened):
    (row,) = opened(ldap_attributes=["description"]).list(["2"], NO_ARGS)
    assert row == {
        "cn": "Bob Lee",
        "mail": None,
        "telephoneNumber": "102",
        "mobile": None,
        "uid": "2",
        "description": "in the cellar",
        "sn": "2",
    }


def test_columns_are_spelled_as_in_the_configuration(opened):
    plugin = opened(
        first_matched_columns=["TELEPHONEnumber"], format_columns={"name": "{CN}", "n": "{cn[0]}"}
    )
    row = plugin.first_match("102", NO_ARGS)
    assert [row["TELEPHONEnumber"], row["CN"], row["cn"]] == ["102", "Bob Lee", "Bob Lee"]
    assert "telephoneNumber" not in row


def test_without_formats_all_attributes_come_but_no_password(opened):
    row = opened(format_columns={}, unique_column="entryUUID").first_match("0612345678", NO_ARGS)
    assert row["sn"] == "1"
    assert len(row["entryUUID"]) == 36
    assert "userPassword" not in row
    assert "her-planted-secret" not in str(row)


def test_several_values_read_as_the_first_and_hold_all(opened):
    row = opened().first_match("0612345678", NO_ARGS)
    assert isinstance(row["mobile"], MultiValue)
    assert row["mobile"] == "0612345678"
    assert row["mobile"].all == ("0612345678", "+41791234567")


def test_what_is_not_utf8_is_left_out_and_told_once(opened, caplog):
    plugin = opened(ODD, ldap_attributes=["legacyName"])
    rows = {row["uid"]: row for row in plugin.list_all()}
    assert [rows["e"]["legacyName"], rows["e"]["cn"]] == ["fine", "Broken"]
    assert rows["f"]["legacyName"] is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"uid=e,{ODD}" in record.getMessage()
    assert "legacyName" in record.getMessage()


def test_a_photograph_that_nobody_named_is_not_worth_a_line(opened, caplog):
    (row,) = opened(ODD, format_columns={}, searched_columns=["cn"]).search("broken", NO_ARGS)
    assert "jpegPhoto" not in row
    assert not caplog.records


def test_a_binary_id_reads_as_a_uuid_and_is_found_by_it(opened):
    plugin = opened(unique_column="objectGUID", unique_column_format="binary_uuid")
    (row,) = plugin.list([str(GUID).upper(), "not-a-uuid", str(UUID(int=7))], NO_ARGS)
    assert row["objectGUID"] == str(GUID)
    assert plugin.first_match("+33123456789", NO_ARGS)["objectGUID"] == str(GUID)


def test_a_binary_id_of_another_name_has_its_bytes_in_order(opened):
    plugin = opened(unique_column="legacyName", unique_column_format="binary_uuid")
    assert plugin._columns.id_value(str(GUID)) == GUID.bytes
    assert plugin._columns.uuid_text(GUID.bytes) == str(GUID)


def test_a_binary_id_that_is_none_is_left_out(opened, caplog):
    plugin = opened(ODD, unique_column="objectGUID", unique_column_format="binary_uuid")
    (row,) = plugin.search("wide", NO_ARGS)
    assert row["objectGUID"] is None
    assert "objectGUID" in caplog.text


@pytest.mark.parametrize(
    ("scope", "base", "found"),
    [
        ("subtree", BASE, ["2"]),
        ("onelevel", BASE, []),
        ("onelevel", PEOPLE, ["2"]),
        ("base", f"uid=2,{PEOPLE}", ["2"]),
    ],
)
def test_the_scope_says_how_far_to_look(opened, scope, base, found):
    assert uids(opened(base, ldap_scope=scope).search("bob", NO_ARGS)) == found


def test_pointers_to_other_servers_are_not_followed(opened):
    plugin = opened(f"ou=elsewhere,{BASE}")
    assert uids(plugin.search("here", NO_ARGS)) == ["here"]
    assert uids(plugin.list_all()) == ["here"]


# Numbers


def test_who_shares_a_number_is_answered_with_the_same_one_always(opened):
    plugin = opened(ODD)
    assert plugin.first_match("500", NO_ARGS)["uid"] == "a"
    assert plugin.match_all(["500", "501"], NO_ARGS)["500"]["uid"] == "a"
    assert plugin.match_all(["500", "501"], NO_ARGS)["501"]["uid"] == "c"


def test_match_all_answers_under_each_spelling_that_was_asked(opened):
    asked = ["+33 1 23 45 67 89", "+33-123456789", "", " - ", "103"]
    found = opened().match_all(asked, NO_ARGS)
    assert {exten: row["uid"] for exten, row in found.items()} == {asked[0]: "1", asked[1]: "1", "103": "3"}


def test_a_column_that_the_server_calls_otherwise_is_matched_still(opened):
    plugin = opened(first_matched_columns=["mobileTelephoneNumber", "telephoneNumber"])
    found = plugin.match_all(["103", "102", "104"], NO_ARGS)
    assert {exten: row["uid"] for exten, row in found.items()} == {"103": "3", "102": "2"}


def test_more_numbers_than_fit_one_filter_are_asked_in_several(opened):
    asked = [str(number) for number in range(9000, 9120)]
    assert set(opened().match_all(["102", *asked, "103"], NO_ARGS)) == {"102", "103"}
    assert uids(opened().list(["1", *asked, "3"], NO_ARGS)) == ["1", "3"]


def test_the_matched_column_needs_no_format(opened):
    assert opened(format_columns={"reverse": "{sn}"}).match_all(["103"], NO_ARGS)["103"]["sn"] == "3"


def test_a_source_may_be_for_numbers_only(opened):
    plugin = opened(searched_columns=None)
    assert plugin.search("bob", NO_ARGS) == []
    assert plugin.first_match("102", NO_ARGS)
    assert uids(plugin.list_all()) == ["1", "2", "3"]


def test_a_source_may_be_for_texts_only(opened):
    plugin = opened(first_matched_columns=None, unique_column=None)
    assert plugin.first_match("102", NO_ARGS) is None
    assert plugin.match_all(["102"], NO_ARGS) == {}
    assert plugin.list(["2"], NO_ARGS) == []
    assert plugin.search("bob", NO_ARGS)


# Filters


def test_an_empty_text_finds_everybody_with_a_searched_column(opened):
    assert uids(opened().search(" ", NO_ARGS)) == ["1", "2", "3"]
    assert uids(opened(searched_columns=["mail"]).search("", NO_ARGS)) == ["1", "3"]


def test_a_custom_filter_holds_for_every_question(opened):
    plugin = opened(ldap_custom_filter="(mail=*)")
    assert uids(plugin.search("lee", NO_ARGS)) == ["3"]
    assert plugin.first_match("102", NO_ARGS) is None
    assert set(plugin.match_all(["102", "103"], NO_ARGS)) == {"103"}
    assert uids(plugin.list(["2", "3"], NO_ARGS)) == ["3"]
    assert uids(plugin.list_all()) == ["1", "3"]


def test_a_custom_filter_may_hold_what_was_asked(opened):
    plugin = opened(ldap_custom_filter="|(cn=*%Q*)(mobile=%Q)", searched_columns=[])
    assert uids(plugin.search("lee", NO_ARGS)) == ["2", "3"]
    assert uids(plugin.search("", NO_ARGS)) == ["1", "2", "3"]
    assert plugin.search("*", NO_ARGS) == []
    assert set(plugin.match_all(["102", "103"], NO_ARGS)) == {"103"}
    assert plugin.first_match("103", NO_ARGS)
    assert uids(plugin.list(["2"], NO_ARGS)) == ["2"]
    assert uids(plugin.list_all()) == ["1", "2", "3"]


def test_a_pull_may_have_a_filter_of_its_own(opened):
    plugin = opened(ldap_custom_filter="(mail=*)", ldap_list_filter="(description=*)")
    assert uids(plugin.list_all()) == ["2"]


def test_without_any_column_a_pull_takes_every_entry(opened):
    plugin = opened(searched_columns=[], first_matched_columns=[], unique_column=None)
    assert len(list(plugin.list_all())) == 4  # their folder too
    assert len(list(opened(searched_columns=[], first_matched_columns=[]).list_all())) == 3


@pytest.fixture(scope="module")
def odd(server):
    plugin = LdapBackend()
    plugin.load(args_of(server, ODD))
    yield plugin
    plugin.unload()


# Above all what means something in a filter, then anything.
texts = st.text(st.sampled_from("*()\\&|!=~<>:,+#; \0aStrCo5x0") | st.characters(codec="utf-8"), max_size=12)
many = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@many
@given(texts)
def test_a_search_finds_nobody_who_has_not_the_text(odd, text):
    names = [row["cn"] for row in odd.search(text, NO_ARGS)]
    if text.isascii() and text.isprintable():  # the directory's preparation of other texts is its own affair
        wanted = " ".join(text.lower().split())
        assert not [name for name in names if wanted not in name.lower()]


@many
@given(texts)
def test_a_number_finds_nobody_who_has_it_not(odd, text):
    row = odd.first_match(text, NO_ARGS)
    found = odd.match_all([text], NO_ARGS)
    if text.isascii():
        asked = text.replace(" ", "").replace("-", "")
        assert (row is not None) <= (asked in {"500", "501", "600"})
    assert not found or found[text] == row


@many
@given(texts)
def test_an_id_finds_nobody_who_has_it_not(odd, text):
    found = uids(odd.list([text], NO_ARGS))
    assert len(found) <= 1
    if found and text.isascii():
        assert found == [" ".join(text.lower().split())]


@pytest.mark.parametrize("term", ["star*co", "*", "(x)", "\\y", "*co (x)\\"])
def test_what_means_something_in_a_filter_is_found_as_text(odd, term):
    assert uids(odd.search(term, NO_ARGS)) == ["d*(x)\\"]


def test_an_id_with_signs_of_a_filter_is_found(odd):
    assert uids(odd.list(["d*(x)\\", "*"], NO_ARGS)) == ["d*(x)\\"]


@many
@given(texts | st.binary(max_size=20))
def test_what_is_escaped_has_no_sign_left(value):
    text = escape(value)
    assert not set("*()\0") & set(text)
    parts = text.split("\\")
    plain = parts[0].encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in parts[1:])
    assert plain == (value if isinstance(value, bytes) else value.encode())


# Pulls


def test_a_pull_takes_page_after_page(opened):
    assert uids(opened(ODD, ldap_page_size=2).list_all()) == uids(opened(ODD).list_all())
    assert len(uids(opened(ODD).list_all())) == 6


def test_a_server_without_pages_gives_all_at_once(opened):
    login = {"ldap_username": f"uid=nopages,ou=logins,{BASE}", "ldap_password": "pass"}
    assert len(uids(opened(ODD, ldap_page_size=2, **login).list_all())) == 6


def test_questions_do_not_wait_for_a_pull(opened):
    plugin = opened(ODD, ldap_page_size=1)
    rows = plugin.list_all()
    first = next(rows)
    assert plugin.first_match("500", NO_ARGS)
    assert len([first, *rows]) == 6


def test_a_pull_may_be_left_halfway(opened):
    plugin = opened(ODD, ldap_page_size=1)
    rows = plugin.list_all()
    next(rows)
    rows.close()
    assert len(list(plugin.list_all())) == 6


@pytest.fixture
def small(opened):
    login = {"ldap_username": f"uid=small,ou=logins,{BASE}", "ldap_password": "pass"}
    return opened(ODD, **login)


def test_a_search_beyond_the_size_limit_gives_what_came(small):
    assert len(small.search("", NO_ARGS)) == 2
    assert len(small.search("", NO_ARGS)) == 2


def test_a_shared_number_beyond_the_size_limit_is_still_answered(small):
    assert small.first_match("500", NO_ARGS)
    assert small.match_all(["500"], NO_ARGS)


def test_a_number_that_the_size_limit_kept_back_is_found(small):
    found = small.match_all(["500", "600", "999"], NO_ARGS)
    assert {exten: row["uid"] for exten, row in found.items()} == {
        "500": found["500"]["uid"],
        "600": "d*(x)\\",
    }


def test_a_pull_beyond_the_size_limit_is_an_error(small):
    with pytest.raises(SourceError, match=r"Size limit exceeded; .* raise its size limit"):
        list(small.list_all())


def test_ids_beyond_the_size_limit_are_an_error(small):
    with pytest.raises(SourceError, match="size limit"):
        small.list(["a", "b", "c"], NO_ARGS)


# What goes wrong


def test_a_wrong_password_is_named_as_such_and_not_shown(opened):
    plugin = opened(ldap_username=Slapd.admin_dn, ldap_password="wrong-and-private")
    with pytest.raises(SourceError) as caught:
        plugin.search("ann", NO_ARGS)
    assert "Invalid credentials; check ldap_username and ldap_password" in str(caught.value)
    assert "wrong-and-private" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_right_password_is_let_in(opened):
    plugin = opened(ldap_username=Slapd.admin_dn, ldap_password=Slapd.admin_password)
    assert plugin.search("ann", NO_ARGS)


def test_a_base_that_is_not_there_is_an_error_not_an_absence(opened):
    plugin = opened(f"ou=nowhere,{BASE}")
    with pytest.raises(SourceError, match="No such object; check ldap_base_dn: 'ou=nowhere"):
        plugin.first_match("102", NO_ARGS)
    with pytest.raises(SourceError, match="check ldap_base_dn"):
        list(plugin.list_all())


def test_a_filter_that_the_server_cannot_read_is_an_error(opened):
    with pytest.raises(SourceError, match=r"Bad search filter.*check ldap_custom_filter"):
        opened(ldap_custom_filter="(cn)").search("ann", NO_ARGS)


def test_nobody_listening_is_named_with_the_address(opened):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        uri = f"ldap://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(SourceError) as caught:
            opened(ldap_uri=uri).search("ann", NO_ARGS)
    assert str(caught.value) == f"{uri}: Connection refused; check ldap_uri, and that the server runs"


def test_the_next_server_is_asked_when_the_first_is_down(opened, server):
    plugin = opened(ldap_uri=f"ldap://127.0.0.1:1 {server.url}")
    assert plugin.search("ann", NO_ARGS)
    assert plugin._pool._uris[0] == server.url


def test_all_servers_down_are_all_named(opened):
    with pytest.raises(SourceError, match=r"ldap://127.0.0.1:1: .*; ldaps://127.0.0.1:2: "):
        opened(ldap_uri="ldap://127.0.0.1:1 ldaps://127.0.0.1:2").search("ann", NO_ARGS)


def test_an_old_connection_that_was_lost_is_replaced_unnoticed(opened, server):
    plugin = opened()
    assert plugin.first_match("102", NO_ARGS)
    with server.killed():
        pass
    assert plugin.first_match("102", NO_ARGS)


def test_a_server_that_hangs_is_an_error_within_the_timeout(opened, server):
    plugin = opened(ldap_timeout=0.2)
    fresh = opened(ldap_timeout=0.2)
    plugin.search("ann", NO_ARGS)
    with server.suspended():
        for one in (plugin, fresh):
            started = time.monotonic()
            with pytest.raises(SourceError, match=r"no reply in time; ldap_timeout is 0\.2 s"):
                one.search("ann", NO_ARGS)
            assert time.monotonic() - started < 2.0
    assert plugin.search("ann", NO_ARGS)


def test_questions_at_a_server_that_hangs_do_not_queue(opened, server):
    plugin = opened(ldap_timeout=0.4)
    with server.suspended(), ThreadPoolExecutor(4) as threads:
        started = time.monotonic()
        asked = [threads.submit(plugin.first_match, "102", NO_ARGS) for _ in range(4)]
        assert all(isinstance(one.exception(), SourceError) for one in asked)
        assert time.monotonic() - started < 1.2


def test_a_pull_from_a_server_that_hangs_is_an_error(opened, server):
    plugin = opened(ODD, ldap_page_size=1, ldap_list_timeout=0.2)
    rows = plugin.list_all()
    next(rows)
    with server.suspended(), pytest.raises(SourceError, match="no reply in time"):
        list(rows)


def test_threads_ask_at_the_same_time(opened):
    plugin = opened()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: plugin.first_match("102", NO_ARGS)["uid"], range(200)))
    assert found == ["2"] * 200
    assert len(plugin._pool._idle) <= 4


def test_an_unloaded_source_says_so(opened):
    plugin = opened()
    plugin.search("ann", NO_ARGS)
    plugin.unload()
    with pytest.raises(SourceError, match="unloaded"):
        plugin.search("ann", NO_ARGS)


def test_a_connection_in_use_at_unload_is_closed_after_it(opened):
    plugin = opened()
    plugin._pool.ask(lambda *_: plugin.unload(), NEVER)
    assert plugin._pool._idle == []


def test_a_socket_of_the_same_machine_works(opened, server):
    assert opened(ldap_uri=server.socket_url).search("ann", NO_ARGS)


# TLS


@pytest.fixture(params=["ldaps", "starttls"])
def encrypted(request, server):
    if request.param == "ldaps":
        return {"ldap_uri": server.tls_url}
    return {"ldap_tls": "starttls"}


def test_the_right_authority_is_trusted(opened, encrypted, certificates):
    plugin = opened(**encrypted, ldap_ca_file=str(certificates.ca_file))
    assert plugin.first_match("102", NO_ARGS)
    assert uids(plugin.list_all()) == ["1", "2", "3"]


def test_a_relative_authority_starts_at_the_folder_of_the_configuration(server, encrypted, certificates):
    args = args_of(server, **encrypted, ldap_ca_file=certificates.ca_file.name)
    plugin = LdapBackend()
    plugin.load({**args, "main_config": {"config_dir": str(certificates.ca_file.parent)}})
    assert plugin.first_match("102", NO_ARGS)
    plugin.unload()


def test_an_unknown_authority_is_refused(opened, encrypted):
    with pytest.raises(SourceError, match=r"certificate.*set ldap_ca_file"):
        opened(**encrypted).search("ann", NO_ARGS)


def test_another_authority_is_refused(opened, encrypted, tmp_path):
    other = Certificates.make(tmp_path)
    with pytest.raises(SourceError, match=r"certificate.*set ldap_ca_file"):
        opened(**encrypted, ldap_ca_file=str(other.ca_file)).search("ann", NO_ARGS)


@pytest.fixture(scope="module")
def impostor(tmp_path_factory):
    """A server whose certificate is for another name, and its authority."""
    folder = tmp_path_factory.mktemp("impostor")
    certificates = Certificates.make(folder / "certificates", "DNS:other.example.com")
    with Slapd(folder / "slapd", certificates=certificates) as server:
        yield server, certificates


@pytest.mark.parametrize("tls", ["none", "starttls"])
def test_a_certificate_for_another_name_is_refused(opened, impostor, tls):
    server, certificates = impostor
    uri = server.url if tls == "starttls" else server.tls_url
    plugin = opened(BASE, ldap_uri=uri, ldap_tls=tls, ldap_ca_file=str(certificates.ca_file))
    with pytest.raises(SourceError, match="certificate"):
        plugin.search("ann", NO_ARGS)


def test_nothing_is_checked_where_that_is_wanted(opened, encrypted):
    assert opened(**encrypted, ldap_verify_certificate=False).search("ann", NO_ARGS)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_named(opened, encrypted, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(SourceError, match=r"ca.pem: no certificates can be read there"):
        opened(**encrypted, ldap_ca_file=str(file)).search("ann", NO_ARGS)


def test_a_server_that_hangs_before_tls_is_an_error_within_the_timeout(opened, server, encrypted):
    plugin = opened(**encrypted, ldap_timeout=0.2, ldap_network_timeout=0.2)
    started = time.monotonic()
    with server.suspended(), pytest.raises(SourceError):
        plugin.search("ann", NO_ARGS)
    assert time.monotonic() - started < 2.0


@contextlib.contextmanager
def listening(reply):
    """A server that answers the first message with these bytes, and then is silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection = stack.enter_context(listener.accept()[0])
                    connection.recv(4096)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


# LDAPMessage 1, an ExtendedResponse with resultCode success (RFC 4511, 4.12)
STARTTLS_DONE = bytes.fromhex("300c02010178070a010004000400")


def test_a_server_that_hangs_within_starttls_is_an_error_within_the_timeout(opened):
    with listening(STARTTLS_DONE) as port:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{port}", ldap_tls="starttls", ldap_timeout=0.2)
        started = time.monotonic()
        with pytest.raises(SourceError):
            plugin.search("ann", NO_ARGS)
        assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("args", "timeout"), [(NO_ARGS, 0.2), ({**NO_ARGS, "deadline": 0.5}, 5.0)], ids=["timeout", "deadline"]
)
def test_a_server_that_hangs_in_the_second_handshake_is_an_error_in_time(opened, certificates, args, timeout):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve_once)
        thread.start()
        uri = f"ldaps://127.0.0.1:{listener.getsockname()[1]}"
        plugin = opened(ldap_uri=uri, ldap_timeout=timeout, ldap_network_timeout=0.5)
        started = time.monotonic()
        with pytest.raises(SourceError):
            plugin.search("ann", args)
        thread.join()
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("authority", ["right", "unknown"])
def test_no_descriptor_is_left_open(server, encrypted, certificates, authority):
    config = {"ldap_ca_file": str(certificates.ca_file)} if authority == "right" else {}
    plugin = LdapBackend()

    def open_and_close():
        plugin.load(args_of(server, **encrypted, **config))
        with contextlib.suppress(SourceError):
            plugin.search("ann", NO_ARGS)
        plugin.unload()
        return len(list(Path("/proc/self/fd").iterdir()))

    # What tests before have left to threads may be closed just now.
    counts = [open_and_close() for _ in range(5)]
    assert counts[-1] <= counts[0]


# LDAPMessage 1, the start of a BindResponse whose rest never comes
HALF_A_REPLY = bytes.fromhex("300c0201016107")


def test_half_a_reply_is_an_error_within_the_timeout(opened):
    with listening(HALF_A_REPLY) as port:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{port}", ldap_timeout=0.2, ldap_network_timeout=0.2)
        started = time.monotonic()
        with pytest.raises(SourceError):
            plugin.search("ann", NO_ARGS)
        assert time.monotonic() - started < 2.0


# Deadlines


def within(seconds):
    """The arguments of a question whose asker waits so long."""
    return {**NO_ARGS, "deadline": seconds}


@contextlib.contextmanager
def over_in(seconds):
    """What is in the block takes no longer, but for what a busy machine adds."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds + 1.0


QUESTIONS = pytest.mark.parametrize(
    "ask",
    [
        lambda plugin, args: plugin.search("ann", args),
        lambda plugin, args: plugin.first_match("102", args),
        lambda plugin, args: plugin.match_all(["102", "103"], args),
        lambda plugin, args: plugin.list(["1"], args),
    ],
    ids=["search", "first_match", "match_all", "list"],
)


@QUESTIONS
@pytest.mark.parametrize("is_warm", [True, False])
def test_at_a_server_that_hangs_a_question_is_over_with_its_deadline(opened, server, ask, is_warm):
    plugin = opened()
    if is_warm:
        ask(plugin, NO_ARGS)
    with server.suspended(), over_in(0.2), pytest.raises(SourceError, match="no reply in time"):
        ask(plugin, within(0.2))
    assert ask(plugin, within(5))


@QUESTIONS
def test_a_question_whose_time_is_over_reaches_nobody(opened, server, ask):
    with ThreadedProxy(port_of(server.url)) as proxy:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{proxy.port}")
        with pytest.raises(SourceError, match="no reply in time"):
            ask(plugin, within(0))
        assert proxy.connections == 0


def port_of(uri):
    return int(uri.rpartition(":")[2])


def test_a_deadline_beyond_the_timeouts_changes_nothing(opened, server):
    plugin = opened(ldap_timeout=0.2)
    with server.suspended(), over_in(0.2), pytest.raises(SourceError, match=r"ldap_timeout is 0\.2 s"):
        plugin.search("ann", within(60))


def test_before_tls_a_question_is_over_with_its_deadline(opened, server, encrypted):
    plugin = opened(**encrypted)
    with server.suspended(), over_in(0.2), pytest.raises(SourceError):
        plugin.search("ann", within(0.2))


@pytest.mark.parametrize("tls", ["none", "starttls"])
def test_half_a_reply_holds_nobody_beyond_the_deadline(opened, tls):
    reply = STARTTLS_DONE if tls == "starttls" else HALF_A_REPLY
    with listening(reply) as port:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{port}", ldap_tls=tls)
        with over_in(0.2), pytest.raises(SourceError):
            plugin.search("ann", within(0.2))


def test_a_handshake_that_trickles_holds_nobody_beyond_the_deadline(opened, server):
    with ThreadedProxy(port_of(server.tls_url)) as proxy:
        proxy.behave(Drip(bytes_per_second=50))
        plugin = opened(ldap_uri=f"ldaps://127.0.0.1:{proxy.port}")
        with over_in(0.3), pytest.raises(SourceError):
            plugin.search("ann", within(0.3))


def test_several_filters_have_one_deadline(opened, server):
    with ThreadedProxy(port_of(server.url)) as proxy:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{proxy.port}")
        plugin.search("ann", NO_ARGS)
        proxy.behave(Delay(seconds=0.15))
        with over_in(0.4), pytest.raises(SourceError, match="no reply in time"):
            plugin.match_all([f"9{number:03}" for number in range(400)], within(0.4))


def test_those_who_are_asked_for_alone_have_no_deadline_of_their_own(opened, server):
    with ThreadedProxy(port_of(server.url)) as proxy:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{proxy.port}")
        plugin._numbers = lambda _: frozenset({"none that was asked"})
        plugin.search("bob", NO_ARGS)
        proxy.behave(Delay(seconds=0.15))
        with over_in(0.4), pytest.raises(SourceError, match="no reply in time"):
            plugin.match_all(["102", *(f"90{number}" for number in range(9))], within(0.4))


@pytest.fixture
def two(opened, server):
    """A plugin with two servers, the first behind a proxy that is given too."""
    with ThreadedProxy(port_of(server.url)) as proxy:
        uri = f"ldap://127.0.0.1:{proxy.port} {server.url}"
        yield opened(ldap_uri=uri), proxy


@QUESTIONS
@pytest.mark.parametrize("is_warm", [True, False])
def test_when_a_server_hangs_the_next_one_answers_within_the_deadline(two, ask, is_warm, monkeypatch):
    monkeypatch.setattr(deadline, "_KEPT", 0.5)  # a busy machine is no failure
    plugin, proxy = two
    if is_warm:
        ask(plugin, NO_ARGS)
        assert plugin._pool._uris[0].endswith(str(proxy.port))
    proxy.behave(BlackHole())
    with over_in(0.8):
        assert ask(plugin, within(0.8))
    before = proxy.connections
    assert ask(plugin, within(0.8))
    assert proxy.connections == before, "the last good one is tried first"


def test_when_all_servers_hang_a_question_is_over_with_its_deadline_and_all_are_named(opened, server):
    with ThreadedProxy(port_of(server.url)) as first, ThreadedProxy(port_of(server.url)) as second:
        ports = (first.port, second.port)
        plugin = opened(ldap_uri=" ".join(f"ldap://127.0.0.1:{port}" for port in ports))
        plugin.search("ann", NO_ARGS)
        for proxy in (first, second):
            proxy.behave(BlackHole())
        message = "; ".join(f"ldap://127.0.0.1:{port}: no reply in time;.*" for port in ports)
        with over_in(0.3), pytest.raises(SourceError, match=message):
            plugin.search("ann", within(0.3))


def test_old_connections_to_a_server_that_hangs_are_not_tried_one_after_the_other(opened, server):
    with ThreadedProxy(port_of(server.url)) as proxy:
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{proxy.port}")
        with ThreadPoolExecutor(4) as threads:
            barrier = threading.Barrier(4)
            list(threads.map(lambda _: plugin._pool.ask(lambda *_: barrier.wait(), NEVER), range(4)))
        assert len(plugin._pool._idle) == 4
        proxy.behave(HalfOpen())
        with pytest.raises(SourceError):
            plugin.search("ann", within(0.2))
        assert plugin._pool._idle == []
        proxy.behave()
        assert plugin.search("ann", within(5))


def test_a_connection_that_answered_meanwhile_is_kept(opened):
    plugin = opened()
    plugin._pool.ask(lambda *_: plugin.search("ann", NO_ARGS), NEVER)
    assert len(plugin._pool._idle) == 2

    def slow(*_):
        plugin.search("ann", NO_ARGS)
        raise ldap.TIMEOUT

    with pytest.raises(SourceError):
        plugin._pool.ask(slow, NEVER)
    assert len(plugin._pool._idle) == 1


@pytest.mark.parametrize(
    ("left", "servers", "share"), [(0.4, 1, 0.4), (0.4, 2, 0.3), (0.4, 3, 0.2), (0.15, 2, 0.075)]
)
def test_the_servers_behind_one_that_hangs_have_time(left, servers, share):
    now = time.monotonic()
    assert Deadline(now + left).share(servers).at - now == pytest.approx(share, abs=0.02)


def test_without_a_deadline_only_the_timeouts_count():
    assert Deadline.of(NO_ARGS) == NEVER
    assert NEVER.share(3).left(60.0) == 60.0


# Connections that take long to open


def test_what_was_not_open_in_time_is_there_for_the_next_question(opened, server):
    with ThreadedProxy(port_of(server.url)) as proxy:
        proxy.behave(Delay(seconds=0.3))
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{proxy.port}")
        with over_in(0.1), pytest.raises(SourceError, match="no reply in time"):
            plugin.search("ann", within(0.1))
        eventually(lambda: plugin._pool._idle, within=10)
        proxy.behave()
        assert plugin.search("ann", within(5))
        assert proxy.connections == 1


def test_only_a_few_connections_are_opened_for_nobody(opened, server):
    plugin = opened()
    with server.suspended():
        for _ in range(7):
            with pytest.raises(SourceError, match="no reply in time"):
                plugin.search("ann", within(0.03))
        assert len(opening(server.url)) == 4
    assert plugin.search("ann", within(5))
    eventually(lambda: not opening(server.url), within=10)


def test_a_connection_that_was_lost_while_it_was_opened_is_not_waited_for(opened, server):
    with ThreadedProxy(port_of(server.url)) as proxy:
        proxy.behave(BlackHole())
        plugin = opened(ldap_uri=f"ldap://127.0.0.1:{proxy.port}")
        for _ in range(3):
            with pytest.raises(SourceError):
                plugin.search("ann", within(0.03))
        proxy.behave()
        with over_in(0.1):
            assert plugin.search("ann", within(4))


def opening(uri):
    return [thread for thread in threading.enumerate() if thread.name == f"open-{uri}"]


def test_questions_at_once_open_a_connection_each(opened, server):
    plugin = opened()
    with server.suspended(), ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(plugin.search, "ann", within(0.1)) for _ in range(3)]
        assert all(isinstance(one.exception(), SourceError) for one in asked)
        assert len(opening(server.url)) == 3
    eventually(lambda: len(plugin._pool._idle) == 3, within=10)


def test_what_fails_when_nobody_waits_any_more_is_forgotten(opened, server):
    plugin = opened(ldap_timeout=0.2)
    with server.suspended():
        with pytest.raises(SourceError):
            plugin.search("ann", within(0.05))
        eventually(lambda: not plugin._pool._opener._left, within=10)
    assert plugin._pool._idle == []
    assert plugin.search("ann", NO_ARGS)


def test_what_is_open_after_the_source_is_unloaded_is_closed(opened, server):
    plugin = opened()
    with server.suspended():
        with pytest.raises(SourceError):
            plugin.search("ann", within(0.05))
        plugin.unload()
    eventually(lambda: not opening(server.url), within=10)
    assert plugin._pool._idle == []


# Settings


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ldap_uri": ""}, "is empty"),
        ({"ldap_uri": "ldap.example.com"}, "does not start with ldap://"),
        ({"ldap_uri": "ldap://a http://b"}, "'http://b' does not start with"),
        ({"ldap_uri": "ldap://"}, "has no host"),
        ({"ldap_uri": "ldap://a:123456"}, "a port that cannot be"),
        ({"ldap_uri": "ldap://a/dc=example"}, "has its own key, ldap_base_dn"),
        ({"ldap_uri": "ldap://me:secret@a"}, "use ldap_username and ldap_password"),
        ({"ldap_uri": "ldapi://"}, "names no socket"),
        ({"ldap_base_dn": "people"}, "is not a distinguished name"),
        ({"ldap_custom_filter": "(cn=*%Q*"}, "brackets do not balance"),
        ({"ldap_custom_filter": "(cn=a))"}, "brackets do not balance"),
        ({"ldap_custom_filter": "(cn=a)(sn=b)"}, r"put \(&...\) around them"),
        ({"ldap_custom_filter": r"(cn=a\b)"}, "backslash"),
        ({"ldap_list_filter": "(cn=%Q)"}, "nothing is asked in a pull"),
        ({"ldap_username": "cn=x"}, "needs ldap_password"),
        ({"ldap_username": "cn=x", "ldap_password": ""}, "needs ldap_password"),
        ({"ldap_password": "x"}, "needs ldap_username"),
        ({"ldap_timeout": 0}, "greater than 0"),
        ({"ldap_network_timeout": -1}, "greater than 0"),
        ({"ldap_list_timeout": 0}, "greater than 0"),
        ({"ldap_page_size": 0}, "greater than or equal to 1"),
        ({"ldap_changes": "dirsync"}, "'auto', 'syncrepl', 'timestamp' or 'none'"),
        ({"ldap_changes_overlap": -1}, "greater than or equal to 0"),
        ({"ldap_changes_overlap": 604_801}, "less than or equal to 604800"),
        ({"ldap_tls": "ssl"}, "'none' or 'starttls'"),
        ({"ldap_tls": "starttls", "ldap_uri": "ldaps://a"}, "is for ldap:// only"),
        ({"ldap_scope": "one"}, "'subtree', 'onelevel' or 'base'"),
        ({"unique_column_format": "uuid"}, "'string' or 'binary_uuid'"),
        ({"unique_column_format": "binary_uuid"}, "needs unique_column"),
        ({"searched_columns": ["cn)(x"]}, "should match pattern"),
        ({"ldap_attributes": ["a b"]}, "should match pattern"),
    ],
)
def test_wrong_settings_are_refused_with_their_reason(config, message):
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate({"ldap_uri": "ldap://a", "ldap_base_dn": BASE, **config})


def test_a_refused_password_is_not_shown():
    config = {"ldap_uri": "ldap://a", "ldap_base_dn": BASE, "ldap_password": "very-private"}
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(config)
    assert "very-private" not in str(caught.value)
    assert "very-private" not in repr(Settings.model_validate({**config, "ldap_username": "cn=x"}))


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        (" (cn=a) ", "(cn=a)"),
        ("cn=a", "(cn=a)"),
        ("&(cn=a)(sn=b)", "(&(cn=a)(sn=b))"),
        (r"(cn=\28)", r"(cn=\28)"),
        ("", None),
    ],
)
def test_a_filter_may_leave_out_its_brackets(written, understood):
    config = {"ldap_uri": "ldap://a", "ldap_base_dn": BASE, "ldap_custom_filter": written}
    assert Settings.model_validate(config).ldap_custom_filter == understood


def test_the_names_in_formats_are_columns():
    formats = {"a": "{givenName} {sn[0]} {cn!r:>5} {{no}} {with_line}", "b": "{CN}"}
    config = {"ldap_uri": "ldap://a", "ldap_base_dn": BASE, "format_columns": formats}
    assert Settings.model_validate(config).columns == ("givenName", "sn", "cn", "CN")


def test_every_key_of_its_own_is_described():
    generic = {"unique_column", "searched_columns", "first_matched_columns", "format_columns"}
    own = set(Settings.model_fields) - generic
    assert all(Settings.model_fields[name].description for name in own)
    assert {"ldap_uri", "ldap_base_dn", "unique_column_format"} <= own
