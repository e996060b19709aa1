#!/bin/sh
# Starts the simulated tenant on a free loopback port, with an incident of each kind, and the collector with
# examples/demo.yaml against it. Ends both on ^C, on SIGTERM, and when one of them ends by itself; keeps nothing.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
simulator='' collector='' pause=''

running() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# Ends a process that is given ten seconds for it.
end() {
	running "$1" || return 0
	kill -TERM "$1" 2>/dev/null || :
	left=10
	while running "$1"; do
		[ "$left" -gt 0 ] || kill -KILL "$1" 2>/dev/null || :
		left=$((left - 1))
		sleep 1
	done
}

# The collector goes first, so that it does not complain about a tenant that went away.
finish() {
	status=$?
	trap '' INT TERM HUP
	trap - EXIT
	end "$collector"
	end "$simulator"
	end "$pause"
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 0' INT TERM HUP

# A sleep that a signal interrupts at once: sh runs no trap before a command in the foreground has ended.
nap() {
	sleep 1 &
	pause=$!
	wait "$pause" || :
	pause=''
}

fail() {
	echo "demo: $1" >&2
	[ ! -s "$work/simulator.log" ] || sed 's/^/demo: m365sim: /' "$work/simulator.log" >&2
	exit 1
}

O365MT_CA_FILE=$work/ca.pem
O365MT_TENANT_ID=11111111-1111-1111-1111-111111111111
O365MT_CLIENT_ID=22222222-2222-2222-2222-222222222222
O365MT_CLIENT_SECRET=demo
incidents=''
for kind in bulk takeover lookalike spoofing exfiltration forwarding removal harvesting; do
	incidents="$incidents --incident $kind@5s"
done
# shellcheck disable=SC2086 # one word each
M365SIM_TENANT_ID=$O365MT_TENANT_ID M365SIM_CLIENT_ID=$O365MT_CLIENT_ID M365SIM_CLIENT_SECRET=$O365MT_CLIENT_SECRET \
	build/m365sim --listen 127.0.0.1:0 --ca-file "$O365MT_CA_FILE" --rows-per-day 150000 --history 1h --late none $incidents >"$work/simulator.log" 2>&1 &
simulator=$!

O365MT_AUTHORITY=''
left=15
while [ -z "$O365MT_AUTHORITY" ]; do
	running "$simulator" || fail 'the simulator (m365sim) ended before it was ready'
	[ "$left" -gt 0 ] || fail 'the simulator (m365sim) did not get ready'
	left=$((left - 1))
	nap
	O365MT_AUTHORITY=$(sed -n 's/.*listening on \(https:[^ ,]*\).*/\1/p' "$work/simulator.log")
done
O365MT_ENDPOINT=$O365MT_AUTHORITY/v1.0/admin/exchange/tracing/messageTraces
O365MT_INSPECTOR=${O365MT_INSPECTOR:-localhost:8365}
export O365MT_INSPECTOR O365MT_AUTHORITY O365MT_ENDPOINT O365MT_CA_FILE O365MT_TENANT_ID O365MT_CLIENT_ID O365MT_CLIENT_SECRET

echo "demo: a simulated tenant is at $O365MT_AUTHORITY; its message traces follow, every ten seconds, one line each, and what is found in them within two minutes. ^C ends it." >&2
echo "demo: watch the jobs at http://$O365MT_INSPECTOR/ (another address: O365MT_INSPECTOR=localhost:9000 make demo)" >&2
# Leaves out the lines that the exporter puts above each batch. It ends when the collector has, not on ^C.
mkfifo "$work/records"
(trap '' INT TERM HUP; exec awk '!/^(Logs|ResourceLog #|ScopeLog #)/ { print; fflush() }' <"$work/records") &
build/otelcol-o365messagetrace --config examples/demo.yaml >"$work/records" &
collector=$!

while running "$simulator"; do
	running "$collector" || fail 'the collector ended by itself'
	nap
done
fail 'the simulator (m365sim) ended by itself'
