#!/usr/bin/env bash
# Puts a Debian kernel and the few modules that the guest loads under
# build/kernels/SERIES, once. Exit 77 when no suite of this machine's apt has it.
#   fetch.sh 6.1 linux-image-cloud-amd64
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh

series=$1
meta=$2
into=$PWD/build/kernels/$series
# Hooks and somebody else's filter; then the kinds of interfaces that hosts have.
readonly modules='sch_ingress cls_bpf veth cls_matchall act_gact
  bonding 8021q bridge macvlan ipvlan vxlan wireguard tun ipip ip_gre'

if [ -e "$into/vmlinuz" ] && [ -e "$into/modules/order" ]; then exit 0; fi

# The newest kernel that the meta-package stands for.
image_of() {
  apt-cache show "$meta" 2>/dev/null |
    sed -n 's/^Depends:.*\(linux-image-[0-9][^ ,]*\).*/\1/p' | head -n 1
}

image=$(image_of)
if [ -z "$image" ]; then
  update_lists
  image=$(image_of)
fi
if [ -z "$image" ]; then
  echo "skipped: no suite in this machine's apt configuration has $meta"
  # The floor must be tested where it counts; a newer kernel is a bonus of the host's suites.
  if [ "${CI:-}" = true ] && [ "$series" = 6.1 ]; then exit 1; fi
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
quietly apt-get -o APT::Sandbox::User=root download "$image" || fail "apt-get download $image failed"
dpkg-deb --fsys-tarfile ./*.deb | tar -x

mkdir -p "$into/modules"
rm -f "$into/modules/order"
# Unpacks a module behind those that it needs; `order` names them as they must be loaded.
add_module() {  # NAME
  local file needed
  if grep -qsx "$1" "$into/modules/order" || grep -q "/$1.ko" lib/modules/*/modules.builtin; then return; fi
  file=$(find lib/modules -name "$1.ko*" | head -n 1)
  case $file in
    *.xz) busybox unxz -c "$file" >"$into/modules/$1.ko" ;;
    *.ko) cp "$file" "$into/modules/" ;;
    *) fail "$image has no module $1" ;;
  esac
  for needed in $(tr '\0' '\n' <"$into/modules/$1.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
    add_module "$needed"
  done
  echo "$1" >>"$into/modules/order"
}
for module in $modules; do add_module "$module"; done
# Last: its presence says that the rest is there.
cp boot/vmlinuz-* "$into/vmlinuz.part"
mv "$into/vmlinuz.part" "$into/vmlinuz"
echo "$image"
