#!/usr/bin/env bash
# Fills dist/ with what a release has, for each platform given, such as linux/amd64: an archive, a list of components for each
# program, packages for Linux, and the checksums of all. The first argument is the folder with builder, cyclonedx-gomod and
# nfpm. One commit and one release of Go give the same bytes in every folder and at every time. Needs git, zip and the GNU tools.
set -euo pipefail
tools=$(realpath "$1")
shift
cd "$(dirname "$0")/.."

name=otelcol-o365messagetrace
module=github.com/o365messagetrace/o365messagetrace
stage=build/stage
export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOAMD64=v1 GOARM64=v8.0 LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

fail() {
	echo "dist: $1" >&2
	exit 1
}

tar --version 2>/dev/null | grep -q GNU || fail 'tar is not that of GNU'

if tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
	version=${tag#v}
	[ -z "$(git status --porcelain)" ] || fail "there are changes since $tag: commit or remove them"
else
	version=$(sed -n 's/^  version: //p' builder-config.yaml)
fi
grep -q "^const version = \"${version%%-*}\"$" receiver/receiver.go || fail "the version is $version, but receiver/receiver.go has another"

rm -rf dist build/dist build/stage
mkdir -p dist build/dist

sed -e "s|^  version: .*|  version: $version|" -e 's|^  output_path: .*|  output_path: ./build/dist|' builder-config.yaml >build/dist.yaml
"$tools/builder" --skip-compilation --config build/dist.yaml 2>build/dist.log || { cat build/dist.log >&2; exit 1; }

# Prints the modules of all programs for the platform: path, version and each folder of it with code that they use.
modules() {
	format="{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}
{{.Path}} {{.Version}} {{\$.Dir}}{{end}}{{end}}"
	(cd build/dist && go list -deps -f "$format" .)
	go list -deps -f "$format" ./cmd/...
	echo "go $(go env GOVERSION) $(go env GOROOT)"
}

# Writes each licence and notice of what the programs are made of once, below the modules that it is for.
third_party() {
	local path version dir file next sum='' text=''
	modules | grep -v "^$module " | sort -u >build/modules
	while read -r path version dir; do
		for file in "$dir"/[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]* "$dir"/NOTICE* "$dir"/COPYING* "$dir"/PATENTS*; do
			[ ! -f "$file" ] || echo "$(sha256sum <"$file" | cut -c 1-64) $path $version $file"
		done
	done <build/modules | sort -u >build/licences
	while read -r path version _; do
		grep -q " $path $version " build/licences || fail "$path $version has no licence"
	done <build/modules
	while read -r next path version file; do
		! grep -qE '^ *GNU (LESSER |AFFERO )?GENERAL PUBLIC LICENSE' "$file" || fail "$path $version is under a licence that asks for its users' code"
		if [ "$next" != "$sum" ]; then
			[ -z "$sum" ] || { echo; cat "$text"; }
			printf '\n%s\n' ------------------------------------------------------------------------
			sum=$next text=$file
		fi
		echo "$path $version"
	done <build/licences
	echo
	cat "$text"
}

# Builds a package in a folder into a file, and lists its components.
build() {
	local program list
	(cd "$1" && go build -ldflags='-s -w' -o "$3" "$2")
	program=$(basename "$3" .exe)
	list=dist/${program}_${version}_${GOOS}_$GOARCH.cdx.json
	"$tools/cyclonedx-gomod" bin -json -noserial -notimestamp -std -version "v$version" -output "$list" "$3" 2>build/dist.log ||
		{ cat build/dist.log >&2; exit 1; }
	# The receiver is built from this folder, which is no name to know it by.
	sed -i "s|\"\.\./\.\.\"|\"$module\"|; s|\"(devel)\"|\"v$version\"|; s|golang/\.\./\.\.@(devel)|golang/$module@v$version|" "$list"
}

for platform; do
	GOOS=${platform%/*} GOARCH=${platform#*/}
	export GOOS GOARCH
	release=${name}_${version}_${GOOS}_$GOARCH
	folder=$stage/$release
	exe='' && [ "$GOOS" != windows ] || exe=.exe
	echo "dist: $release"
	mkdir -p "$folder"
	build build/dist . "$PWD/$folder/$name$exe"
	for program in cmd/*; do
		build . "./$program" "$PWD/$folder/${program#cmd/}$exe"
	done
	third_party >"$folder/THIRD_PARTY_LICENSES"
	git archive HEAD LICENSE README.md CHANGELOG.md deploy docs examples | tar -xf - -C "$folder"
	chmod -R u=rwX,go=rX "$folder"
	find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	if [ "$GOOS" = windows ]; then
		(cd "$stage" && find "$release" | sort | zip -qX -@ "../../dist/$release.zip")
	else
		tar --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -C "$stage" -cf - "$release" | gzip -n >"dist/$release.tar.gz"
	fi
	if [ "$GOOS" = linux ]; then
		for package in deb rpm; do
			VERSION=$version ARCH=$GOARCH STAGE=$folder "$tools/nfpm" package --config deploy/package/nfpm.yaml --packager "$package" \
				--target "dist/$release.$package" >build/dist.log 2>&1 || { cat build/dist.log >&2; exit 1; }
		done
	fi
done
(cd dist && sha256sum -- *) >build/checksums.txt
mv build/checksums.txt dist
