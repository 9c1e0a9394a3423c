#!/usr/bin/env bash
# Installs, builds and runs every test:
#   sudo tests/run.sh            all of it
#   sudo tests/run.sh -R http    gcc build only; arguments go to ctest
# With CI=true a missing privilege is a failure, not a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

status=0
phase_started=$SECONDS
jobs=$(nproc)

phase() {  # NAME: says how long the one before took
  if [ -n "${phase_name:-}" ]; then say "$phase_name: $((SECONDS - phase_started)) s"; fi
  phase_name=$1
  phase_started=$SECONDS
}

ctests() {  # PRESET ARGS…: a failure is remembered, the rest still runs
  local dir=build/$1
  shift
  ctest --test-dir "$dir" --output-on-failure --no-tests=ignore "$@" || status=1
}

# Builds those tests of a preset that have a label, and a name that matches; a test's
# target has its name.
build_tests() {  # PRESET LABELS NAMES
  local names
  names=$(ctest --test-dir "build/$1" -N -L "$2" -R "$3" | sed -n 's/^ *Test *#[0-9]*: //p')
  if [ -n "$names" ]; then build "$1" $names; fi
}

phase packages
install_packages deploy/packages-build.txt deploy/packages-test.txt
give_back_build
trap give_back_build EXIT

phase 'build (gcc)'
configure release -D SHADOWTAP_TESTS=ON -D SHADOWTAP_WERROR=ON
build release all

if [ $# -gt 0 ]; then
  phase 'tests'
  ctests release "$@"
  exit $status
fi

# What needs no privilege runs side by side; what measures or loads the host, alone.
readonly pure='^(unit|golden|fuzz)$'
phase 'unit tests'
ctests release -L "$pure" -j "$jobs"

phase 'build (clang, asan and ubsan)'
configure asan -D SHADOWTAP_WERROR=ON
build_tests asan "$pure" .
phase 'unit tests (asan and ubsan)'
ctests asan -L "$pure" -j "$jobs"

phase 'build (clang, tsan)'
configure tsan -D SHADOWTAP_WERROR=ON
readonly threaded='^(base|metrics|results_store)_test$'
build_tests tsan . "$threaded"
phase 'tests of what has threads (tsan)'
ctests tsan -R "$threaded" -j "$jobs"

phase 'bpf, e2e and kernel tests'
ctests release -LE "$pure"

phase ''
say "all phases: $SECONDS s"
exit $status
