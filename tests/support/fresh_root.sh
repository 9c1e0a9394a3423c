#!/usr/bin/env bash
# Proves that the README's two commands work on a fresh Debian 12: makes a minimal root,
# puts the committed tree into it and runs a command there, as root, without sudo, git or
# a locale. Needs root and mmdebstrap. Everything it made is removed again.
#   fresh_root.sh                               deploy/quickstart.sh --for 20s, twice
#   fresh_root.sh 'CI=true tests/run.sh' …      these commands, one after the other
#   CALLER=someone fresh_root.sh …              under sudo, called by a user of that name
#   CCACHE=DIR fresh_root.sh …                  starts with a copy of that compiler cache,
#                                               for its tests rather than its time
set -euo pipefail
if [ "${1:-}" != --inside ]; then
  cd "$(dirname "$0")/../.."
  [ $# -gt 0 ] || set -- 'deploy/quickstart.sh --for 20s' 'deploy/quickstart.sh --for 20s'
  root=$(mktemp -d "${TMPDIR:-/tmp}/shadowtap-root.XXXXXX")
  trap 'rm -rf --one-file-system "$root"' EXIT
  # Mounts and processes live in namespaces of their own and end with them.
  unshare --mount --pid --fork --kill-child "$0" --inside "$root" "$@"
  exit
fi
root=$2
shift 2
source=$root$PWD  # where it stands here: a compiler cache knows full paths

started=$SECONDS
# The package sources of this machine, whatever they are.
sources=(/etc/apt/sources.list.d/*.sources /etc/apt/sources.list)
mmdebstrap --quiet --variant=minbase ${CALLER:+--include=sudo} bookworm "$root" \
  "$(ls "${sources[@]}" 2>/dev/null | head -n 1)"
chmod 755 "$root"
mkdir -p "$source"
git archive HEAD | tar -x -C "$source"
if [ -n "${CCACHE:-}" ]; then
  mkdir -p "$root/root/.cache"
  cp -a "$CCACHE" "$root/root/.cache/ccache"
fi
# A root that is a mount, as elsewhere: unshare(1) and ip-netns(8) change how it propagates.
mount --bind "$root" "$root"
for file in /etc/resolv.conf /etc/hosts; do cp -L "$file" "$root$file"; done
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
echo "== minimal root made in $((SECONDS - started)) s"

inside=(chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root)
if [ -n "${CALLER:-}" ]; then
  "${inside[@]}" useradd --create-home "$CALLER"
  echo "$CALLER ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/caller"
  "${inside[@]}" chown -R "$CALLER": "$PWD"
  inside=(chroot "$root" runuser -u "$CALLER" -- sudo)
fi
for command in "$@"; do
  started=$SECONDS
  echo "== $command"
  "${inside[@]}" /bin/sh -c "cd $PWD && exec env $command" </dev/null
  echo "== $command: $((SECONDS - started)) s"
done
if [ -n "${CALLER:-}" ]; then
  strays=$(find "$source" ! -user "$(stat -c %u "$root/home/$CALLER")" | head)
  [ -z "$strays" ] || { echo "error: files of root's in the tree: $strays" >&2; exit 1; }
fi
