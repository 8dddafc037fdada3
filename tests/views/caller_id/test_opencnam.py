"""The shape of OpenCNAM."""

from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
KNOWN = {"name": "Ada Bélanger", "number": "+33199001234", "price": 0}


async def phone(site, path, **headers):
    return await site.ask(path, token=None, headers=headers)


@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_json_is_the_default(site, version):
    reply = await phone(site, f"/{version}/phone/+33199001234?account_sid=x")
    assert (reply.status, reply.json) == (200, {**KNOWN, "uri": f"/{version}/phone/%2B33199001234"})


@pytest.mark.parametrize("query", ["format=pbx", "format=text"])
async def test_pbx_and_text_are_the_name_alone(site, query):
    reply = await phone(site, f"/v2/phone/33199001234?{query}")
    assert reply.body.decode() == "Ada Bélanger"
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert [(reply := await phone(site, f"/v2/phone/0155555555?{query}")).status, reply.body] == [200, b""]


async def test_xml_is_xml(site):
    reply = await phone(site, "/v3/phone/+33199001234?format=xml")
    root = ET.fromstring(reply.body)
    assert {part.tag: part.text for part in root} == {
        **KNOWN, "price": "0", "uri": "/v3/phone/%2B33199001234"
    }  # fmt: skip
    assert reply.headers["Content-Type"] == "application/xml; charset=utf-8"


@pytest.mark.parametrize("number", ["%00", "1%012", "%EF%BF%BE", "%1B[0m"])
async def test_xml_is_xml_whatever_the_number(site, number):
    reply = await phone(site, f"/v3/phone/{number}?format=xml")
    assert (reply.status, ET.fromstring(reply.body).findtext("name")) == (200, "")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/pbx", "text/plain"), ("application/xml", "application/xml"), ("*/*", "application/json")],
)
async def test_the_format_may_stand_in_accept(site, accept, kind):
    reply = await phone(site, "/v3/phone/+33199001234", Accept=accept)
    assert reply.headers["Content-Type"].partition(";")[0] == kind


async def test_nobody_is_not_found_in_version_2_and_an_empty_name_in_version_3(site):
    reply = await phone(site, "/v2/phone/0155555555")
    assert (reply.status, reply.body) == (404, b"")
    reply = await phone(site, "/v3/phone/0155555555")
    assert (reply.status, reply.json["name"]) == (200, "")


async def test_there_is_no_version_1(site):
    assert (await phone(site, "/v1/phone/0155555555")).status == 404
