#!/usr/bin/env bash
# Runs the chaos test with so many seeds, or with those from one to another: chaos.sh 500, chaos.sh 100-199. What a seed that
# fails can do without is left out, one trouble after the other, and the command that repeats the rest is printed.
set -euo pipefail
cd "$(dirname "$0")/../receiver"

seeds=${1:-20}
case $seeds in *-*) first=${seeds%-*} last=${seeds#*-} ;; *) first=1 last=$seeds ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go test -c -o "$work/receiver.test" .

# try SEED SKIP
try() {
	O365MT_CHAOS_SEEDS=$1-$1 O365MT_CHAOS_SKIP=$2 "$work/receiver.test" -test.run '^TestFourDaysOfEveryFault$' -test.timeout 20m >"$work/log.$1" 2>&1
}

shrink() {
	local seed=$1 skip='' troubles
	troubles=$(sed -nE 's/.*; troubles: ([0-9]+);.*/\1/p' "$work/log.$seed" | tail -1)
	for ((n = ${troubles:-0}; n > 0; n--)); do
		try "$seed" "${skip:+$skip,}$n" || skip=${skip:+$skip,}$n
	done
	echo "seed $seed fails, also without the troubles $skip; again:"
	echo "  O365MT_CHAOS_SEEDS=$seed-$seed O365MT_CHAOS_SKIP=$skip go test ./receiver -run '^TestFourDaysOfEveryFault\$'"
}

export -f try
export work
failed=0
# One process for each seed: seeds share the quota and the job slots of their process.
seq "$first" "$last" | xargs -P "$(nproc)" -I{} bash -c 'try {} "${O365MT_CHAOS_SKIP:-}" || { echo {} >>"$work/failed"; cat "$work/log.{}"; }'
if [[ -s $work/failed ]]; then
	failed=1
	while read -r seed; do shrink "$seed"; done <"$work/failed"
fi
echo "$((last - first + 1)) seeds, $(cat "$work/failed" 2>/dev/null | wc -l) failed"
exit $failed
