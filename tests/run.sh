#!/usr/bin/env bash
# Installs, builds and runs every test:
#   sudo tests/run.sh            all of it
#   rm -r build/passed           what passed and has not changed since runs again, too
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

# A failure is remembered, the rest still runs. Arguments that choose no test are one.
ctests() {  # PRESET ARGS…
  local dir=build/$1
  shift
  ctest --test-dir "$dir" --output-on-failure --no-tests=error "$@" || status=1
}

# Each label or name that a phase chooses by has to be some test's: else the tests that
# lost it would be left out, and nobody would see it.
must_choose() {  # PRESET -L|-R NAME…
  local preset=$1 by=$2 name
  shift 2
  for name in "$@"; do
    ctest --test-dir "build/$preset" -N "$by" "^$name\$" | grep '^ *Test *#' >/dev/null && continue
    echo "error: build/$preset has no test by $by $name" >&2
    status=1
  done
}

# What tests read: the programs of a preset, the sources, the captures if they are there.
read_by_tests() {  # PRESET
  {
    find "build/$1" -maxdepth 2 -type f -perm -u+x
    find . \( -path ./build -o -path ./.git \) -prune -o -type f -print
    find ../shared -type f || true
  } 2>/dev/null | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum
}

# Tests of values only: those that passed need not run again while nothing changed.
ctests_once() {  # PRESET ARGS…
  local stamp=build/passed/$1 before=$status
  mkdir -p build/passed
  if [ -e "$stamp" ] && read_by_tests "$1" | cmp -s - "$stamp"; then
    say "nothing changed since they passed ($stamp)"
    return
  fi
  rm -f "$stamp"
  status=0
  ctests "$@"
  if [ $status -eq 0 ]; then read_by_tests "$1" >"$stamp"; fi
  if [ $before -ne 0 ]; then status=$before; fi
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

readonly pure='^(unit|fuzz)$'
phase 'unit tests'
must_choose release -L unit fuzz bpf e2e browser deploy kernel
ctests_once release -L "$pure" -j "$jobs"

phase 'build (clang, asan and ubsan)'
configure asan -D SHADOWTAP_WERROR=ON
must_choose asan -L unit fuzz
build_tests asan "$pure" .
phase 'unit tests (asan and ubsan)'
ctests_once asan -L "$pure" -j "$jobs"

phase 'build (clang, tsan)'
configure tsan -D SHADOWTAP_WERROR=ON
must_choose tsan -R base_test metrics_test results_store_test
readonly threaded='^(base|metrics|results_store)_test$'
build_tests tsan . "$threaded"
phase 'tests of what has threads (tsan)'
ctests_once tsan -R "$threaded" -j "$jobs"

# Side by side, but for what measures times or loads the host: that runs alone.
phase 'bpf and e2e tests'
ctests release -LE "$pure|^kernel$" -j "$jobs"
phase 'other kernels'
ctests release -L '^kernel$' -j "$jobs"

phase ''
say "all phases: $SECONDS s"
exit $status
