"""What is configured and installed: for the caller's tenant, without asking any directory."""

from uuid import UUID

import pytest

from lookupd.config import DEFAULT_TENANT
from lookupd.errors import UnknownProfile
from lookupd.principal import Principal
from tests.fakes import NOBODY, Directory, Office, config_of

OTHER = UUID("00000000-0000-4000-8000-00000000000f")


@pytest.fixture
def office(tmp_path):
    """Two tenants, one of them with the other's names; never opened, as nothing here needs it."""
    config = config_of(
        {"name": "staff"},
        {"name": "crm"},
        {"name": "spare"},
        {"name": "staff", "tenant": OTHER},
        profiles={
            "default": {
                "display": "short",
                "lookup": {"sources": ["staff"]},
                "reverse": {"sources": ["crm", "staff"]},
            },
            "plain": {"lookup": {"sources": ["crm"]}},
            "other": {"name": "default", "tenant": OTHER, "reverse": {"sources": ["staff"]}},
        },
        displays={"short": [{"title": "Name", "field": "name", "type": "name"}]},
    )
    return Office(tmp_path, config, staff=Directory(), crm=Directory(), spare=Directory())


def their(office):
    return Principal(tenant=str(OTHER)), office.catalog


def test_the_sources_of_a_tenant_stand_in_the_order_of_the_configuration(office):
    entries = office.catalog.sources(NOBODY)
    assert [entry.name for entry in entries] == ["staff", "crm", "spare"]
    first = next(iter(office.sources))
    assert (entries[0].uuid, entries[0].backend) == (first.uuid, "staff")
    assert {entry.tenant_uuid for entry in entries} == {DEFAULT_TENANT}


def test_tenants_see_their_own_sources_only(office):
    principal, catalog = their(office)
    [entry] = catalog.sources(principal)
    assert entry.tenant_uuid == str(OTHER)
    assert entry.uuid not in {other.uuid for other in catalog.sources(NOBODY)}
    assert catalog.sources(Principal(tenant="nobody's")) == []


def test_a_profile_has_the_sources_of_all_its_services_once(office):
    entries = office.catalog.profile_sources(NOBODY, "default")
    assert [entry.name for entry in entries] == ["staff", "crm"]


def test_a_profile_has_the_columns_of_its_display(office):
    assert [column.title for column in office.catalog.columns(NOBODY, "default")] == ["Name"]


def test_a_profile_without_a_display_shows_what_its_first_source_searches_and_matches(office):
    columns = office.catalog.columns(NOBODY, "plain")
    assert [(column.field, column.type) for column in columns] == [
        ("name", "name"),
        ("number", "number"),
        ("mobile", "number"),
    ]


def test_a_profile_without_a_lookup_shows_nothing(office):
    principal, catalog = their(office)
    assert catalog.columns(principal, "default") == ()
    assert [entry.tenant_uuid for entry in catalog.profile_sources(principal, "default")] == [str(OTHER)]


@pytest.mark.parametrize("profile", ["none", "other", ""])
def test_a_profile_the_tenant_does_not_have_is_told(office, profile):
    for method in (office.catalog.columns, office.catalog.profile_sources):
        with pytest.raises(UnknownProfile):
            method(NOBODY, profile)


def test_the_installed_backends_stand_in_order(office):
    backends = office.catalog.backends()
    assert backends == sorted(backends)
    assert {"csv", "ldap", "staff"} <= {*backends}
