#!/bin/sh
# Runs after the files have gone. State and secrets stay until the package is purged, which rpm knows nothing of.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
if [ "$1" = purge ]; then
	rm -rf /var/lib/otelcol-o365messagetrace /etc/otelcol-o365messagetrace
fi
