"""`/crm`: a caller as the contact of a CRM, for PBXes that ask one; and the template 3CX needs for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from aiohttp import web

from lookupd.rest import json_response
from lookupd.views.caller_id.caller import written
from lookupd.views.caller_id.question import Question
from lookupd.views.dird.shape import answer_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lookupd.guest import Guests
    from lookupd.views.caller_id.caller import Caller, Callers
    from lookupd.views.caller_id.settings import Settings

#: what 3CX calls the parts of a contact, and what we call them
_OUTPUTS = {
    "FirstName": "first",
    "LastName": "last",
    "CompanyName": "company",
    "Email": "email",
    "PhoneBusiness": "number",
    "EntityId": "id",
}


class Crm:
    """Contacts for PBXes that take us for a CRM."""

    def __init__(self, callers: Callers, guests: Guests, settings: Settings) -> None:
        self._callers = callers
        self._guests = guests
        self._settings = settings

    async def get(self, request: web.Request) -> web.Response:
        """`{"contacts": [...]}` with the caller, or an empty list: for these, 404 would be an error."""
        question = Question.of(request, self._settings)
        caller = await self._callers.find(request, question)
        contacts = [self._contact(caller, question)] if caller.name else []
        return json_response({"contacts": contacts}, headers=answer_headers(caller.answer))

    def template(self, request: web.Request) -> web.Response:
        """The template to upload to 3CX, with the URL by which it was fetched; for guests, like the rest."""
        question = Question.of(request, self._settings)
        guest = self._guests.admit(request, secret=question.secret, profile=question.profile)
        self._guests.told(guest, 0)
        base = self._guests.base(request)
        if question.secret is not None:
            base = f"{base}/p/{quote(question.secret, safe='')}"
        query = [] if question.profile is None else [("profile", question.profile)]
        body = _template(base, query)
        disposition = {"Content-Disposition": 'attachment; filename="lookupd-3cx.xml"'}
        return web.Response(body=body, content_type="application/xml", charset="utf-8", headers=disposition)

    def _contact(self, caller: Caller, question: Question) -> dict[str, Any]:
        contact = caller.answer.known.contact if caller.answer.known else None
        fields = contact.fields if contact else {}
        first, last, company, email = (
            written(_value(fields, columns), question)
            for columns in (
                *(self._settings.first_name, self._settings.last_name),
                *(self._settings.company, self._settings.email),
            )
        )
        if not (first and last):
            first, last = caller.name, ""
        return {
            "id": contact.uid if contact else "",
            "name": caller.name,
            "first": first,
            "last": last,
            "company": company,
            "email": email,
            "number": caller.number,
        }


def _value(fields: Mapping[str, object], columns: Iterable[str]) -> str:
    """The first of these columns that has a value."""
    return next((str(fields[column]) for column in columns if fields.get(column)), "")


def _template(base: str, query: Sequence[tuple[str, str]]) -> bytes:
    crm = ET.Element("Crm", Country="US", Name="lookupd", Version="1", SupportsEmojis="false")
    ET.SubElement(crm, "Number", Prefix="AsIs", MaxLength="")
    ET.SubElement(crm, "Connection", MaxConcurrentRequests="4")
    own = {"Name": "Base", "Type": "String", "Parent": "General Configuration", "Editor": "String"}
    ET.SubElement(ET.SubElement(crm, "Parameters"), "Parameter", {**own, "Title": "URL", "Default": base})
    ET.SubElement(crm, "Authentication", Type="No")
    scenario = ET.SubElement(ET.SubElement(crm, "Scenarios"), "Scenario", Id="", Type="REST")
    wanted = "".join(f"&{name}={quote(value, safe='')}" for name, value in query)
    ET.SubElement(
        scenario,
        "Request",
        Url=f"[Base]/crm?number=[Number]{wanted}",
        MessagePasses="0",
        RequestEncoding="UrlEncoded",
        RequestType="Get",
        ResponseType="Json",
    )
    ET.SubElement(ET.SubElement(scenario, "Rules"), "Rule", Type="Any").text = "contacts.id"
    variables = ET.SubElement(scenario, "Variables")
    outputs = ET.SubElement(scenario, "Outputs", AllowEmpty="false")
    for output, part in _OUTPUTS.items():
        ET.SubElement(variables, "Variable", Name=part, Path=f"contacts.{part}")
        ET.SubElement(outputs, "Output", Type=output, Value=f"[{part}]")
    ET.indent(crm)
    made: bytes = ET.tostring(crm, encoding="utf-8", xml_declaration=True)
    return made + b"\n"
