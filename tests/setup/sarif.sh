#!/bin/sh
# Installs Microsoft's SARIF Multitool below target/ and prints where its binary is.
# Its npm launcher passes arguments through a shell unquoted, so the binary is used.
set -eu
version=5.7.0
root=$(cd "$(dirname "$0")/../.." && pwd)
home="${CARGO_TARGET_DIR:-$root/target}/tools/sarif-multitool-$version"
case "$(uname -s)" in
Linux) platform=linux binary=Sarif.Multitool ;;
Darwin) platform=darwin binary=Sarif.Multitool ;;
*) echo "no SARIF Multitool for $(uname -s)" >&2; exit 1 ;;
esac
tool="$home/node_modules/@microsoft/sarif-multitool-$platform/$binary"
if [ ! -x "$tool" ]; then
    command -v npm >/dev/null || { echo "npm is not installed" >&2; exit 1; }
    mkdir -p "$home"
    (cd "$home" && npm install --silent --no-audit --no-fund --no-save --prefix "$home" \
        "@microsoft/sarif-multitool-$platform@$version") >&2
    chmod a+x "$tool"
fi
echo "$tool"
