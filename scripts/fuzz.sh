#!/usr/bin/env bash
# Runs each fuzz target for a while: fuzz.sh [TIME [ONLY]]. TIME is 20s unless given; with ONLY, a package or a name, the targets
# that contain it. An input that fails is left in testdata/fuzz of the package, where go test finds it from then on.
set -euo pipefail

time=${1:-20s} only=${2:-}
export CGO_ENABLED=0

targets() {
	grep -rHoE '^func Fuzz\w+' --include='*_test.go' connector extension internal provider receiver simulator |
		sed -E 's|^(.*)/[^/]*:func (.*)|./\1 \2|' | sort
}

while read -r package target; do
	echo "--- $package $target"
	go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 200x </dev/null |
		{ grep -vE '^(fuzz: elapsed: \S+ (gathering|execs)|PASS)' || :; }
done < <(targets | grep -F -- "$only")
