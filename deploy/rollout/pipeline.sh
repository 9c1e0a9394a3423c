#!/bin/sh
# A gate for any pipeline: waits for the verdict, keeps the report as an artifact, and
# passes the verdict on as the step's exit code (0 pass, 1 fail, 2 error, 3 inconclusive).
#
#   SHADOWTAP_API=http://host:9900 SHADOWTAP_TOKEN_FILE=/run/secrets/token pipeline.sh orders
set -eu
service=${1:?usage: pipeline.sh SERVICE}
api=${SHADOWTAP_API:-http://127.0.0.1:9900}
shadowtap=${SHADOWTAP:-shadowtap}

set -- --api "$api" --service "$service"
if [ -n "${SHADOWTAP_TOKEN_FILE:-}" ]; then
  set -- "$@" --token-file "$SHADOWTAP_TOKEN_FILE"
fi

code=0
"$shadowtap" verdict "$@" --wait "${SHADOWTAP_WAIT:-15m}" || code=$?
"$shadowtap" report "$@" --format junit > shadowtap-report.xml || true
exit "$code"
