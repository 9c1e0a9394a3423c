#!/usr/bin/env bash
# Boots a Debian kernel under qemu without KVM, with the agent and a busybox in an
# initramfs, and lets guest.sh judge. Exit 0 when every line of the guest is "ok".
#   run.sh 6.1 linux-image-cloud-amd64 build/release
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
series=$1
meta=$2
build=$(realpath "$3")
cd "$here/../.."
readonly kBootSeconds=840  # a bound; less than a tenth of it on an idle machine

"$here/fetch.sh" "$series" "$meta"
kernel=$PWD/build/kernels/$series
console=$kernel/console.txt  # all that the guest said, kept for a look

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,www,modules}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$kernel"/modules/* "$root/modules/"
cp "$here/guest.sh" "$root/init"
chmod 755 "$root/init"

# A program with the libraries it is linked to, at their own paths.
add_program() {  # FILE NAME
  local library
  cp "$1" "$root/bin/$2"
  ldd "$1" | grep -o '/[^ )]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
}
add_program "$build/shadowtap" shadowtap
for test in bpf_program_test bpf_live_test; do add_program "$build/tests/$test" $test; done
strip --strip-debug "$root"/bin/{shadowtap,bpf_program_test,bpf_live_test}
# busybox's shell prefers its own applets to what stands in PATH: the tests get another.
add_program "$(readlink -f /bin/sh)" sh
for program in tc ip bpftool curl ethtool wg sysctl; do
  add_program "$(command -v $program)" $program
done

# What passed once with the same files passes again: the guest knows nothing else.
mkdir -p build/passed
passed=$PWD/build/passed/kernel-$series
{ (cd "$root" && find . -type f -print0 | sort -z | xargs -0 sha256sum); sha256sum <"$kernel/vmlinuz"; } >"$work/files"
if cmp -s "$work/files" "$passed"; then
  echo "ok - nothing changed since it passed ($passed)"
  exit 0
fi
rm -f "$passed"

(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$work/initramfs"

# no_timer_check: on a busy host the guest else panics with "IO-APIC + timer doesn't work!".
timeout --kill-after=5 $kBootSeconds qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nographic -no-reboot -nic none \
  -kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check" </dev/null |
  sed -u 's/\r//g' | tee "$console" | grep -aE '^(ok|not ok|#|  )' || true

if grep -aq '^not ok' "$console"; then exit 1; fi
if ! grep -aq '^ok - all done' "$console"; then
  echo "not ok - the guest did not come to its end within $kBootSeconds s; its last lines:"
  tail -n 40 "$console"
  exit 1
fi
cp "$work/files" "$passed"
