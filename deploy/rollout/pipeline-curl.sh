#!/bin/sh
# The same gate where only curl is at hand: 200 pass, 412 fail, 425 inconclusive.
#
#   SHADOWTAP_API=http://host:9900 SHADOWTAP_TOKEN=… pipeline-curl.sh orders
set -eu
service=${1:?usage: pipeline-curl.sh SERVICE}
api=${SHADOWTAP_API:-http://127.0.0.1:9900}
tries=${SHADOWTAP_TRIES:-60}

while :; do
  status=$(curl -sS -o verdict.json -w '%{http_code}' -X POST \
    ${SHADOWTAP_TOKEN:+-H "Authorization: Bearer $SHADOWTAP_TOKEN"} \
    "$api/api/v1/gate?service=$service") || status=000
  tries=$((tries - 1))
  case $status in
    200) exit 0 ;;
    412) cat verdict.json; exit 1 ;;
    425 | 000) [ "$tries" -gt 0 ] || exit 3 ;;
    *) cat verdict.json; exit 2 ;;
  esac
  sleep "${SHADOWTAP_PAUSE:-15}"
done
