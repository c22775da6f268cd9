#!/bin/bash
# The first start: a data folder whose superuser has the Secret's password. Later starts: nothing.
set -euo pipefail
[ ! -s "$PGDATA/PG_VERSION" ] || exit 0
rm -rf "$PGDATA.new" # what an interrupted start left
initdb -D "$PGDATA.new" -U postgres -E UTF8 --locale=C.UTF-8 --auth-host=scram-sha-256 --auth-local=trust \
  --pwfile=<(printf %s "$POSTGRES_PASSWORD")
mv "$PGDATA.new" "$PGDATA"
