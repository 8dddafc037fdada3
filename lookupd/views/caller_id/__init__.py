"""Caller names for PBXes: one line of text for a number, and the shapes that other services taught them."""

from lookupd.views.caller_id.view import CallerIdView

__all__ = ["CallerIdView"]
