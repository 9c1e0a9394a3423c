#!/usr/bin/env bash
# Can this machine run the tests that touch a kernel? Exit 0 yes, 77 no: a skip that is
# printed, and with CI=true a failure. The cure stands in each line.
set -u
missing=0

miss() { echo "missing: $*"; missing=1; }

[ "$(id -u)" -eq 0 ] || miss 'root (run the tests with sudo)'

if [ "$(id -u)" -eq 0 ]; then
  name="privileges-$$-$RANDOM"
  if ip netns add "$name" 2>/dev/null; then
    ip netns del "$name"
  else
    miss 'network namespaces: `ip netns add` fails (in a container: CAP_SYS_ADMIN, a writable /run)'
  fi
  bpftool prog show >/dev/null 2>&1 ||
    miss 'eBPF: `bpftool prog show` fails (in a container: CAP_BPF and CAP_SYS_ADMIN)'
  [ -r /sys/kernel/btf/vmlinux ] || miss 'kernel types: /sys/kernel/btf/vmlinux'
fi

if [ $missing -eq 0 ]; then
  echo 'root, network namespaces, eBPF and kernel types are there'
  exit 0
fi
if [ "${CI:-}" = true ]; then exit 1; fi
exit 77
