"""Whoever follows an LDAP directory through its changes knows what a listing says (on a real slapd)."""

import contextlib
import itertools
import logging
import shutil
import time
from datetime import UTC, datetime
from typing import ClassVar

import ldap
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from ldap.controls import ResponseControl
from ldap.syncrepl import SyncInfoMessage, SyncStateControl

from lookupd import CursorExpired, SourceError
from lookupd.backends.ldap import LdapBackend
from lookupd.backends.ldap.content_sync import Changed, Done, Gone, Present, messages
from lookupd.backends.ldap.entry import Columns
from lookupd.backends.ldap.pull import Pull, Question
from lookupd.backends.ldap.settings import Settings
from lookupd.backends.ldap.syncrepl import Syncrepl
from lookupd.backends.ldap.timestamp import Clock
from lookupd.backends.ldap.watch import connected_to
from tests.backends.following import Follower
from tests.servers.slapd import RELAXED, Slapd

BASE = Slapd.base_dn
PEOPLE = f"ou=people,{BASE}"
SHOWN = "(employeeType=shown)"
LOG = 20  # changes that the server of the machines remembers


def unit(dn):
    return dn, {"objectClass": "organizationalUnit", "ou": dn.split(",")[0].removeprefix("ou=")}


def person(dn, **attributes):
    uid = dn.split(",")[0].removeprefix("uid=")
    return dn, {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": uid, **attributes}


def args_of(server, base, **config):
    standard = {
        "name": "staff",
        "ldap_uri": server.url,
        "ldap_base_dn": base,
        "unique_column": "entryUUID",
        "searched_columns": ["cn"],
        "first_matched_columns": ["telephoneNumber"],
        "format_columns": {"reverse": "{cn}"},
        "ldap_timeout": 10.0,
        "ldap_network_timeout": 10.0,
    }
    return {"config": {**standard, **config}, "main_config": {}}


# Incremental equals full, whatever happens


class Office(RuleBasedStateMachine):
    """People in a base with branches, and outside of it; only those of one type are contacts."""

    server: Slapd
    config: ClassVar = {}
    #: whether those who go are noticed without a listing of everything
    knows_who_is_gone = True
    numbers = itertools.count()

    @initialize()
    def begin(self):
        """A part of the directory that no other example has."""
        root = f"ou=run{next(self.numbers)},{BASE}"
        self.base, self.outside = f"ou=people,{root}", f"ou=outside,{root}"
        #: branch -> DN, person -> branch
        self.branches = {"paris": f"ou=paris,{self.base}", "lyon": f"ou=lyon,{self.outside}"}
        self.people = {}
        self.names = (f"n{number}" for number in itertools.count())
        self.server.add([unit(root), unit(self.base), unit(self.outside)])
        self.server.add([unit(dn) for dn in self.branches.values()])
        own = {"ldap_list_filter": SHOWN, "ldap_attributes": ["entryDN"], "ldap_page_size": 2}
        self.plugin = LdapBackend()
        self.plugin.load(args_of(self.server, self.base, **own, **self.config))
        self.follower = Follower(self.plugin, self.config.get("unique_column", "entryUUID"))
        for where in ("people", "people", "paris", "lyon"):
            self.add(where, is_shown=True)

    def teardown(self):
        if hasattr(self, "plugin"):
            self.plugin.unload()

    def dn_of(self, place):
        return {"people": self.base, "outside": self.outside, **self.branches}[place]

    def pick(self, choice):
        """One of the people, and the DN; None when there is nobody."""
        if not self.people:
            return None, None
        name = sorted(self.people)[choice % len(self.people)]
        return name, f"uid={name},{self.dn_of(self.people[name])}"

    places = st.sampled_from(["people", "outside", "paris", "lyon"])
    choices = st.integers(0, 30)

    @rule(where=places, is_shown=st.booleans())
    def add(self, where, is_shown):
        name = next(self.names)
        kind = "shown" if is_shown else "hidden"
        self.server.add([person(f"uid={name},{self.dn_of(where)}", employeeType=kind)])
        self.people[name] = where

    @rule(choice=choices, what=st.sampled_from(["cn", "telephoneNumber", "description"]))
    def edit(self, choice, what):
        if (dn := self.pick(choice)[1]) is not None:
            self.server.modify(dn, {what: next(self.names).replace("n", "1")})

    @rule(choice=choices, is_shown=st.booleans())
    def enter_or_leave_the_filter(self, choice, is_shown):
        if (dn := self.pick(choice)[1]) is not None:
            self.server.modify(dn, {"employeeType": "shown" if is_shown else "hidden"})

    @rule(choice=choices)
    def delete(self, choice):
        name, dn = self.pick(choice)
        if name is not None:
            self.server.delete(dn)
            del self.people[name]

    @rule(choice=choices)
    def replace(self, choice):
        name, dn = self.pick(choice)
        if name is not None:
            self.server.delete(dn)
            self.server.add([person(dn, employeeType="shown", cn=next(self.names))])

    @rule(choice=choices, where=places, is_new_name=st.booleans())
    def move(self, choice, where, is_new_name):
        name, dn = self.pick(choice)
        if name is not None:
            new = next(self.names) if is_new_name else name
            del self.people[name]
            self.people[new] = where
            self.server.rename(dn, f"uid={new}", self.dn_of(where))

    @rule(branch=st.sampled_from(["paris", "lyon"]), is_outside=st.booleans(), is_new_name=st.booleans())
    def move_a_branch(self, branch, is_outside, is_new_name):
        name = f"ou={branch}2" if is_new_name else f"ou={branch}"
        parent = self.outside if is_outside else self.base
        if f"{name},{parent}" not in self.branches.values():
            self.server.rename(self.branches[branch], name, parent)
            self.branches[branch] = f"{name},{parent}"

    @rule()
    def exchange_two_branches(self):
        paris, lyon = self.branches.values()
        self.server.rename(paris, "ou=elsewhere", self.outside)
        self.server.rename(lyon, *paris.split(",", 1))
        self.server.rename(f"ou=elsewhere,{self.outside}", *lyon.split(",", 1))
        self.branches = {"paris": lyon, "lyon": paris}

    @rule()
    def change_more_than_the_server_remembers(self):
        for _ in range(LOG + 1):
            self.server.modify(self.outside, {"description": next(self.names)})

    @rule(is_power_cut=st.booleans())
    def restart(self, is_power_cut):
        if is_power_cut:
            self.server.kill()
        else:
            self.server.stop()
        self.server.start()

    @rule(
        choice=choices, cursor=st.sampled_from([None, "x", "syncrepl a b rid=000,csn=", "timestamp a b now"])
    )
    def lose_the_cursor(self, choice, cursor):
        self.delete(choice)
        self.follower.cursor = cursor

    @rule(choice=choices)
    def put_the_cursor_far_back(self, choice):
        self.delete(choice)
        if self.follower.cursor:
            *start, _ = self.follower.cursor.split(" ")
            old = {
                "syncrepl": "rid=000,csn=19991231000000.000000Z#000000#000#000000",
                "timestamp": "19991231000000Z",
            }
            self.follower.cursor = " ".join([*start, old[start[0]]])

    @rule()
    def fail_a_run_at_its_end(self):
        cursor, rows = self.follower.cursor, self.follower.rows
        self.follower.follow()
        self.follower.cursor, self.follower.rows = cursor, rows

    @rule(choice=choices, where=places, is_outside=st.booleans())
    def change_while_everything_is_listed(self, choice, where, is_outside):
        self.follower.cursor = None
        changes = self.plugin.changes(None)
        rows = iter(changes.rows)
        told = [row for row in [next(rows, None)] if row]
        self.edit(choice, "cn")
        self.delete(choice + 1)
        self.move(choice + 2, where, is_new_name=False)
        self.move_a_branch("paris", is_outside, is_new_name=False)
        self.add("people", is_shown=True)
        told += rows
        self.follower.rows = {row[self.follower._unique]: dict(row) for row in told}
        self.follower.cursor = changes.cursor() or None

    @invariant()
    def who_follows_knows_what_a_listing_says(self):
        if not hasattr(self, "follower"):
            return
        self.follower.follow()
        rows, listed = self.follower.rows, self.follower.listed()
        if self.follower.was_full or self.knows_who_is_gone:
            assert rows == listed
        else:
            assert {uid: rows.get(uid) for uid in listed} == listed
            assert not [row for row in self.follower.told if row not in listed.values()]


bounded = settings(
    max_examples=30,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    ("config", "knows_who_is_gone"),
    [
        ({"ldap_changes": "syncrepl"}, True),
        ({"ldap_changes": "timestamp", "ldap_changes_overlap": 0}, False),
        ({"ldap_changes": "syncrepl", "unique_column": "uid"}, True),
    ],
)
def test_who_follows_knows_what_a_listing_says(remembering, config, knows_who_is_gone):
    attributes = {"server": remembering, "config": config, "knows_who_is_gone": knows_who_is_gone}
    run_state_machine_as_test(type("This", (Office,), attributes), settings=bounded)


# Servers, and parts of them that only one test has


@pytest.fixture(scope="module")
def remembering(tmp_path_factory):
    """Remembers some changes, and shows some logins less than others."""
    logins = f"ou=logins,{BASE}"
    limits = f"""
access to attrs=userPassword by * auth
access to filter=(description=secret) attrs=entryCSN by dn.exact="uid=blind,{logins}" none by * read
access to attrs=modifyTimestamp by dn.exact="uid=blind,{logins}" none by * read
access to * by * read
limits dn.exact="uid=small,{logins}" size=2 size.prtotal=unlimited
"""
    with Slapd(tmp_path_factory.mktemp("remembering"), session_log=LOG, limits=limits) as server:
        server.add([unit(logins)])
        server.add(person(f"uid={uid},{logins}", userPassword="pass") for uid in ("blind", "small"))
        yield server


@pytest.fixture(scope="module")
def forgetting(tmp_path_factory):
    """Keeps account of its changes, but remembers none; it says when a cookie is of no use to it."""
    with Slapd(tmp_path_factory.mktemp("forgetting"), more="syncprov-reloadhint TRUE") as server:
        yield server


# What of Active Directory counts here; it would write whenChanged itself.
ACTIVE_DIRECTORY = """
attributetype ( 1.2.840.113556.1.2.3 NAME 'whenChanged' EQUALITY generalizedTimeMatch
    {ordering} SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.1983 NAME 'supportedCapabilities' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )
attributetype ( 1.2.840.113556.1.4.1 NAME 'dsServiceName' SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
objectclass ( 1.3.6.1.4.1.55555.2.2 NAME 'dated' SUP top AUXILIARY MAY whenChanged )
rootDSE {file}
"""
CONTROLLER = "dn:\nsupportedCapabilities: 1.2.840.113556.1.4.800\ndsServiceName: cn={name}\n"


@pytest.fixture(scope="module")
def unaccounted(tmp_path_factory):
    """Has the module for an account of its changes, and offers the control, but keeps none."""
    with Slapd(tmp_path_factory.mktemp("unaccounted"), session_log=None) as server:
        yield server


numbers = itertools.count()


def part_of(server, *people):
    """The base of a new part of the directory, with these people."""
    base = f"ou=part{next(numbers)},{BASE}"
    server.add([unit(base), *(person(f"uid={name},{base}") for name in people)])
    return base


@pytest.fixture
def opened(remembering):
    """Makes loaded plugins on the server that remembers, or on another."""
    with contextlib.ExitStack() as stack:

        def opened(base, *, server=remembering, **config):
            plugin = LdapBackend()
            plugin.load(args_of(server, base, **config))
            stack.callback(plugin.unload)
            return plugin

        yield opened


def followed(plugin):
    """Who followed the directory of a plugin until now."""
    follower = Follower(plugin)
    follower.follow()
    return follower


def names(rows):
    return sorted(row["cn"] for row in rows)


# What the server's own account tells


def test_an_unchanged_directory_tells_nothing(remembering, opened):
    follower = followed(opened(part_of(remembering, "ann", "bob")))
    cursor = follower.cursor
    follower.follow()
    assert (follower.told, follower.gone, follower.was_full) == ([], [], False)
    assert follower.cursor == cursor
    assert names(follower.rows.values()) == ["ann", "bob"]


def test_only_who_changed_is_told(remembering, opened):
    base = part_of(remembering, "ann", "bob", "cyd")
    follower = followed(opened(base))
    ids = {row["cn"]: uid for uid, row in follower.rows.items()}
    remembering.modify(f"uid=ann,{base}", {"cn": "anna"})
    remembering.delete(f"uid=bob,{base}")
    follower.follow()
    assert (names(follower.told), follower.gone, follower.was_full) == (["anna"], [ids["bob"]], False)


def test_a_run_that_comes_to_nothing_is_told_the_same_again(remembering, opened):
    base = part_of(remembering, "ann")
    plugin = opened(base)
    follower = followed(plugin)
    remembering.modify(f"uid=ann,{base}", {"cn": "anna"})
    assert (
        names(plugin.changes(follower.cursor).rows) == names(plugin.changes(follower.cursor).rows) == ["anna"]
    )


def test_a_server_that_restarted_in_between_remembers_still(remembering, opened):
    base = part_of(remembering, "ann", "bob")
    follower = followed(opened(base))
    remembering.stop()
    remembering.start()
    remembering.modify(f"uid=ann,{base}", {"cn": "anna"})
    follower.follow()
    assert (names(follower.told), follower.was_full) == (["anna"], False)


def test_who_went_and_came_back_is_there(remembering, opened):
    base = part_of(remembering, "ann")
    follower = followed(opened(base))
    (uid,) = follower.rows
    dn, attributes = person(f"uid=ann,{base}", cn="returned", entryUUID=uid)
    remembering.delete(dn)
    remembering.add([(dn, attributes)], RELAXED)
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["returned"], False)


