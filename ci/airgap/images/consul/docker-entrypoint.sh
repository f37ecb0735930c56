#!/bin/sh
# Keeps what the pipeline uses of the official entrypoint: CONSUL_LOCAL_CONFIG,
# CONSUL_BIND_INTERFACE, CONSUL_CLIENT_INTERFACE, CONSUL_DATA_DIR,
# CONSUL_CONFIG_DIR, CONSUL_DISABLE_PERM_MGMT, subcommands without the leading
# "consul", the step down to the user consul.
set -eu

: "${CONSUL_DATA_DIR:=/consul/data}" "${CONSUL_CONFIG_DIR:=/consul/config}"

# address_of prints the first IPv4 address of a network interface.
address_of() {
  address=$(ip -o -4 addr show dev "$1" | awk '{ sub("/.*", "", $4); print $4; exit }')
  if [ -z "$address" ]; then
    echo >&2 "Could not find IP for interface '$1'"
    exit 1
  fi
  echo "$address"
}

if [ -n "${CONSUL_LOCAL_CONFIG:-}" ]; then
  printf '%s\n' "$CONSUL_LOCAL_CONFIG" >"$CONSUL_CONFIG_DIR/local.json"
fi

case "${1:-}" in
  agent)
    shift
    # In front of the caller's arguments, so that those win.
    if [ -n "${CONSUL_CLIENT_INTERFACE:-}" ]; then
      client=$(address_of "$CONSUL_CLIENT_INTERFACE")
      set -- "-client=$client" "$@"
    fi
    if [ -n "${CONSUL_BIND_INTERFACE:-}" ]; then
      bind=$(address_of "$CONSUL_BIND_INTERFACE")
      set -- "-bind=$bind" "$@"
    fi
    set -- consul agent -data-dir="$CONSUL_DATA_DIR" -config-dir="$CONSUL_CONFIG_DIR" "$@"
    ;;
  consul) ;;
  *)
    # A flag or a subcommand of consul; anything else is a program of the image.
    if [ "${1#-}" != "${1:-}" ] || consul "${1:-}" -help 2>&1 | grep -q "Usage: consul ${1:-}"; then
      set -- consul "$@"
    fi
    ;;
esac

if [ "$1" != consul ] || [ "$(id -u)" != 0 ] || [ -n "${CONSUL_DISABLE_PERM_MGMT+set}" ]; then
  exec "$@"
fi

chown consul:consul "$CONSUL_DATA_DIR" "$CONSUL_CONFIG_DIR"
HOME=/home/consul exec setpriv --reuid=consul --regid=consul --init-groups "$@"
