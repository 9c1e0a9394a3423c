# For quickstart.sh and tests/run.sh, which source it from the project's root: installs
# Debian packages without starting any service, and builds as the person behind sudo.

export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

# A fresh clone elsewhere on the machine finds what an earlier one compiled file by file
# (dev); unity sources name their files by full path, so those only where they stand.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

kPolicy=/usr/sbin/policy-rc.d
kPolicyMark='shadowtap: no service starts while its packages are installed'

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# What is installed, and what that brings under another name, one a line (NodeSource's
# nodejs is npm as well, and conflicts with a package of that name).
installed_packages() {
  dpkg-query -W -f '${db:Status-Status} ${Package},${Provides}\n' |
    sed -n 's/^installed //p' | tr ',' '\n' | sed 's/(.*//; s/ //g' | sort -u
}

missing_packages() {  # FILE… -> names that are not installed, one a line
  sed 's/#.*//' "$@" | tr -s ' \t' '\n' | grep . | sort -u | comm -23 - <(installed_packages)
}

forbid_services() {
  if [ -e $kPolicy ] && ! grep -qF "$kPolicyMark" $kPolicy; then
    mv $kPolicy $kPolicy.shadowtap
  fi
  printf '#!/bin/sh\n# %s\nexit 101\n' "$kPolicyMark" >$kPolicy
  chmod 755 $kPolicy
}

allow_services() {
  rm -f $kPolicy
  if [ -e $kPolicy.shadowtap ]; then mv $kPolicy.shadowtap $kPolicy; fi
}

# Runs quietly: the output is shown only when the command fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ $status -ne 0 ]; then tail -n 40 "$log" >&2; fi
  rm -f "$log"
  return $status
}

# apt-get update knows no lock timeout, and another apt may be at work.
update_lists() {
  local try
  for try in 1 2 3 4 5 6; do
    apt-get update -qq >/dev/null 2>&1 && return 0
    sleep $((try * 2))
  done
  echo 'warning: apt-get update failed; going on with the lists that are there' >&2
}

install_packages() {  # FILE…
  local missing started=$SECONDS status=0
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  [ "$(id -u)" -eq 0 ] ||
    fail "run this as root (sudo $0), or install first:" $missing
  say "installing $(wc -w <<<"$missing") Debian packages"
  trap allow_services EXIT
  forbid_services
  update_lists
  quietly apt-get install -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 $missing || status=$?
  allow_services
  trap - EXIT
  [ $status -eq 0 ] || fail 'the packages could not be installed'
  say "installed in $((SECONDS - started)) s"
}

# Who builds: the person behind sudo, so that build/ is not root's. Root itself where
# there is none, or where that person cannot read the tree.
builder() {
  if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] &&
    runuser -u "$SUDO_USER" -- test -r CMakeLists.txt; then
    echo "$SUDO_USER"
  fi
}

as_builder() {
  local user
  user=$(builder)
  if [ -z "$user" ]; then
    "$@"
  else
    HOME=$(getent passwd "$user" | cut -d: -f6) runuser -u "$user" -- "$@"
  fi
}

# What ran as root may have left files in build/.
give_back_build() {
  local user
  user=$(builder)
  mkdir -p build
  if [ -n "$user" ]; then chown -R "$user": build; fi
}

configure() {  # PRESET [-D…]: cmake says nothing unless it fails
  local preset=$1
  shift
  quietly as_builder cmake --preset "$preset" "$@" || fail "cmake --preset $preset failed"
}

build() {  # PRESET TARGET…: ninja's one line on a terminal, silence elsewhere
  local preset=$1 quiet=--quiet
  shift
  if [ -t 1 ]; then quiet=; fi
  as_builder ninja $quiet -C "build/$preset" "$@" || fail "building $preset failed"
}