def test_an_emptied_branch_or_a_new_one_lists_everything(remembering, opened):
    base = part_of(remembering)
    remembering.add([unit(f"ou=paris,{base}"), person(f"uid=ann,ou=paris,{base}"), person(f"uid=bob,{base}")])
    follower = followed(opened(base))
    remembering.delete(f"uid=ann,ou=paris,{base}")
    follower.follow()
    assert not follower.was_full
    remembering.add([unit(f"ou=lyon,{base}")])
    follower.follow()
    assert follower.was_full
    assert follower.rows == follower.listed()


def test_a_branch_that_is_renamed_lists_everything(remembering, opened):
    base = part_of(remembering)
    remembering.add([unit(f"ou=paris,{base}"), person(f"uid=ann,ou=paris,{base}")])
    follower = followed(opened(base, ldap_attributes=["entryDN"]))
    remembering.rename(f"ou=paris,{base}", "ou=lyon", base)
    follower.follow()
    assert [row["entryDN"] for row in follower.rows.values()] == [f"uid=ann,ou=lyon,{base}"]


@pytest.mark.parametrize("scope", ["onelevel", "base"])
def test_without_branches_in_the_scope_none_is_looked_at(remembering, opened, scope):
    base = part_of(remembering, "ann")
    follower = followed(opened(base if scope == "onelevel" else f"uid=ann,{base}", ldap_scope=scope))
    remembering.add([unit(f"ou=paris,{base}"), person(f"uid=bob,ou=paris,{base}")])
    remembering.modify(f"uid=ann,{base}", {"cn": "anna"})
    follower.follow()
    assert (names(follower.told), follower.was_full) == (["anna"], False)


