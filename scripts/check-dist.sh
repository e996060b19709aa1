#!/usr/bin/env bash
# Makes a release for this machine here and in a clone elsewhere, and compares their checksums. Leaves that of here in dist/. The
# argument is the folder of the tools.
set -euo pipefail
cd "$(dirname "$0")/.."
platform=linux/$(go env GOHOSTARCH)
if [ "$(uname)" != Linux ]; then
	echo 'check-dist: not run: releases are made on Linux'
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/dist.sh "$1" "$platform"
# With what is not committed yet.
git clone -q . "$work/elsewhere"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - | tar -xf - -C "$work/elsewhere"
"$work/elsewhere/scripts/dist.sh" "$(realpath "$1")" "$platform"
diff -u dist/checksums.txt "$work/elsewhere/dist/checksums.txt"
echo 'check-dist: the same twice'
