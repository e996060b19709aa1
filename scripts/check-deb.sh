#!/usr/bin/env bash
# Installs the package given, has it collect from the simulator given, upgrades it and removes it: in namespaces and on a copy
# of this machine that are gone afterwards, with a systemd of their own.
set -euo pipefail

skip() {
	echo "check-deb: not run: $1"
	exit 0
}

fail() {
	echo "check-deb: $1" >&2
	systemctl --no-pager status otelcol-o365messagetrace >&2 || :
	tail -n 50 /run/simulator.log /var/lib/otelcol-o365messagetrace/log >&2 || :
	exit 1
}

# Waits for a command to succeed.
until_true() { # what, command…
	for _ in $(seq 240); do
		"${@:2}" && return
		sleep 0.5
	done
	fail "$1: not within two minutes"
}

# Copies this machine in a layer of its own and hands over to systemd. Runs in new namespaces.
boot() {
	local root=/run/check-deb
	mount --make-rprivate /
	mkdir -p "$root"
	mount -t tmpfs tmpfs "$root"
	mkdir "$root/upper" "$root/work" "$root/root"
	mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root"
	cp "$deb" "$simulator" "$0" "$root/root/opt"
	cd "$root/root"
	mount -t proc proc proc
	mount -t sysfs sysfs sys
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	for folder in run tmp dev; do
		mount -t tmpfs tmpfs "$folder"
	done
	for device in null zero full random urandom tty; do
		cp -a "/dev/$device" dev
	done
	ln -s /proc/self/fd dev/fd
	ln -s pts/ptmx dev/ptmx
	ip link set lo up
	# Nothing that would reach out of here, such as kernel modules and settings.
	rm -rf {etc,lib}/systemd/system/*.target.wants
	echo '[Unit]' >etc/systemd/system/check-deb.target
	pivot_root . mnt
	umount --lazy mnt
	exec env -i container=check-deb PATH="$PATH" chroot . /lib/systemd/systemd --unit=check-deb.target
}

records() { cat /var/lib/otelcol-o365messagetrace/records.json 2>/dev/null | wc -l; }
more_than() { [ "$(records)" -gt "$1" ]; }

# The check itself. Runs as root of the machine that boot has started.
check() {
	local service=otelcol-o365messagetrace
	until_true "systemd is up" systemctl is-system-running --quiet 2>/dev/null

	echo 'check-deb: install'
	dpkg --install "$deb" >/dev/null
	[ "$(systemctl is-active $service)" = inactive ] || fail 'it runs before it is configured'
	getent passwd $service >/dev/null || fail 'there is no user for it'
	[ "$(stat -c %a:%G /etc/$service)" = "750:$service" ] || fail "others may read /etc/$service"

	"$simulator" --listen 127.0.0.1:8443 --ca-file /etc/$service/ca.pem --rows-per-day 500000 --late none --status-changes 0 \
		--tenant-id 11111111-1111-1111-1111-111111111111 --client-id 22222222-2222-2222-2222-222222222222 \
		--client-secret check-deb >/run/simulator.log 2>&1 &
	until_true 'the simulator listens' grep -q 'listening on' /run/simulator.log
	chmod 644 /etc/$service/ca.pem
	install -m 640 -g $service /dev/stdin /etc/$service/client-secret <<<check-deb
	cat >/etc/$service/environment <<-END
		O365MT_TENANT_ID=11111111-1111-1111-1111-111111111111
		O365MT_CLIENT_ID=22222222-2222-2222-2222-222222222222
		OTLP_ENDPOINT=localhost:4317
		OTELCOL_OPTIONS=--config=/etc/$service/more.yaml
	END
	cat >/etc/$service/more.yaml <<-END
		receivers:
		  o365messagetrace:
		    endpoint: https://127.0.0.1:8443/v1.0/admin/exchange/tracing/messageTraces
		    authority_host: https://127.0.0.1:8443
		    tls: {ca_file: /etc/$service/ca.pem}
		    poll_interval: 1s
		    rate_limit: {requests: 0}
		exporters:
		  file: {path: /var/lib/$service/records.json, append: true, flush_interval: 100ms}
		service:
		  pipelines: {logs/mail: {exporters: [file, o365findings]}}
		  telemetry: {logs: {output_paths: [/var/lib/$service/log]}}
	END

	echo 'check-deb: start'
	systemctl enable --quiet --now $service || fail 'it does not start'
	until_true 'it collects' more_than 3
	[ "$(ps -o user:40= -p "$(systemctl show -P MainPID $service)")" = $service ] || fail 'it runs as another user'

	echo 'check-deb: upgrade'
	dpkg-deb --raw-extract "$deb" /run/next
	sed -i 's/^Version: .*/&+next/' /run/next/DEBIAN/control
	dpkg-deb --build -z1 /run/next /run/next.deb >/dev/null
	local before process
	before=$(records) process=$(systemctl show -P MainPID $service)
	dpkg --install /run/next.deb >/dev/null
	until_true 'it collects again' more_than $((before + 3))
	[ "$(systemctl show -P MainPID $service)" != "$process" ] || fail 'it is still the old release'
	systemctl stop $service
	# Without its state it would have read the last hour again.
	if grep -o '"log.record.uid","value":{"stringValue":"[0-9a-f]*"' /var/lib/$service/records.json | sort | uniq -d | grep .; then
		fail 'it has forgotten what it has delivered'
	fi
	systemctl start $service

	echo 'check-deb: remove'
	dpkg --remove $service >/dev/null
	! systemctl is-active --quiet $service || fail 'it still runs'
	[ ! -e /usr/bin/$service ] || fail 'the program is still there'
	[ -s /var/lib/$service/records.json ] && [ -s /etc/$service/config.yaml ] || fail 'state or configuration is gone'
	dpkg --purge $service >/dev/null
	if find /etc /usr /var -name "*$service*" | grep .; then
		fail 'these are still there'
	fi
	kill %1
	echo 'check-deb: done'
}

mode=$1 deb=$2 simulator=$3
case $mode in
boot)
	boot
	;;
check)
	check
	;;
run)
	[ "$(id -u)" = 0 ] || skip 'it needs root'
	for program in dpkg findmnt ip nsenter ps systemctl unshare; do
		command -v "$program" >/dev/null || skip "there is no $program"
	done
	[ -x /lib/systemd/systemd ] || skip 'there is no systemd'
	unshare -mpuinC --fork true || skip 'there are no namespaces to be had'
	deb=$(realpath "$deb") simulator=$(realpath "$simulator")
	group=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)/check-deb.$$
	mkdir "$group" || skip 'there is no control group to be had'
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		exec unshare -mpuinC --fork --kill-child "$0" boot "$deb" "$simulator"
	) &
	machine=$!
	trap 'kill -KILL "$machine"; wait "$machine" 2>/dev/null || :; until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.1; done' EXIT
	until first=$(pgrep -P "$machine") && [ "$(cat "/proc/$first/comm" 2>/dev/null)" = systemd ]; do
		kill -0 "$machine" || skip 'this machine could not be copied'
		sleep 0.1
	done
	cd /
	nsenter --target "$first" --mount --pid --uts --ipc --net --cgroup --root --wd /opt/check-deb.sh check "/opt/$(basename "$deb")" /opt/m365sim
	;;
esac