def test_more_changes_than_the_server_remembers_list_everything(remembering, opened):
    base = part_of(remembering, "ann")
    follower = followed(opened(base))
    remembering.modify(f"uid=ann,{base}", {"cn": "anna"})
    for number in range(LOG + 1):
        remembering.modify(base, {"description": str(number)})
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["anna"], True)


def test_more_changes_than_the_login_may_see_list_everything(remembering, opened):
    base = part_of(remembering, "ann", "bob", "cyd")
    login = {"ldap_username": f"uid=small,ou=logins,{BASE}", "ldap_password": "pass"}
    follower = followed(opened(base, **login))
    for name in ("ann", "bob", "cyd"):
        remembering.modify(f"uid={name},{base}", {"cn": name * 2})
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["annann", "bobbob", "cydcyd"], True)


@pytest.mark.parametrize("unique_column", ["uid", "mail"])
def test_with_another_unique_column_any_change_lists_everything(remembering, opened, unique_column):
    base = part_of(remembering, "ann", "bob")
    follower = Follower(opened(base, unique_column=unique_column), "cn")
    follower.follow()
    follower.follow()
    assert (follower.was_full, len(follower.rows)) == (False, 2)
    remembering.modify(f"uid=ann,{base}", {"telephoneNumber": "1"})
    follower.follow()
    assert follower.was_full
    remembering.delete(f"uid=ann,{base}")
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["bob"], True)


