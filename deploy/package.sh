#!/usr/bin/env bash
# Makes build/shadowtap_VERSION_ARCH.deb from build/release/shadowtap (deploy/quickstart.sh
# or tests/run.sh builds it). Installing it starts nothing: deploy/README.md goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly version=$(sed -n 's/^project(shadowtap VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
readonly arch=$(dpkg --print-architecture)
[ -x build/release/shadowtap ] || { echo 'error: build/release/shadowtap is not built yet' >&2; exit 1; }

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
install -D build/release/shadowtap "$root/usr/bin/shadowtap"
strip "$root/usr/bin/shadowtap"
install -D -m 644 deploy/systemd/shadowtap.service "$root/lib/systemd/system/shadowtap.service"
install -D -m 644 deploy/systemd/config.yaml "$root/etc/shadowtap/config.yaml"
install -D -m 644 LICENSE "$root/usr/share/doc/shadowtap/copyright"
install -m 644 README.md deploy/SECURITY.md "$root/usr/share/doc/shadowtap/"
install -D -m 644 -t "$root/usr/share/doc/shadowtap/examples" deploy/examples/*.yaml deploy/rollout/*.yaml \
  deploy/rollout/*.sh deploy/prometheus/shadowtap.rules.yml deploy/grafana/shadowtap.json

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: shadowtap
Version: $version
Architecture: $arch
Section: net
Priority: optional
Maintainer: the shadowtap authors <shadowtap@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6, libstdc++6, $(paste -sd, deploy/packages-run.txt | sed 's/,/, /g')
Recommends: systemd
Description: shadows a service's HTTP traffic to a release under test
 Watches the TCP port of a running service with eBPF, sends its requests to a
 candidate as well, and reports where the answers differ.
CONTROL
echo /etc/shadowtap/config.yaml >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl --quiet disable --now shadowtap || true; fi
PRERM
cat >"$root/DEBIAN/postrm" <<'POSTRM'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
# What DynamicUser keeps as StateDirectory.
if [ "$1" = purge ]; then rm -rf /var/lib/private/shadowtap /var/lib/shadowtap; fi
POSTRM
chmod 755 "$root"/DEBIAN/p*rm
dpkg-deb --root-owner-group -Zzstd --build "$root" "build/shadowtap_${version}_$arch.deb" >/dev/null
echo "build/shadowtap_${version}_$arch.deb"
