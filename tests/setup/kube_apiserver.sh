#!/usr/bin/env bash
# Makes a real Kubernetes API server and etcd for the live tests and prints where they
# are, one path a line. What is there already is not made again.
#
# Exit 77: not possible here, with the reason on stderr. The server is built from the
# Go module in tests/servers/kube-apiserver (about seven minutes of one core, once);
# etcd is taken from PATH or unpacked from Debian's package, without installing it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${CARGO_TARGET_DIR:-$root/target}/servers
module=$root/tests/servers/kube-apiserver
skip() { echo "$1" >&2; exit 77; }

command -v go >/dev/null || skip "Go is not installed, which builds the API server"
mkdir -p "$out"

server=$out/kube-apiserver
stamp=$out/kube-apiserver.sum
wanted=$(cat "$module/go.mod" "$module/go.sum" "$module/main.go" | sha256sum)
if [ ! -x "$server" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  (cd "$module" && nice go build -trimpath -ldflags "-s -w" -o "$server" .) >&2
  echo "$wanted" > "$stamp"
fi

etcd=$(command -v etcd || true)
if [ -z "$etcd" ]; then
  etcd=$out/etcd/usr/bin/etcd
  if [ ! -x "$etcd" ]; then
    command -v apt-get >/dev/null && command -v dpkg >/dev/null \
      || skip "etcd is neither installed nor to be had from a Debian package"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && apt-get download -qq etcd-server) >&2
    dpkg -x "$work"/etcd-server_*.deb "$out/etcd"
  fi
fi
printf '%s\n%s\n' "$server" "$etcd"
