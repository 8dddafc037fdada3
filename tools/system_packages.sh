#!/bin/sh
# Install the Debian packages that a purpose needs and that are missing.
# usage: system_packages.sh venv|test|bench PYTHON
set -eu

purpose=$1
python=$2

missing() {
    for package in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "lookupd needs Python 3.11 or newer (found: ${python:-none}); set PYTHON=/path/to/python3.11" >&2
    exit 1
}

case $purpose in
venv)
    "$python" -c 'import ensurepip' 2>/dev/null || wanted=$(missing python3-venv)
    ;;
test)
    # slapd, ldap-utils, openssl: a real directory for the tests; kamailio and its modules, sip-tester: a real
    # call; chromium and a font: pictures of displays; systemd judges the unit; wrk sends requests; the rest
    # builds python-ldap
    wanted=$(missing slapd ldap-utils openssl kamailio kamailio-utils-modules sip-tester chromium \
        fonts-dejavu-core systemd wrk gcc libc6-dev libldap2-dev libsasl2-dev)
    test -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ||
        wanted="$wanted $(missing python3-dev)"
    ;;
bench)
    wanted=$(missing wrk)
    ;;
*)
    echo "usage: $0 venv|test|bench PYTHON" >&2
    exit 2
    ;;
esac

wanted=$(echo ${wanted:-})
test -n "$wanted" || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "These Debian packages are missing: $wanted" >&2
    echo "Install them, then run make again: sudo apt-get install --no-install-recommends $wanted" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Servers among them are for tests, which start their own: none is started as a service of this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
apt-get update --quiet=2
# shellcheck disable=SC2086 - one word a package
apt-get install --quiet=2 --no-install-recommends $wanted >/dev/null
