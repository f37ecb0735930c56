#!/bin/bash
# Keeps what the pipeline uses of the official entrypoint: POSTGRES_PASSWORD,
# POSTGRES_USER, POSTGRES_DB (each also as …_FILE), POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD, PGDATA, /docker-entrypoint-initdb.d and the step
# down from root to the user postgres.
set -euo pipefail

# from_file VAR puts the content of the file named by VAR_FILE into VAR.
from_file() {
  local file_var="$1_FILE"
  if [ -n "${!file_var:-}" ]; then
    export "$1"="$(cat "${!file_var}")"
    unset "$file_var"
  fi
}

require_password() {
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo >&2 "Error: POSTGRES_PASSWORD is not set and the database is not initialized."
    echo >&2 "       Set it, or set POSTGRES_HOST_AUTH_METHOD=trust."
    exit 1
  fi
}

create_cluster() {
  # POSTGRES_INITDB_ARGS is a list of words, split by the shell as upstream does.
  # The socket goes where Debian's clients look: these binaries default to /tmp.
  eval "initdb --username=\"\$POSTGRES_USER\" \
    --set unix_socket_directories=/var/run/postgresql \
    --pwfile=<(printf '%s\n' \"\${POSTGRES_PASSWORD:-}\") ${POSTGRES_INITDB_ARGS:-}"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
}

sql() {
  PGHOST='' PGPASSWORD="${POSTGRES_PASSWORD:-}" psql -v ON_ERROR_STOP=1 --no-psqlrc \
    --username "$POSTGRES_USER" "$@"
}

run_init_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
    esac
  done
}

# initialize makes the cluster, then the database and its content on a server
# that listens on its socket only: whoever waits for the TCP port sees the
# finished database.
initialize() {
  require_password
  create_cluster
  pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
  if [ "$POSTGRES_DB" != postgres ]; then
    sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  fi
  run_init_files
  pg_ctl -D "$PGDATA" -m fast -w stop
  echo 'PostgreSQL init process complete; ready for start up.'
}

if [ "${1#-}" != "$1" ]; then
  set -- postgres "$@"
fi

if [ "$1" = postgres ]; then
  for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS; do
    from_file "$name"
  done
  mkdir -p "$PGDATA" /var/run/postgresql
  if [ "$(id -u)" = 0 ]; then
    chmod 700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres {} +
    HOME=/var/lib/postgresql exec setpriv --reuid=postgres --regid=postgres --init-groups \
      "$0" "$@"
  fi
  export POSTGRES_USER="${POSTGRES_USER:-postgres}"
  export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initialize
  fi
fi

exec "$@"
