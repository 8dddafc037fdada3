"""Contacts in an LDAP directory: OpenLDAP, Active Directory and their like."""

from lookupd.backends.ldap.backend import LdapBackend

__all__ = ["LdapBackend"]