def test_a_server_that_remembers_nothing_lists_everything_after_a_change(forgetting, opened):
    base = part_of(forgetting, "ann", "bob")
    follower = followed(opened(base, server=forgetting))
    follower.follow()
    assert (follower.told, follower.was_full) == ([], False)
    forgetting.modify(f"uid=ann,{base}", {"cn": "anna"})
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["anna", "bob"], True)


@pytest.mark.parametrize("which", ["remembering", "forgetting"])
@pytest.mark.parametrize(
    "cookie",
    [
        "rid=000,csn=19990101000000.000000Z#000000#000#000000",
        "rid=000,csn=29990101000000.000000Z#000000#000#000000",
        "rid=000,csn=20990101000000.000000Z#000000#005#000000",
        "rid=000,csn=2099",
        "rid=000",
    ],
)
def test_a_cookie_that_is_not_of_this_directory_lists_everything(request, opened, which, cookie):
    server = request.getfixturevalue(which)
    base = part_of(server, "ann", "bob")
    follower = followed(opened(base, server=server))
    server.delete(f"uid=bob,{base}")
    follower.cursor = follower.cursor.rsplit(" ", 1)[0] + f" {cookie}"
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["ann"], True)


def test_a_directory_that_was_restored_from_a_backup_lists_everything(tmp_path, opened):
    server = Slapd(tmp_path / "slapd", session_log=LOG, max_size=1 << 22)
    with server:
        base = part_of(server, "ann", "bob")
    shutil.copytree(tmp_path / "slapd/data", tmp_path / "backup")
    with server:
        server.delete(f"uid=bob,{base}")
        follower = followed(opened(base, server=server))
    shutil.rmtree(tmp_path / "slapd/data")
    (tmp_path / "backup").rename(tmp_path / "slapd/data")
    with server:
        follower.follow()
        assert (names(follower.rows.values()), follower.was_full) == (["ann", "bob"], True)


