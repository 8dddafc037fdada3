"""The REST interface that existing clients speak, and beside it our own, richer answers."""

from lookupd.views.dird.view import DirdView

__all__ = ["DirdView"]
