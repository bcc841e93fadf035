#!/bin/sh
# Prints where Chromium is, installing Debian's package first where that is possible.
set -eu
find_it() {
    for name in chromium chromium-browser google-chrome-stable google-chrome; do
        command -v "$name" && return
    done
    return 1
}
if ! find_it >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >&2
    else
        echo "chromium is not installed (on Debian: apt-get install chromium)" >&2
        exit 1
    fi
fi
find_it
