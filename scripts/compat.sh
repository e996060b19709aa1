#!/bin/sh
# Tests this module with other releases of the collector, each given by the versions of its unstable modules, its stable
# ones and contrib, like v0.165.0/v1.71.0/v0.165.1: users bring a collector of their own. A module that cannot be had in a
# release stays as it is.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

for release; do
	echo "=== $release"
	copy=$work/$(echo "$release" | tr / _)
	mkdir "$copy"
	git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$copy"
	(
		cd "$copy"
		IFS=/ read -r unstable stable contrib <<-END
			$release
		END
		set --
		for module in $(sed -nE 's#^\t(go\.opentelemetry\.io/collector/|github\.com/open-telemetry/opentelemetry-collector-contrib/)(\S+) (v[01])\S*.*#\1\2@\3#p' go.mod); do
			case $module in
			github.com/*) versions=$contrib ;;
			*@v0) versions="$unstable $stable" ;; # it may have become stable since
			*) versions=$stable ;;
			esac
			for version in $versions; do
				if go mod download "${module%@*}@$version" 2>/dev/null; then
					set -- "$@" "${module%@*}@$version"
					continue 2
				fi
			done
			echo "cannot be had: ${module%@*} $versions"
		done
		go get "$@" 2>"$copy/log" || { cat "$copy/log" >&2; exit 1; }
		go mod tidy 2>"$copy/log" || { cat "$copy/log" >&2; exit 1; }
		go vet ./...
		# Left out is what is about one release of the collector alone: that everything names it, and its descriptions in the
		# schema.
		CGO_ENABLED=0 go test -short -skip 'TestOneCollectorVersionPair|TestSchemasAreUpToDate' ./...
	)
done
