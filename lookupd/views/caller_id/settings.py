"""The section `views.caller_id` of the configuration."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field

from lookupd.setting import Name, Section

Columns: TypeAlias = tuple[str, ...]

#: what trunks and directories write where they have no name
JUNK = (
    *("unknown", "unknown caller", "unknown name", "unavailable", "name unavailable", "not available"),
    *("anonymous", "private", "private caller", "private number", "restricted", "withheld", "blocked"),
    *("no name", "no caller id", "out of area", "not found", "n/a", "none", "null", "nil", "undefined"),
    *("wireless caller", "cellular call", "toll free call", "unassigned", "asterisk", "test", "-", "?"),
    *("unbekannt", "anonym", "inconnu", "inconnue", "anonyme", "privé", "numéro privé", "masqué"),
    *("desconocido", "anónimo", "privado", "oculto", "sconosciuto", "anonimo", "privato", "onbekend"),
    *("anoniem", "afgeschermd", "desconhecido", "anônimo", "nieznany", "okänd", "ukjent", "ukendt"),
)


class Settings(Section):
    """What is asked, and how names look."""

    profile: Name = Field("default", description="profile of questions that name none")
    length: int = Field(40, ge=1, le=200, description="longest name, in characters")
    ascii: bool = Field(default=False, description="write names in ASCII, for old trunks and DECT")
    junk: tuple[str, ...] = Field(JUNK, description="names that are none, in any case")
    fields: Columns = Field((), description="columns that format=hash gives besides the name")
    first_name: Columns = Field(
        ("firstname", "first_name", "givenName", "givenname", "given_name"),
        description="columns of the first name for a CRM; the first that has a value counts",
    )
    last_name: Columns = Field(
        ("lastname", "last_name", "sn", "surname", "familyName", "family_name"),
        description="columns of the last name for a CRM",
    )
    company: Columns = Field(
        ("company", "o", "organization", "organisation"), description="columns of the company for a CRM"
    )
    email: Columns = Field(("email", "mail"), description="columns of the e-mail address for a CRM")
