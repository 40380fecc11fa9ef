#!/bin/bash
# install.sh BUILD_TREE DESTINATION: what the runtime image needs. bin/ stripped programs, web/ the api's static files,
# packages the Debian packages that hold the shared libraries.
set -euo pipefail
build=$1
out=$2
here=$(dirname "$0")
ROOT=$(cd "$here/../.." && pwd)
# shellcheck source=tools/millrace/services.sh
source "$ROOT/tools/millrace/services.sh"

mkdir -p "$out/bin" "$out/web"
for name in "${SERVICES[@]}"; do
  strip -o "$out/bin/millrace-$name" "$build/bin/millrace-$name"
done
for name in log keys transcoder; do
  [ ! -x "$build/bin/millrace-$name" ] || strip -o "$out/bin/millrace-$name" "$build/bin/millrace-$name"
done
install -m 0755 "$here/health.sh" "$out/bin/millrace-health"
cp -rL "$build/web/." "$out/web/"

# dpkg-shlibdeps wants a source package around it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: millrace\n\nPackage: millrace\nArchitecture: any\n' > "$work/debian/control"
programs=()
for name in "$out"/bin/millrace-*; do
  [ "$name" = "$out/bin/millrace-health" ] || programs+=("$name")
done
(cd "$work" && dpkg-shlibdeps -O "${programs[@]}") \
  | sed -e 's/^shlibs:Depends=//' -e 's/([^)]*)//g' | tr ',' '\n' | tr -d ' ' | sort -u > "$out/packages"
[ -s "$out/packages" ]
# Verifying others' TLS (issuers, hooks, mail, forwards) needs the authorities; the base image may lack them.
echo ca-certificates >> "$out/packages"
