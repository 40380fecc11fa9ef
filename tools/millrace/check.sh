#!/usr/bin/env bash
# ./millrace check [--all]: formatting, layers, the contract between services, and clang-tidy over the files changed
# since main (or --all).
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
failed=0
mapfile -t sources < <(git ls-files --cached --others --exclude-standard 'libs/*.[ch]pp' 'services/*.[ch]pp' 'tests/*.[ch]pp')

echo "layers"
python3 tools/check_layers.py || failed=1

echo "services"
python3 tools/check_services.py || failed=1

echo "format (${#sources[@]} files)"
clang-format-14 --dry-run -Werror "${sources[@]}" || failed=1
python3 tools/check_comments.py || failed=1

# What an unfinished merge leaves; CMake, Python and the compiler see it in their own files only.
if git grep -nE '^(<<<<<<<|>>>>>>>) '; then failed=1; fi

echo "contract"
# shellcheck source=tools/millrace/build.sh
source tools/millrace/build.sh
(need_npm tests) || echo "npm could not install tests/package.json" >&2
tools/millrace/check_contract.sh || failed=1

base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null || true)
# On main itself: its last commit.
if [ -n "$base" ] && [ "$base" = "$(git rev-parse HEAD)" ]; then base=$(git rev-parse --verify --quiet HEAD~1 || true); fi
echo "commits"
if [ -z "$base" ]; then
  echo "no main to compare with: subjects were not looked at" >&2
elif git log --no-merges --format='%h %s' "$base..HEAD" | LC_ALL=C.UTF-8 grep -vE '^[0-9a-f]+ [a-z0-9_./-]+: .+$|^$' ||
     git log --no-merges --format=%s "$base..HEAD" | LC_ALL=C.UTF-8 grep -E '^.{73,}'; then
  echo 'subjects are "area: verb …", at most 72 characters (CONTRIBUTING.md)' >&2
  failed=1
fi

base=${base:-$(git rev-list --max-parents=0 HEAD | tail -1)}
if [ "${1:-}" = --all ]; then
  mapfile -t changed < <(git ls-files 'libs/*.cpp' 'services/*.cpp')
else
  mapfile -t changed < <({ git diff --name-only --diff-filter=d "$base" -- 'libs/*.cpp' 'services/*.cpp'
                           git ls-files --others --exclude-standard 'libs/*.cpp' 'services/*.cpp'; } | sort -u)
fi
# GCC's precompiled headers and options mean nothing to clang: the database is made without them.
database=build/tidy
mapfile -t changed < <(printf '%s\n' "${changed[@]}" | grep -vE '^$|_fuzz\.cpp$' || true)
echo "clang-tidy (${#changed[@]} changed files)"
if [ ${#changed[@]} -gt 0 ]; then
  cmake --preset dev -B "$database" -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
  ninja -C "$database" proto >/dev/null
  printf '%s\0' "${changed[@]}" | xargs -0 -n 4 -P 2 clang-tidy-14 --quiet -p "$database" 2>/dev/null || failed=1
fi
exit $failed
