"""What limits come to on this machine."""

import subprocess
import sys

from lookupd.front.limits import Limits, most_connections
from lookupd.front.watch import address_of

CODE = """
import resource
from lookupd.front.limits import Limits, most_connections, raise_file_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
print(most_connections(Limits()), raise_file_limit() == hard)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard)
"""


def test_the_file_limit_is_raised_and_bounds_the_connections():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["44", "True", "True"]


def test_there_are_never_more_connections_than_the_limits_say():
    assert most_connections(Limits(connections=7)) == 7


def test_bounds_are_for_an_ipv4_address_or_an_ipv6_network():
    assert address_of(("192.0.2.7", 1234)) == "192.0.2.7"
    assert address_of(("::ffff:192.0.2.7", 1234, 0, 0)) == "192.0.2.7"
    assert address_of(("2001:db8:1:2:3::4", 1, 0, 0)) == address_of(("2001:db8:1:2::5%eth0", 1, 0, 0))
    assert address_of(("2001:db8:1:3::5", 1, 0, 0)) != address_of(("2001:db8:1:2::5", 1, 0, 0))
    assert address_of("") == ""
