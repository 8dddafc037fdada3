"""The directory key of desk phones: a document for each kind of phone, from one search."""

from lookupd.views.phones.view import PhonesView

__all__ = ["PhonesView"]
