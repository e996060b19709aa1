#!/bin/bash
# Runs the unit under a systemd of its own, in namespaces that only it is in: unshare starts this as their first process.
# The root is a copy of this machine's on which nothing that is written stays. What happens is in $OUT/result.
#
#   UNIT=FOLDER COLLECTOR=PROGRAM SIMULATOR=PROGRAM OUT=FOLDER systemd.sh
set -eu
trap 'exit 77' ERR # for lack of a right or of a file system
mount --make-rprivate /
work=$OUT/work
mkdir "$work"
mount -t tmpfs tmpfs "$work"
mkdir "$work"/{up,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for dir in run tmp dev mnt; do mount -t tmpfs tmpfs $dir; done
mkdir dev/{pts,shm,mqueue} mnt/out mnt/old
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
while read -r name major minor; do
	mknod -m 666 "dev/$name" c "$major" "$minor"
done <<-END
	null 1 3
	zero 1 5
	full 1 7
	random 1 8
	urandom 1 9
	tty 5 0
END
mount --bind "$OUT" mnt/out
ip link set lo up

name=otelcol-o365messagetrace
install -m 755 "$COLLECTOR" usr/bin/$name
install -m 755 "$SIMULATOR" usr/bin/m365sim
install -m 644 "$UNIT/$name.service" etc/systemd/system/
useradd --root "$PWD" --system --user-group --no-create-home --home-dir / $name
# As the packages install them.
install -d -m 750 etc/$name
install -m 640 "$UNIT/config.yaml" etc/$name/
install -m 640 /dev/null etc/$name/client-secret
echo "$SECRET" >etc/$name/client-secret
cat >etc/$name/environment <<END
O365MT_TENANT_ID=11111111-1111-1111-1111-111111111111
O365MT_CLIENT_ID=22222222-2222-2222-2222-222222222222
OTLP_ENDPOINT=localhost:4317
OTELCOL_OPTIONS=--config=/etc/$name/simulator.yaml
END
cat >etc/$name/simulator.yaml <<END
receivers:
  o365messagetrace:
    endpoint: https://127.0.0.1:8443/v1.0/admin/exchange/tracing/messageTraces
    authority_host: https://127.0.0.1:8443
    tls: {ca_file: /etc/$name/ca.pem}
    poll_interval: 1s
    rate_limit: {requests: 0}
END
chroot . chgrp -R $name etc/$name
cat >etc/systemd/system/try.target <<END
[Unit]
Wants=systemd-journald.service m365sim.service $name.service look.service
END
cat >etc/systemd/system/m365sim.service <<END
[Service]
ExecStart=/usr/bin/m365sim --ca-file /etc/$name/ca.pem --quota 0 --late none --rows-per-day 500000 --history 5m --tenant-id 11111111-1111-1111-1111-111111111111 --client-id 22222222-2222-2222-2222-222222222222 --client-secret $SECRET
END
cat >etc/systemd/system/look.service <<END
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /mnt/look.sh
StandardOutput=file:/mnt/out/result
StandardError=file:/mnt/out/result
END
cat >mnt/look.sh <<'END'
name=otelcol-o365messagetrace
delivers() { # within a minute
	for _ in {1..60}; do
		sleep 1
		if journalctl -o cat "_PID=$(systemctl show -P MainPID $name)" | grep -q 'delivered the first rows'; then
			echo "$1=yes"
			return
		fi
	done
	systemctl status $name --no-pager --full --lines 50
}
delivers delivers
pid=$(systemctl show -P MainPID $name)
echo "user=$(stat -c %U /proc/$pid)"
grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr -d '[:blank:]'
echo "state=$(stat -c '%U %a' /var/lib/$name)"
systemctl kill -s KILL $name
delivers delivers-after-kill
echo "restarts=$(systemctl show -P NRestarts $name)"
systemctl stop $name
echo "result=$(systemctl show -P Result $name) $(systemctl show -P ExecMainStatus $name)"
systemctl poweroff --force
END

pivot_root . mnt/old
trap - ERR
exec env -i container=other PATH="$PATH" sh -c 'umount -l /mnt/old; mount --make-rshared /;
	exec /lib/systemd/systemd --system --unit=try.target --show-status=no </dev/null >/dev/null 2>&1'
