"""Whoever follows an LDAP directory through its changes knows what a listing says (on a real slapd)."""

import itertools
from datetime import UTC, datetime, timedelta

import ldap
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from lookupd import CursorExpired, SourceError
from lookupd.backends.ldap import LdapBackend
from tests.backends.following import Follower
from tests.servers.slapd import Slapd

BASE = Slapd.base_dn
PEOPLE = f"ou=people,{BASE}"
OUTSIDE = f"ou=outside,{BASE}"
SHOWN = "(employeeType=shown)"
LOG = 20  # changes that the server of the machines remembers


def unit(dn):
    return dn, {"objectClass": "organizationalUnit", "ou": dn.split(",")[0].removeprefix("ou=")}


def person(dn, **attributes):
    uid = dn.split(",")[0].removeprefix("uid=")
    return dn, {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": uid, **attributes}


def opened(server, base=PEOPLE, **config):
    plugin = LdapBackend()
    standard = {
        "name": "staff",
        "ldap_uri": server.url,
        "ldap_base_dn": base,
        "unique_column": "entryUUID",
        "searched_columns": ["cn"],
        "first_matched_columns": ["telephoneNumber"],
        "format_columns": {"reverse": "{cn}"},
        "ldap_attributes": ["entryDN"],
        "ldap_timeout": 10.0,
        "ldap_network_timeout": 10.0,
    }
    plugin.load({"config": {**standard, **config}, "main_config": {}})
    return plugin


# Incremental equals full, whatever happens


class Office(RuleBasedStateMachine):
    """People in a base with branches, and outside of it; only those of one type are contacts."""

    server: Slapd
    config = {}
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
        self.plugin = opened(
            self.server, self.base, ldap_list_filter=SHOWN, ldap_page_size=2, **self.config
        )
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

    @rule(choice=choices, cursor=st.sampled_from([None, "x", "syncrepl a b rid=000,csn=", "timestamp a b now"]))
    def lose_the_cursor(self, choice, cursor):
        self.delete(choice)
        self.follower.cursor = cursor

    @rule(choice=choices)
    def put_the_cursor_far_back(self, choice):
        self.delete(choice)
        if self.follower.cursor:
            *start, _ = self.follower.cursor.split(" ")
            old = {"syncrepl": "rid=000,csn=19991231000000.000000Z#000000#000#000000", "timestamp": "19991231000000Z"}
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


bounded = settings(
    max_examples=30,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def remembering(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp("remembering"), session_log=LOG) as server:
        yield server


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
