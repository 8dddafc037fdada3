"""Any settings of an LDAP source: taken or refused, in words that do not hold the password.

Input: a setting each line, as `key: value`; `ldap_` may be left out.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from fuzz import given, strict
from lookupd.backends.ldap.filter import Filters
from lookupd.backends.ldap.settings import Settings

_PASSWORD: Final = "correct-horse"


def run(data: bytes) -> None:
    """Check one input."""
    config: dict[str, object] = {"ldap_uri": "ldap://127.0.0.1", "ldap_base_dn": "dc=example"}
    config["ldap_password"] = _PASSWORD
    for line in given.text(data).split("\n"):
        key, _, value = line.partition(":")
        name = key.strip() if key.strip() in Settings.model_fields else f"ldap_{key.strip()}"
        is_list = name.endswith("columns") or name == "ldap_attributes"
        config[name] = value.split() if is_list else value.strip()
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        assert _PASSWORD not in str(error) or _PASSWORD in given.text(data)
        return
    assert _PASSWORD not in repr(settings) or _PASSWORD in given.text(data)
    for own in filter(None, (settings.ldap_custom_filter, settings.ldap_list_filter)):
        assert _is_one(own), own
    _check_custom(settings.ldap_custom_filter)


def _check_custom(custom: str | None) -> None:
    """Where the custom filter is one, it stays the same one whatever is asked."""
    filters = Filters(custom=custom, searched_columns=["cn"], first_matched_columns=[], unique_column=None)
    harmless, harmful = filters.search("x"), filters.search(")(|(cn=*)\\2a")
    assert harmless is not None
    assert harmful is not None
    try:
        strict.ldap_filter(harmless)
    except (AssertionError, UnicodeEncodeError):  # the brackets fit, but something in them is not a filter
        return
    assert _bones(harmful) == _bones(harmless), custom


def _is_one(written: str) -> bool:
    """Whether all brackets are pairs, and the first one's other is the last one."""
    bones = _bones(written)
    while "()" in bones[1:-1]:
        bones = bones[0] + bones[1:-1].replace("()", "") + bones[-1]
    return bones == "()" and written.startswith("(") and written.endswith(")")


def _bones(written: str) -> str:
    return "".join(character for character in written if character in "()")


TARGET = run
