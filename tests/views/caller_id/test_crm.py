"""A caller as the contact of a CRM."""

import pytest

from lookupd.state.tokens import device_scope
from tests.views.caller_id.test_admission import CLOSED, device
from tests.views.conftest import CONFIG

NUMBER = "+33 1 99 00 12 34"
TEMPLATE = """\
<?xml version='1.0' encoding='utf-8'?>
<Crm Country="US" Name="lookupd" Version="1" SupportsEmojis="false">
  <Number Prefix="AsIs" MaxLength="" />
  <Connection MaxConcurrentRequests="4" />
  <Parameters>
    <Parameter Name="Base" Type="String" Parent="General Configuration" Editor="String" Title="URL" \
Default="{base}" />
  </Parameters>
  <Authentication Type="No" />
  <Scenarios>
    <Scenario Id="" Type="REST">
      <Request Url="[Base]/crm?number=[Number]{query}" MessagePasses="0" RequestEncoding="UrlEncoded" \
RequestType="Get" ResponseType="Json" />
      <Rules>
        <Rule Type="Any">contacts.id</Rule>
      </Rules>
      <Variables>
        <Variable Name="first" Path="contacts.first" />
        <Variable Name="last" Path="contacts.last" />
        <Variable Name="company" Path="contacts.company" />
        <Variable Name="email" Path="contacts.email" />
        <Variable Name="number" Path="contacts.number" />
        <Variable Name="id" Path="contacts.id" />
      </Variables>
      <Outputs AllowEmpty="false">
        <Output Type="FirstName" Value="[first]" />
        <Output Type="LastName" Value="[last]" />
        <Output Type="CompanyName" Value="[company]" />
        <Output Type="Email" Value="[email]" />
        <Output Type="PhoneBusiness" Value="[number]" />
        <Output Type="EntityId" Value="[id]" />
      </Outputs>
    </Scenario>
  </Scenarios>
</Crm>
"""


async def ask(site, path, **query):
    return await site.ask(path, token=None, **query)


async def test_a_caller_is_a_contact(new_site):
    reply = await ask(await new_site(), "/crm", number=NUMBER)
    assert reply.json == {
        "contacts": [
            {
                "id": "1",
                "name": "Ada Bélanger",
                "first": "Ada Bélanger",
                "last": "",
                "company": "",
                "email": "ada@example.com",
                "number": "+33199001234",
            }
        ]
    }


async def test_nobody_is_an_empty_list_and_no_error(new_site):
    reply = await ask(await new_site(), "/crm", number="0155555555")
    assert (reply.status, reply.json) == (200, {"contacts": []})


async def test_the_configuration_says_which_columns_make_a_contact(new_site):
    columns = "{first_name: [none, room], last_name: [id], company: [mail], email: [absent]}"
    text = CONFIG.replace("displays:", f"views: {{caller_id: {columns}}}\ndisplays:")
    [contact] = (await ask(await new_site(text), "/crm", number=NUMBER)).json["contacts"]
    assert [contact[part] for part in ("first", "last", "company", "email")] == [
        "B12", "1", "ada@example.com", ""
    ]  # fmt: skip


async def test_the_template_has_the_url_by_which_it_was_fetched(new_site):
    site = await new_site()
    reply = await ask(site, "/crm/3cx.xml")
    assert reply.body.decode() == TEMPLATE.format(base=site.url, query="")
    assert reply.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert "lookupd-3cx.xml" in reply.headers["Content-Disposition"]


async def test_the_template_keeps_the_secret_and_the_profile(new_site):
    site = await new_site(CLOSED)
    secret = device(site)
    reply = await ask(site, f"/p/{secret}/crm/3cx.xml", profile="a&b c")
    assert reply.body.decode() == TEMPLATE.format(
        base=f"{site.url}/p/{secret}", query="&amp;profile=a%26b%20c"
    )


async def test_what_stands_for_a_secret_where_none_is_needed_is_encoded_in_the_template(new_site):
    site = await new_site(f"auth: {{mode: none}}\n{CONFIG}")
    reply = await ask(site, "/p/a%22%26%5BBase%5D%3F/crm/3cx.xml")
    assert reply.body.decode() == TEMPLATE.format(base=f"{site.url}/p/a%22%26%5BBase%5D%3F", query="")


@pytest.mark.parametrize("profile", [None, "default"])
def test_a_device_s_scope_is_none_of_the_interface(profile):
    assert not device_scope(profile).startswith("dird")
