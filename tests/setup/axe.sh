#!/bin/sh
# Installs the accessibility checker axe-core below target/ and prints where it is.
set -eu
version=4.14.1
root=$(cd "$(dirname "$0")/../.." && pwd)
home="${CARGO_TARGET_DIR:-$root/target}/tools/axe-core-$version"
script="$home/node_modules/axe-core/axe.min.js"
if [ ! -f "$script" ]; then
    command -v npm >/dev/null || { echo "npm is not installed" >&2; exit 1; }
    mkdir -p "$home"
    (cd "$home" && npm install --silent --no-audit --no-fund --no-save --ignore-scripts \
        --prefix "$home" "axe-core@$version") >&2
fi
echo "$script"
