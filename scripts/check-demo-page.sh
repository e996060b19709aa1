#!/bin/sh
# Runs the tests of the Job Inspector's page that fit a real one against that of the demo. They skip where there is no
# browser.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
O365MT_INSPECTOR=localhost:${O365MT_INSPECTOR_PORT:-18365}
export O365MT_INSPECTOR
scripts/demo.sh >"$work/demo.log" 2>&1 &
demo=$!
trap 'kill "$demo" 2>/dev/null || :; wait "$demo" || :; rm -rf "$work"' EXIT

left=60
until grep -q 'watch the jobs' "$work/demo.log"; do
	left=$((left - 1))
	if [ "$left" = 0 ] || ! kill -0 "$demo" 2>/dev/null; then
		cat "$work/demo.log" >&2
		exit 1
	fi
	sleep 1
done
cd test/browser
O365MT_INSPECTOR=http://$O365MT_INSPECTOR CGO_ENABLED=0 go test -count=1 ./... || { tail -n 50 "$work/demo.log" >&2; exit 1; }
# Subjects of the simulated mail have line breaks and bells in them.
if tr -d '\n\t' <"$work/demo.log" | LC_ALL=C grep -qa '[[:cntrl:]]'; then
	echo 'check-demo-page: the demo prints what a terminal obeys' >&2
	exit 1
fi
