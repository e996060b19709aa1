#!/bin/sh
# Runs before the files go. dpkg says remove or upgrade, rpm says how many releases stay: 0 when it is removed.
set -e
case $1 in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now otelcol-o365messagetrace.service
	fi
	;;
esac
