"""python-ldap's and the operating system's errors -> what to tell people: subject, fact and remedy."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import ldap

from lookupd import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lookupd.backends.ldap.settings import Settings

_LOGIN = "check ldap_username and ldap_password"
_SERVER = "check ldap_uri, and that the server runs"
_ENCRYPT = "the server wants encryption: use ldaps:// or ldap_tls: starttls"
_TRUST = "set ldap_ca_file to the authority that signed it, or check the host name in ldap_uri"
_PATIENCE = (
    "ldap_timeout is {s.ldap_timeout} s, and no longer than live.timeout; "
    "in a pull ldap_list_timeout {s.ldap_list_timeout} s"
)

#: the first that fits counts: the special ones stand before the general
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, _TRUST),
    (TimeoutError, "no connection within {s.ldap_network_timeout} s (ldap_network_timeout) and live.timeout"),
    (OSError, _SERVER),
    (ldap.CONNECT_ERROR, f"if it is the certificate: {_TRUST}"),
    (ldap.SERVER_DOWN, _SERVER),
    (ldap.TIMEOUT, _PATIENCE),
    (ldap.INVALID_CREDENTIALS, _LOGIN),
    (ldap.INAPPROPRIATE_AUTH, f"the server wants a login: {_LOGIN}"),
    (ldap.INSUFFICIENT_ACCESS, f"the login may not read this: {_LOGIN}, and the access rules of the server"),
    (ldap.CONFIDENTIALITY_REQUIRED, _ENCRYPT),
    (ldap.STRONG_AUTH_REQUIRED, f"{_ENCRYPT}, or a login: {_LOGIN}"),
    (ldap.NO_SUCH_OBJECT, "check ldap_base_dn: {s.ldap_base_dn!r} is not there, or the login may not see it"),
    (ldap.REFERRAL, "another server has this ldap_base_dn: set ldap_uri to that one"),
    (ldap.FILTER_ERROR, "check ldap_custom_filter and ldap_list_filter"),
    (ldap.SIZELIMIT_EXCEEDED, "the server gives this login only a part: raise its size limit"),
    (ldap.TIMELIMIT_EXCEEDED, "the server gave up: index the columns there, or raise its time limit"),
)  # fmt: skip


#: the server answers, but not this question
_REFUSALS = (
    ldap.UNAVAILABLE_CRITICAL_EXTENSION,
    ldap.UNWILLING_TO_PERFORM,  # so says OpenLDAP of a cookie newer than itself: it was restored
    ldap.PROTOCOL_ERROR,
    ldap.OPERATIONS_ERROR,
    ldap.INSUFFICIENT_ACCESS,
    ldap.INAPPROPRIATE_MATCHING,
    ldap.UNDEFINED_TYPE,
    ldap.SIZELIMIT_EXCEEDED,
    ldap.TIMELIMIT_EXCEEDED,
    ldap.ADMINLIMIT_EXCEEDED,
)
_REFRESH_REQUIRED = 4096  # e-syncRefreshRequired (RFC 4533) has no exception of its own


def is_refusal(error: ldap.LDAPError) -> bool:
    """Whether a server did not want to tell what changed, so that everything is to be listed."""
    return isinstance(error, _REFUSALS) or _known(error).get("result") == _REFRESH_REQUIRED


def failure(uri: str, settings: Settings, error: Exception) -> SourceError:
    """What went wrong at a server, and what to do about the frequent ones."""
    remedy = next((text.format(s=settings) for kind, text in _REMEDIES if isinstance(error, kind)), "")
    return SourceError(f"{uri}: {_fact(error)}{'; ' if remedy else ''}{remedy}")


def _fact(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    if isinstance(error, ldap.TIMEOUT):
        return "no reply in time"
    known = _known(error)
    desc = str(known.get("desc") or type(error).__name__)
    info = str(known.get("info") or "")
    # Where the library does not know, it says so; where the server is gone, it reads the wrong error number.
    is_empty = info in {"", "(unknown error code)"} or isinstance(error, ldap.SERVER_DOWN)
    return desc if is_empty else f"{desc} ({info})"


def _known(error: Exception) -> Mapping[str, object]:
    """What python-ldap knows of an error."""
    known = error.args[0] if error.args else None
    return known if isinstance(known, dict) else {}