# What a series holds for


def test_another_server_lists_everything(remembering, forgetting, opened):
    base = part_of(remembering, "ann")
    ((_, attributes),) = remembering.read(base, ["entryUUID"])
    forgetting.add([(base, {**unit(base)[1], **attributes})], RELAXED)  # as in a copy
    forgetting.add([person(f"uid=bob,{base}")])
    uris = f"{remembering.url} {forgetting.url}"
    follower = followed(opened(base, ldap_uri=uris, ldap_changes="timestamp"))
    with remembering.killed():
        follower.follow()
        assert (names(follower.rows.values()), follower.was_full) == (["bob"], True)


def test_another_base_of_the_same_name_lists_everything(remembering, opened):
    base, other = part_of(remembering, "ann"), part_of(remembering, "bob")
    follower = followed(opened(base))
    remembering.rename(base, "ou=away", BASE)
    remembering.rename(other, base.split(",")[0], BASE)
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["bob"], True)
    remembering.rename(base, "ou=again", BASE)
    remembering.rename(f"ou=away,{BASE}", base.split(",")[0], BASE)
    follower.follow()
    assert names(follower.rows.values()) == ["ann"]


@pytest.mark.parametrize(
    "config",
    [
        {"ldap_list_filter": "(sn=*)"},
        {"ldap_scope": "onelevel"},
        {"ldap_attributes": ["sn"]},
        {"ldap_username": Slapd.admin_dn, "ldap_password": Slapd.admin_password},
        {"ldap_changes": "timestamp"},
    ],
)
def test_other_settings_list_everything(remembering, opened, config):
    base = part_of(remembering, "ann")
    follower = followed(opened(base))
    with pytest.raises(CursorExpired, match="asked otherwise; everything is listed"):
        list(opened(base, **config).changes(follower.cursor).rows)
    assert list(opened(base, ldap_timeout=9.0).changes(follower.cursor).rows) == []


@pytest.mark.parametrize("cursor", ["", "1", "a b c"])
def test_a_cursor_of_something_else_has_expired(remembering, opened, cursor):
    with pytest.raises(CursorExpired, match="not one of an LDAP source"):
        opened(part_of(remembering)).changes(cursor)


# Where changes cannot be learnt


def is_listed_each_time(follower):
    follower.follow()
    follower.follow()
    return follower.cursor is None and follower.was_full


