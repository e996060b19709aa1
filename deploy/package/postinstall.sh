#!/bin/sh
# Runs after the files are in place. A service that runs gets the new release; a new one has to be configured first.
set -e
systemd-sysusers otelcol-o365messagetrace.conf
chgrp otelcol-o365messagetrace /etc/otelcol-o365messagetrace
chmod 0750 /etc/otelcol-o365messagetrace
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart otelcol-o365messagetrace.service
fi
