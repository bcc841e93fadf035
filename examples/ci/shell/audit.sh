#!/usr/bin/env bash
# An audit for any scheduler: cron, systemd, Jenkins, Buildkite.
#
#     TENURE_TARGETS='aws vault' TENURE_OUT=/var/lib/tenure bash audit.sh
#
# Credentials come from each system's own chain. Ends with tenure's exit code: 0 nothing
# gated, 1 gated findings, 2 error, 3 incomplete.
set -euo pipefail

out=${TENURE_OUT:-tenure-reports}
baseline=${TENURE_BASELINE:-tenure.baseline.jsonl}
read -r -a targets <<< "${TENURE_TARGETS:-aws}"

umask 077
mkdir -p "$out"
args=(-o table -o "sarif=$out/tenure.sarif" -o "html=$out/tenure.html" -o "json=$out/tenure.json")
if [[ -f $baseline ]]; then
    args+=("--baseline=$baseline")
fi

status=0
tenure scan "${args[@]}" -- "${targets[@]}" || status=$?
case $status in
    0) echo "standing access: nothing new" ;;
    1) echo "standing access: findings, see $out/tenure.html" >&2 ;;
    3) echo "standing access: something could not be seen, see $out/tenure.html" >&2 ;;
    *) echo "standing access: tenure failed with exit code $status" >&2 ;;
esac
exit "$status"