def test_a_login_that_would_miss_changes_lists_everything_each_time(remembering, opened, caplog):
    base = part_of(remembering, "ann", "bob")
    remembering.modify(f"uid=ann,{base}", {"description": "secret"})
    login = {"ldap_username": f"uid=blind,ou=logins,{BASE}", "ldap_password": "pass"}
    caplog.set_level(logging.INFO)
    follower = followed(opened(base, ldap_changes="syncrepl", **login))
    assert is_listed_each_time(follower)
    assert names(follower.rows.values()) == ["ann", "bob"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "hide from this login when they were changed" in record.getMessage()


def test_no_changes_are_asked_for_where_none_are_wanted(remembering, opened, caplog):
    caplog.set_level(logging.INFO)
    assert is_listed_each_time(followed(opened(part_of(remembering, "ann"), ldap_changes="none")))
    assert not caplog.records


def test_without_a_unique_column_everything_is_listed_each_time(remembering, opened):
    plugin = opened(part_of(remembering, "ann"), unique_column=None)
    changes = plugin.changes(None)
    assert names(changes.rows) == ["ann"]
    assert changes.cursor() == ""


@pytest.mark.parametrize("way", ["auto", "syncrepl", "timestamp"])
def test_an_empty_directory_is_listed_each_time(remembering, opened, way):
    base = part_of(remembering)
    follower = followed(opened(base, ldap_changes=way))
    assert is_listed_each_time(follower)
    remembering.add([person(f"uid=ann,{base}")])
    follower.follow()
    assert names(follower.rows.values()) == ["ann"]
    assert follower.cursor


@pytest.mark.parametrize(
    ("wanted", "way"), [("auto", None), ("timestamp", "timestamp"), ("syncrepl", None), ("none", None)]
)
def test_a_server_without_an_account_is_asked_by_time_if_at_all(unaccounted, opened, wanted, way):
    follower = followed(opened(part_of(unaccounted, "ann"), server=unaccounted, ldap_changes=wanted))
    assert (follower.cursor.split(" ")[0] if follower.cursor else None) == way


def test_a_server_that_says_nothing_of_itself_can_be_asked_by_time(tmp_path, opened):
    silent = 'database frontend\naccess to dn.base="" by * none\naccess to * by * read'
    with Slapd(tmp_path / "slapd", session_log=LOG, more=silent) as server:
        follower = followed(opened(part_of(server, "ann"), server=server, ldap_changes="timestamp"))
        assert follower.cursor.startswith("timestamp ")


def test_an_account_that_is_no_longer_kept_lists_everything(remembering, unaccounted, opened):
    follower = followed(opened(part_of(remembering, "ann")))
    timely = followed(opened(part_of(unaccounted, "bob"), server=unaccounted, ldap_changes="timestamp"))
    _, directory, branches, _ = timely.cursor.split(" ")
    timely.cursor = f"syncrepl {directory} {branches} {follower.cursor.split(' ')[3]}"
    timely.follow()
    assert timely.was_full


class OtherAccount:
    """A connection to a server that keeps an account of its changes, with other cookies than OpenLDAP."""

    def __init__(self, cookie):
        self._cookie = cookie

    def refresh(self, query):
        yield Done(cookie=self._cookie, tells_gone=True)


@pytest.mark.parametrize("cookie", [None, "rid=000", "ldap.example.com:389#cn=admin:dc=example#12"])
def test_an_account_of_another_kind_is_not_relied_on(remembering, cookie):
    own = Settings.model_validate(args_of(remembering, BASE)["config"])
    question = Question(settings=own, columns=Columns(own), filter=SHOWN, source="staff")
    assert not Syncrepl(Pull(question, OtherAccount(cookie))).start()


# By time


@pytest.fixture
def by_time(unaccounted, opened):
    """Makes plugins that go by time, without going back behind it."""

    def by_time(base, **config):
        timely = {"ldap_changes": "timestamp", "ldap_changes_overlap": 0}
        return opened(base, server=unaccounted, **{**timely, **config})

    return by_time


def test_only_who_changed_since_the_last_time_is_told(unaccounted, by_time):
    base = part_of(unaccounted, "ann", "bob", "cyd")
    for name, when in (("ann", "20200101120000Z"), ("bob", "20210101120000Z"), ("cyd", "20200101110000Z")):
        unaccounted.modify(f"uid={name},{base}", {"modifyTimestamp": when}, RELAXED)
    follower = followed(by_time(base))
    follower.follow()
    assert (names(follower.told), follower.was_full) == (["bob"], False)
    unaccounted.modify(f"uid=cyd,{base}", {"cn": "cydney"})
    follower.follow()
    assert names(follower.told) == ["bob", "cydney"]
    follower.follow()
    assert names(follower.told) == ["cydney"]


def test_the_question_goes_back_by_the_overlap(unaccounted, by_time):
    base = part_of(unaccounted, "ann", "bob", "cyd")
    for name, when in (("ann", "20200101120000Z"), ("bob", "20200101115200Z"), ("cyd", "20200101114800Z")):
        unaccounted.modify(f"uid={name},{base}", {"modifyTimestamp": when}, RELAXED)
    follower = followed(by_time(base, ldap_changes_overlap=600))
    follower.follow()
    assert names(follower.told) == ["ann", "bob"]


def test_a_time_to_come_hides_no_change(unaccounted, by_time):
    base = part_of(unaccounted, "ann", "bob")
    unaccounted.modify(f"uid=ann,{base}", {"modifyTimestamp": "29990101000000Z"}, RELAXED)
    follower = followed(by_time(base))
    for cn in ("bobby", "robert"):
        unaccounted.modify(f"uid=bob,{base}", {"cn": cn})
        follower.follow()
        assert (names(follower.rows.values()), follower.was_full) == (["ann", cn], False)


def test_the_time_that_reading_took_is_taken_off():
    latest = datetime(2020, 1, 1, 12, 1, tzinfo=UTC)
    begun = time.monotonic() - 60
    assert Clock(begun=begun).start(latest) <= datetime(2020, 1, 1, 12, tzinfo=UTC)
    assert Clock(begun=begun, now=latest).start(datetime.max.replace(tzinfo=UTC)) <= latest


def test_who_is_gone_is_noticed_when_everything_is_listed(unaccounted, by_time):
    base = part_of(unaccounted, "ann", "bob")
    follower = followed(by_time(base))
    unaccounted.delete(f"uid=bob,{base}")
    follower.follow()
    assert (names(follower.rows.values()), follower.gone, follower.was_full) == (["ann", "bob"], [], False)
    follower.cursor = None
    follower.follow()
    assert names(follower.rows.values()) == ["ann"]


def test_a_branch_that_moves_in_lists_everything(unaccounted, by_time):
    base, other = part_of(unaccounted, "ann"), part_of(unaccounted, "bob")
    follower = followed(by_time(base))
    unaccounted.rename(other, "ou=paris", base)
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["ann", "bob"], True)


