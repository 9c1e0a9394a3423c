#!/usr/bin/env bash
# From a fresh Debian 12 to findings: installs what building needs, builds
# build/release/shadowtap and runs its demo. Arguments go to the demo:
#   sudo deploy/quickstart.sh --for 20s
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

install_packages deploy/packages-build.txt
give_back_build

# A tree that tests/run.sh has configured keeps its options: nothing is built twice.
if [ ! -e build/release/build.ninja ]; then
  configure release -D SHADOWTAP_TESTS=OFF
fi
started=$SECONDS
[ -x build/release/shadowtap ] || say 'building build/release/shadowtap (some minutes the first time)'
build release shadowtap
[ $((SECONDS - started)) -lt 5 ] || say "built in $((SECONDS - started)) s"

exec build/release/shadowtap demo "$@"
