"""Phones at a whole daemon: beside the other views, and with secrets of devices."""

from datetime import UTC, datetime

import pytest

from lookupd.config import DEFAULT_TENANT
from lookupd.state.tokens import device_scope
from tests.views.phones.checker import CHECKERS
from tests.views.phones.conftest import USER


def rows(word, reply):
    assert reply.status == 200
    return CHECKERS[word](reply.body).rows


@pytest.fixture
def device(site):
    """Makes a secret for a device."""

    def make(*, user=None, profile=None, tenant=DEFAULT_TENANT):
        scopes = [device_scope(profile)]
        return site.tokens.add("phone", tenant=tenant, user=user, scopes=scopes, now=datetime.now(UTC))[1]

    return make


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_telephone_needs_no_token_from_an_allowed_address(site):
    reply = await site.ask("/phones/yealink/default/lookup?term=ada", token=None)
    assert rows("yealink", reply) == [("Ada Bélanger", "+33199001234")]


@pytest.mark.parametrize("word", ["cisco", "snom", "gigaset"])
async def test_the_path_of_a_user_and_that_of_a_vendor_lead_to_different_views(site, word):
    path = "/0.1/directories/lookup/default/"
    reply = await site.ask(f"{path}{word}?xivo_user_uuid={USER}&term=ada", token=None)
    assert ("Ada Bélanger", "+33199001234") in rows(word, reply)
    assert (await site.ask(f"{path}{USER}?term=ada", token=None)).status == 401
    found = (await site.ask(f"{path}{USER}?term=ada")).json
    assert [result["column_values"][1] for result in found["results"]] == ["Ada Bélanger"]
    assert "Name" in (await site.ask(f"{path}headers")).json["column_headers"]


async def test_a_caller_is_named_on_a_gigaset(site):
    path = f"/0.1/directories/lookup/default/gigaset/{USER}?command=get_list&hm=0199005678&fn=*"
    assert rows("gigaset", await site.ask(path, token=None)) == [("Bob Müller", "0199005678")]


async def test_a_device_asks_with_the_secret_in_its_path(site, device):
    secret = device(profile="plain")
    reply = await site.ask(f"/p/{secret}/phones/htek/plain/lookup?term=bob", token=None)
    assert rows("htek", reply) == [("Bob Müller", "0199005678")]


async def test_a_wrong_secret_looks_like_one_that_may_not_do_this(site, device):
    secret = device(profile="plain")
    told = {
        (reply.status, reply.body)
        for path in (f"/p/{secret}/phones/cisco/default/menu", "/p/nonsense/phones/cisco/plain/menu")
        for reply in [await site.ask(path, token=None)]
    }
    assert len(told) == 1
    assert told.pop()[0] == 404


async def test_a_device_of_another_tenant_sees_only_its_own_people(site, device, other):
    secret = device(tenant=other)
    reply = await site.ask(f"/p/{secret}/phones/htek/theirs/lookup?term=", token=None)
    assert rows("htek", reply) == [("Olga Other", "+33199001234")]
    assert (await site.ask(f"/p/{secret}/phones/htek/default/lookup?term=", token=None)).status == 404
