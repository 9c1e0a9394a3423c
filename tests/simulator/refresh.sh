#!/bin/sh
# Regenerates the tables of agent/results/README.md: refresh.sh SIMULATE README [RUNS]
set -eu
tables=$(mktemp)
trap 'rm -f "$tables" "$tables.new"' EXIT
"$1" "${3:-100}" > "$tables"
awk -v tables="$tables" '
  /^<!-- tables: end -->/ { inside = 0 }
  !inside { print }
  /^<!-- tables: begin -->/ { inside = 1; print ""; while ((getline line < tables) > 0) print line; print "" }
' "$2" > "$tables.new"
cat "$tables.new" > "$2"
