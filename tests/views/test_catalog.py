"""The REST interface that existing clients speak: lists of sources and back-ends, and the status."""

import pytest

from lookupd.config import DEFAULT_TENANT

pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- lists


def names(page):
    return [item["name"] for item in page["items"]]


async def test_a_source_is_listed_with_four_facts(site):
    page = (await site.ask("/0.1/sources", name="staff")).json
    [staff] = page["items"]
    assert isinstance(staff.pop("uuid"), str)
    assert staff == {"name": "staff", "backend": "csv", "tenant_uuid": DEFAULT_TENANT}
    assert list(page) == ["total", "filtered", "items"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["aged", "gone, really", "partners", "staff"]),
        ({"order": "name", "direction": "asc"}, ["aged", "gone, really", "partners", "staff"]),
        ({"direction": "desc"}, ["staff", "partners", "gone, really", "aged"]),
        ({"order": "backend", "limit": "2"}, ["staff", "partners"]),
        ({"limit": "2", "offset": "1"}, ["gone, really", "partners"]),
        ({"limit": "0"}, []),
        ({"offset": "9"}, []),
        ({"recurse": "True"}, ["aged", "gone, really", "partners", "staff"]),
        ({"colour": "blue", "type": "x"}, ["aged", "gone, really", "partners", "staff"]),
    ],
)
async def test_sources_come_in_order_and_in_pages(site, query, found):
    page = (await site.ask("/0.1/sources", **query)).json
    assert names(page) == found
    assert (page["total"], page["filtered"]) == (4, 4)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "A"}, ["aged", "gone, really", "partners", "staff"]),
        ({"search": "PART"}, ["partners"]),
        ({"search": "csv"}, []),
        ({"name": "staff"}, ["staff"]),
        ({"name": "STAFF"}, []),
        ({"backend": "csv", "search": "staff"}, ["staff"]),
        ({"backend": "ldap"}, []),
        ({"uuid": "nothing"}, []),
    ],
)
async def test_sources_that_do_not_fit_are_not_counted_as_filtered(site, query, found):
    page = (await site.ask("/0.1/sources", **query)).json
    assert names(page) == found
    assert (page["total"], page["filtered"]) == (4, len(found))


async def test_a_source_is_found_by_its_uuid(site):
    [staff] = (await site.ask("/0.1/sources", name="staff")).json["items"]
    assert (await site.ask("/0.1/sources", uuid=staff["uuid"])).json["items"] == [staff]


async def test_the_sources_of_a_profile_are_those_of_all_its_services_once(site):
    page = (await site.ask("/0.1/directories/default/sources")).json
    assert names(page) == ["partners", "staff"]
    assert sorted(page["items"][0]) == ["backend", "name", "tenant_uuid", "uuid"]
    assert (page["total"], page["filtered"]) == (2, 2)


async def test_the_sources_of_a_profile_are_searched_by_back_end_too(site):
    assert names((await site.ask("/0.1/directories/default/sources", search="CSV")).json) == [
        "partners",
        "staff",
    ]
    page = (await site.ask("/0.1/directories/default/sources", backend="ldap")).json
    assert page == {"total": 2, "filtered": 0, "items": []}


async def test_back_ends_are_those_installed(site):
    page = (await site.ask("/0.1/backends", search="CSV")).json
    assert page["items"] == [{"name": "csv"}]
    assert page["total"] > page["filtered"] == 1


@pytest.mark.parametrize("path", ["/0.1/sources", "/0.1/backends", "/0.1/directories/default/sources"])
@pytest.mark.parametrize("query", [{"order": "colour"}, {"order": ""}, {"direction": "up"}])
async def test_an_order_that_is_none_is_a_400_that_names_the_choices(site, path, query):
    reply = await site.ask(path, **query)
    assert reply.status == 400
    [(name, problem)] = reply.json["details"].items()
    assert name in query
    assert problem["constraint_id"] == "enum"
    assert problem["constraint"][0] in {"name", "asc"}


# --- status


async def test_the_status_has_the_parts_that_clients_know(site):
    reply = await site.ask("/0.1/status")
    assert reply.status == 200
    parts = {name: reply.json[name]["status"] for name in ("master_tenant", "rest_api", "bus_consumer")}
    assert parts == {"master_tenant": "ok", "rest_api": "ok", "bus_consumer": "ok"}
    assert reply.json["index"] == {"status": "ok", "trouble": None}
    assert reply.json["plugins"] == {}


async def test_the_status_tells_about_each_source(site):
    status = (await site.ask("/0.1/status")).json["sources"]
    assert sorted(status) == ["aged", "gone, really", "partners", "staff"]
    staff = status["staff"]
    assert (staff["status"], staff["trouble"], staff["contacts"]) == ("ok", None, 3)
    assert (staff["generation"], staff["freshness"], staff["held"]) == (1, "fresh", None)
    run = staff["last_run"]
    assert (run["outcome"], run["added"], run["error"], run["oddities"]) == ("succeeded", 3, None, [])


async def test_the_status_of_a_source_that_was_never_synced_has_no_run(site):
    gone = (await site.ask("/0.1/status")).json["sources"]["gone, really"]
    assert (gone["contacts"], gone["synced_at"], gone["freshness"], gone["last_run"]) == (0, None, None, None)


async def test_a_source_that_could_not_be_asked_is_in_trouble(site):
    await site.ask("/0.1/directories/lookup/failing", term="a")
    gone = (await site.ask("/0.1/status")).json["sources"]["gone, really"]
    assert gone["status"] == "fail"
    assert "missing.csv: No such file or directory" in gone["trouble"]
