#!/usr/bin/env bash
# Every measurement of the project, in one run, side by side:
#   sudo tests/bench/run.sh           all of them
#   sudo tests/bench/run.sh bpf live  some: bpf capture line shadow diff results live
# Figures are ratios, CPU per unit, or ns over an empty program. Hosts drift; compare
# what one run prints, not two days. No test asserts any of them.
set -euo pipefail
cd "$(dirname "$0")/../.."

benches=${*:-bpf capture line shadow diff results live}
targets=shadowtap
for bench in $benches; do
  case $bench in
    live) ;;
    capture) targets="$targets capture_only" ;;
    *) targets="$targets ${bench}_bench" ;;
  esac
done
cmake --preset release -D SHADOWTAP_BENCH=ON > /dev/null
# shellcheck disable=SC2086  # a list of words
ninja -C build/release $targets > build/bench.log || { tail -20 build/bench.log; exit 1; }

status=0
for bench in $benches; do
  printf '\n== %s\n' "$bench"
  case $bench in
    live | capture)
      SHADOWTAP_BINARY=$PWD/build/release/shadowtap python3 "tests/bench/${bench}_bench.py" || status=1 ;;
    *) "$(find build/release -name "${bench}_bench" -type f | head -n 1)" || status=1 ;;
  esac
done
exit $status
