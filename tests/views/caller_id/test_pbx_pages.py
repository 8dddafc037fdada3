"""The pages for PBXes: what they tell these to ask is what lookupd answers."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from lookupd.config import DEFAULT_TENANT
from lookupd.state.tokens import device_scope
from tests.document import ROOT, blocks, read, without_blocks
from tests.test_docs import slug
from tests.views.caller_id.test_admission import CLOSED, basic

FOLDER = ROOT / "docs" / "pbx"
PAGES = sorted(f"docs/pbx/{path.name}" for path in FOLDER.glob("*.md"))
#: of other ways to ask than this view
OTHERS = ("docs/pbx/fastagi", "docs/pbx/kamailio")
OWN = [page for page in PAGES if not page.startswith(OTHERS)]

#: what stands for the caller's number and name in each PBX
VARIABLES = {
    "${URIENCODE(${CALLERID(num)})}": "%2B33199001234",
    "${caller_id_number}": "33199001234",
    "$thenumber": "0199001234",
    "[NUMBER]": "%2B33199001234",
    "[Number]": "+33199001234",
    "[NAME]": "Ann%20Lee",
    "number=NUMBER": "number=0199001234",
}
URL = re.compile(r"http://(pbx:SECRET@)?lookupd\.example\.com:9489(/[^\s'\"`<>]*)")


def urls(page):
    """The paths a page tells PBXes to ask, with a number; and whether with a password."""
    text = read(page)
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return [(path.rstrip(").}"), bool(password)) for password, path in URL.findall(text) if "..." not in path]


ASKED = [(page, path, has_password) for page in OWN for path, has_password in urls(page) if "number" in path]


def test_there_are_urls_on_every_page():
    assert {page for page, _, _ in ASKED} == set(OWN)


@pytest.mark.parametrize(("page", "path", "has_password"), ASKED)
async def test_what_a_page_tells_to_ask_is_answered_with_the_name(page, path, has_password, new_site):
    site = await new_site(CLOSED if "SECRET" in path or has_password else CLOSED.replace("subnets: [], ", ""))
    now = datetime.now(UTC)
    scopes = [device_scope("default")]
    _, secret = site.tokens.add("pbx", tenant=DEFAULT_TENANT, user=None, scopes=scopes, now=now)
    headers = basic(secret) if has_password else None
    reply = await site.ask(path.replace("SECRET", secret), token=None, headers=headers)
    assert reply.status == 200, page
    assert "Ada" in reply.body.decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", without_blocks(read(page))):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.exists(), target
        headings = re.findall(r"(?m)^#+ (.+)$", file.read_text(encoding="utf-8")) if anchor else []
        assert not anchor or anchor in map(slug, headings), target


def test_the_index_leads_to_every_page_and_the_documentation_to_the_index():
    leading = set(re.findall(r"\]\(([\w-]+\.md)\)", read("docs/pbx/README.md")))
    assert {page.rpartition("/")[2] for page in OWN} - {"README.md"} <= leading
    assert {"fastagi.md", "kamailio.md"} <= leading
    assert "(pbx/README.md)" in read("docs/http.md")
    assert "(docs/pbx/README.md)" in read("README.md")


@pytest.mark.parametrize("page", OWN)
def test_xml_of_a_page_is_xml(page):
    for block in blocks(read(page), "xml"):
        ET.fromstring(block.text)


def test_time_outs_are_a_little_above_the_deadline_of_a_profile():
    assert "CURLOPT(httptimeout)=1)" in read("docs/pbx/asterisk.md")
    for page in ("freeswitch", "fusionpbx"):
        assert 'name="curl-timeout" value="1000"' in read(f"docs/pbx/{page}.md")
    assert "| Lookup timeout | `1` |" in read("docs/pbx/superfecta.md")
