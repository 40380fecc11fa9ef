#!/usr/bin/env bash
# ./millrace test: everything, from nothing, in one ctest whose last lines count the tests.
#   --quick        unit tests of the optimised build only
#   --changed      of these, the programs that were linked since they last passed with --changed or --quick
#   --sanitizers   also all unit tests and the end-to-end run under TSan
#   --long         the tests' long forms (minutes to hours instead of seconds): MILLRACE_TEST_LONG=1
# With CI=true the test of the containers starts an engine of its own, MILLRACE_TEST_ENGINE=1, and a test whose programs are not
# installed fails instead of being skipped, MILLRACE_TEST_COMPLETE=1.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/build/release
# shellcheck source=tools/millrace/build.sh
source "$ROOT/tools/millrace/build.sh"
# shellcheck source=tools/millrace/env.sh
source "$ROOT/tools/millrace/env.sh"

quick=false
changed=false
sanitizers=false
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=true; shift ;;
    --changed) quick=true; changed=true; shift ;;
    --sanitizers) sanitizers=true; shift ;;
    --long) export MILLRACE_TEST_LONG=1; shift ;;
    --) shift; break ;;
    *) break ;;  # the rest is for ctest: -R name, -L label
  esac
done

[ "${CI:-}" != true ] || export MILLRACE_TEST_ENGINE=1 MILLRACE_TEST_COMPLETE=1

forget_settings

need_packages build run check test
need_npm "$ROOT/services/api/web"
need_npm "$ROOT/tests"

# build PRESET [TARGET …]
build() {
  local begun=$SECONDS
  configure "$1" "$ROOT/build/$1"
  build_targets "$ROOT/build/$1" "${@:2}"
  echo "Built $1 in $((SECONDS - begun)) s"
}

started=$SECONDS
suites=(release)
build release
if ! $quick; then
  build fuzz
  build asan
  suites+=(fuzz asan)
fi
if $sanitizers; then
  build tsan
  suites+=(tsan)
fi
echo "Built in $((SECONDS - started)) s"

all=$ROOT/build/all
mkdir -p "$all"
{
  for suite in "${suites[@]}"; do echo "subdirs(\"$ROOT/build/$suite\")"; done
} > "$all/CTestTestfile.cmake"
selection=()
! $quick || selection=(-L unit)
passed=$BUILD/unit_tests.passed
begun=$(mktemp "$all/begun.XXXXXX")
trap 'rm -f "$begun"' EXIT
if $changed && [ -e "$passed" ]; then
  numbers=$(ctest --test-dir "$all" --show-only=json-v1 | python3 "$ROOT/tools/newer_tests.py" "$passed")
  [ -n "$numbers" ] || { echo "Nothing was linked since the unit tests passed"; exit 0; }
  selection+=(-I "$numbers")
fi
status=0
# What each took: tools/test_times.py. Three places per core: cmake/Millrace.cmake.
ctest --test-dir "$all" --output-junit "$all/junit.xml" -j$((3 * $(nproc))) --output-on-failure --no-tests=error "${selection[@]}" "$@" || status=$?
# Linked while the tests ran is not tested.
if [ $status = 0 ] && $quick && [ $# = 0 ]; then touch -r "$begun" "$passed"; fi
exit $status
