#!/bin/sh
# Put the forwarder on this machine and start it. Safe to run again: it replaces what is there.
# Bicep fills in what stands between @ signs (modules/forwarderScript.bicep).
set -eu
root=${NIGHTSHIFT_ROOT:-}

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
    echo "nightshift: the forwarder needs Python 3.8 or newer as python3" >&2
    exit 1
fi

# Each file is whole or not there: written beside its place, then moved.
put() {
    mkdir -p "$(dirname "$root$1")"
    base64 -d >"$root$1.new"
    chmod 0644 "$root$1.new"
    mv "$root$1.new" "$root$1"
}

put /usr/local/lib/nightshift/nightshift_forwarder.py <<'PROGRAM'
@PROGRAM@
PROGRAM
put /etc/systemd/system/nightshift-forwarder.service <<'UNIT'
@UNIT@
UNIT
put /etc/nightshift/forwarder.conf <<'CONF'
@CONF@
CONF

systemctl daemon-reload
systemctl enable nightshift-forwarder.service
systemctl restart nightshift-forwarder.service