@pytest.mark.parametrize("mark", ["yesterday", "20261399000000.0Z", ""])
def test_a_cursor_without_a_time_lists_everything(unaccounted, by_time, mark):
    follower = followed(by_time(part_of(unaccounted, "ann")))
    follower.cursor = follower.cursor.rsplit(" ", 1)[0] + f" {mark}"
    follower.follow()
    assert follower.was_full


def test_a_hidden_time_lists_everything_each_time(remembering, opened):
    base = part_of(remembering, "ann")
    login = {"ldap_username": f"uid=blind,ou=logins,{BASE}", "ldap_password": "pass"}
    assert is_listed_each_time(followed(opened(base, ldap_changes="timestamp", **login)))


@pytest.mark.parametrize("way", ["syncrepl", "timestamp"])
def test_what_changes_are_found_by_is_in_a_row_only_where_it_is_wanted(remembering, opened, way):
    base = part_of(remembering, "ann")
    every = opened(base, format_columns={}, ldap_changes=way)
    (row,) = every.changes(None).rows
    assert not {"entryCSN", "modifyTimestamp"} & row.keys()
    wanted = opened(base, ldap_attributes=["entryCSN", "modifyTimestamp"], ldap_changes=way)
    (row,) = wanted.changes(None).rows
    assert row["entryCSN"]
    assert row["modifyTimestamp"]
    assert [row] == list(wanted.list_all())


# Active Directory


@pytest.fixture
def ordering():
    """How it compares times."""
    return "ORDERING generalizedTimeOrderingMatch"


@pytest.fixture
def active_directory(tmp_path, ordering):
    """Two people, changed at times that the tests write."""
    file = tmp_path / "root.ldif"
    file.write_text(CONTROLLER.format(name="first"))
    more = ACTIVE_DIRECTORY.format(file=file, ordering=ordering)
    with Slapd(tmp_path / "slapd", session_log=None, more=more) as server:
        server.add([unit(PEOPLE), *(person(f"uid={name},{PEOPLE}") for name in ("ann", "bob"))])
        for name in ("ann", "bob"):
            changed(server, name, "20200101120000.0Z")
        yield server


def changed(server, name, when, **attributes):
    classes = ["inetOrgPerson", "dated"]
    server.modify(f"uid={name},{PEOPLE}", {"objectClass": classes, "whenChanged": when, **attributes})


def test_active_directory_is_asked_by_the_time_that_it_can_be_asked_by(active_directory, opened):
    follower = followed(opened(PEOPLE, server=active_directory, ldap_changes="timestamp"))
    changed(active_directory, "ann", "20200101130000.0Z", cn="anna")
    changed(active_directory, "bob", "20190101130000.0Z", cn="unnoticed")
    follower.follow()
    assert (names(follower.told), follower.was_full) == (["anna"], False)


def test_another_controller_of_the_same_name_lists_everything(active_directory, opened, tmp_path):
    follower = followed(opened(PEOPLE, server=active_directory, ldap_changes="timestamp"))
    (tmp_path / "root.ldif").write_text(CONTROLLER.format(name="second"))
    active_directory.stop()
    active_directory.start()
    follower.follow()
    assert follower.was_full


def test_a_time_that_no_server_writes_is_none(active_directory, opened):
    changed(active_directory, "ann", "2099010112Z")
    assert followed(opened(PEOPLE, server=active_directory, ldap_changes="timestamp")).cursor is None


