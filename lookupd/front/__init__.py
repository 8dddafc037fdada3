"""What stands between sockets and the application: bounds, time-outs, order under overload, and a quiet end.

It knows HTTP and nothing of directories.
"""

from lookupd.front.front import Front
from lookupd.front.kind import is_shown
from lookupd.front.limits import Limits, raise_file_limit
from lookupd.front.load import Load
from lookupd.front.packed import unpack

__all__ = ["Front", "Limits", "Load", "is_shown", "raise_file_limit", "unpack"]
