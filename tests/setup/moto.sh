#!/bin/sh
# Installs moto (a stand-in for AWS) into a private virtual environment below target/
# and prints where its programs are. Versions are those of moto.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
home="${CARGO_TARGET_DIR:-$root/target}/moto"
stamp="$home/installed.txt"

# apt-get, where it exists and may be used.
system_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >&2
}

if ! cmp -s "$here/moto.txt" "$stamp"; then
    command -v python3 >/dev/null || system_packages python3 python3-venv || {
        echo "python3 is not installed" >&2
        exit 1
    }
    rm -rf "$home"
    mkdir -p "$(dirname "$home")"
    python3 -m venv "$home" >&2 || {
        rm -rf "$home"
        system_packages python3-venv && python3 -m venv "$home" >&2
    } || {
        rm -rf "$home"
        echo "python3 cannot make virtual environments (python3-venv is not installed)" >&2
        exit 1
    }
    # The versions known to work; on a Python they do not support, those that do.
    pip="$home/bin/python -m pip install --quiet --disable-pip-version-check --no-input"
    moto=$(grep '^moto==' "$here/moto.txt" | sed 's/^moto/moto[server]/')
    $pip --constraint "$here/moto.txt" "$moto" >&2 || {
        echo "the versions of moto.txt cannot be installed here; trying $moto alone" >&2
        $pip "$moto" >&2
    }
    test -x "$home/bin/moto_server"
    cp "$here/moto.txt" "$stamp"
fi
echo "$home/bin"