@pytest.mark.parametrize("ordering", [""])
def test_a_time_that_cannot_be_asked_for_lists_everything_each_time(active_directory, opened):
    assert is_listed_each_time(followed(opened(PEOPLE, server=active_directory, ldap_changes="timestamp")))


# The words of RFC 4533

UUID_BYTES = bytes(range(16))
UUID_TEXT = "00010203-0405-0607-0809-0a0b0c0d0e0f"
ID_SET = b"\x31\x12\x04\x10" + UUID_BYTES


def state(name):
    control = SyncStateControl()
    control.state, control.entryUUID = name, UUID_TEXT
    return control


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ([state("add")], Changed(uuid=UUID_TEXT, dn="cn=a", attributes={})),
        ([ResponseControl(), state("modify")], Changed(uuid=UUID_TEXT, dn="cn=a", attributes={})),
        ([state("delete")], Gone(uuids=[UUID_TEXT])),
        ([state("present")], Present()),
        ([], Present()),
    ],
)
def test_an_entry_comes_with_its_state(controls, message):
    assert list(messages(ldap.RES_SEARCH_ENTRY, [("cn=a", {}, controls)], [])) == [message]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"\xa3\x17\x01\x01\xff" + ID_SET, [Gone(uuids=[UUID_TEXT])]),
        (b"\xa3\x14" + ID_SET, [Present()]),
        (b"\xa2\x03\x01\x01\xff", [Present()]),
        (b"\xa1\x03\x01\x01\xff", []),
        (b"\x80\x01x", []),
    ],
)
def test_a_message_in_between_says_who_is_gone_or_left(value, told):
    name = SyncInfoMessage.responseName
    assert list(messages(ldap.RES_INTERMEDIATE, [(name, value, []), ("1.2.3", value, [])], [])) == told


def test_an_end_without_a_word_tells_nothing_of_who_is_gone():
    (end,) = messages(ldap.RES_SEARCH_RESULT, [], [ResponseControl()])
    assert end == Done(cookie=None, tells_gone=False)
    assert list(messages(ldap.RES_SEARCH_REFERENCE, [(None, ["ldap://a"], [])], [])) == []


# What goes wrong


@pytest.mark.parametrize("way", ["syncrepl", "timestamp"])
def test_a_base_that_went_is_an_error_not_an_absence(remembering, opened, way):
    base = part_of(remembering, "ann")
    plugin = opened(base, ldap_changes=way)
    cursor = followed(plugin).cursor
    remembering.delete(f"uid=ann,{base}")
    remembering.delete(base)
    for known in (cursor, None):
        with pytest.raises(SourceError, match="check ldap_base_dn") as caught:
            list(plugin.changes(known).rows)
        assert not isinstance(caught.value, CursorExpired)


@pytest.mark.parametrize("way", ["syncrepl", "timestamp"])
def test_a_server_that_is_down_is_an_error_and_the_cursor_stays_good(remembering, opened, way):
    base = part_of(remembering, "ann")
    follower = followed(opened(base, ldap_changes=way))
    with remembering.killed(), pytest.raises(SourceError, match="Connection refused"):
        follower.follow()
    remembering.modify(f"uid=ann,{base}", {"cn": "anna"})
    follower.follow()
    assert (names(follower.rows.values()), follower.was_full) == (["anna"], False)


def test_a_server_that_hangs_is_an_error(remembering, opened):
    base = part_of(remembering, "ann", "bob")
    plugin = opened(base, ldap_list_timeout=0.2, ldap_page_size=1)
    rows = plugin.changes(None).rows
    next(rows)
    with remembering.suspended(), pytest.raises(SourceError, match="no reply in time"):
        list(rows)


@pytest.mark.parametrize("ask", ["list_all", "everything", "changes"])
def test_a_pull_that_is_left_halfway_lets_its_connection_go(remembering, opened, ask):
    base = part_of(remembering, "ann", "bob", "cyd")
    plugin = opened(base, ldap_page_size=1)
    cursor = followed(plugin).cursor
    for name in ("ann", "bob", "cyd"):
        remembering.modify(f"uid={name},{base}", {"cn": name * 2})
    rows = (
        plugin.list_all()
        if ask == "list_all"
        else plugin.changes(None if ask == "everything" else cursor).rows
    )
    address = ("127.0.0.1", int(remembering.url.rsplit(":", 1)[1]))
    before = connected_to(address)
    next(rows)
    assert len(connected_to(address) - before) == 1
    rows.close()
    assert connected_to(address) == before
