#!/usr/bin/env bash
# The contract in proto/ of the repository it is called in: buf lint, and buf breaking (proto/buf.yaml says by which
# rules) against what services of other versions run: the last release's tag; before the first release, where this
# branch left main, and on main itself the commit before. BUF names the program if it is not the one of tests/package.json.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
buf=${BUF:-$PWD/tests/node_modules/.bin/buf}

if ! "$buf" --version >/dev/null 2>&1; then
  echo "THE CONTRACT WAS NOT CHECKED: there is no buf (npm ci --ignore-scripts in tests/)" >&2
  exit 0
fi

failed=0
"$buf" lint proto || failed=1

base=$(git describe --tags --abbrev=0 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null ||
       git merge-base HEAD main 2>/dev/null || true)
if [ -n "$base" ] && [ "$base" = "$(git rev-parse HEAD)" ]; then base=$(git rev-parse --verify --quiet HEAD~1 || echo "$base"); fi
if [ -z "$base" ] || ! git cat-file -e "$base:proto" 2>/dev/null; then
  echo "THE CONTRACT WAS COMPARED WITH NOTHING: there is no tag and no main that has proto/" >&2
  exit $failed
fi
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git archive "$base" proto | tar -x -C "$before"
# Today's rules for both.
cp proto/buf.yaml "$before/proto/"
"$buf" breaking proto --against "$before/proto" || { echo "proto/ breaks what $base has" >&2; failed=1; }
exit $failed
