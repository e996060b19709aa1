#!/bin/sh
# Tests this module with other releases of the collector, each given as a pair of versions like v0.161.0/v1.67.0: users
# bring a collector of their own. A module that is not to be had in a release stays as it is.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

for pair; do
	echo "=== $pair"
	copy=$work/$(echo "$pair" | tr / _)
	mkdir "$copy"
	git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$copy"
	(
		cd "$copy"
		set --
		for module in $(sed -nE 's#^\t(go\.opentelemetry\.io/collector/|github\.com/open-telemetry/opentelemetry-collector-contrib/)(\S+) (v[01])\S*.*#\1\2@\3#p' go.mod); do
			case $module in
			*@v0) wanted=${module%@*}@${pair%/*} ;;
			*) wanted=${module%@*}@${pair#*/} ;;
			esac
			if go mod download "$wanted" 2>/dev/null; then
				set -- "$@" "$wanted"
			else
				echo "not to be had: $wanted"
			fi
		done
		go get "$@" 2>"$copy/log" || { cat "$copy/log" >&2; exit 1; }
		go mod tidy 2>"$copy/log" || { cat "$copy/log" >&2; exit 1; }
		case $(go list -m -f '{{.Version}}' github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl) in
		v0.159.* | v0.160.*) tags= ;;
		*) tags=ottl_v0_161 ;;
		esac
		go vet -tags "$tags" ./...
		# Left out is what is about one release of the collector alone: that everything names it, its descriptions in the
		# schema, and a key that later ones make a note of.
		CGO_ENABLED=0 go test -tags "$tags" -short \
			-skip 'TestOneCollectorVersionPair|TestSchemasAreUpToDate|TestRightConfigurations/private' ./...
	)
done
