#!/bin/sh
# Keeps what the pipeline uses of the official entrypoint: VAULT_LOCAL_CONFIG,
# VAULT_DEV_ROOT_TOKEN_ID, VAULT_DEV_LISTEN_ADDRESS, SKIP_CHOWN, SKIP_SETCAP,
# subcommands without the leading "vault", the step down to the user vault.
set -eu
ulimit -c 0

if [ -n "${VAULT_LOCAL_CONFIG:-}" ]; then
  printf '%s\n' "$VAULT_LOCAL_CONFIG" >/vault/config/local.json
fi

case "${1:-}" in
  server)
    shift
    set -- vault server -config=/vault/config \
      -dev-root-token-id="${VAULT_DEV_ROOT_TOKEN_ID:-}" \
      -dev-listen-address="${VAULT_DEV_LISTEN_ADDRESS:-0.0.0.0:8200}" "$@"
    ;;
  vault) ;;
  *)
    # A flag or a subcommand of vault; anything else is a program of the image.
    if [ "${1#-}" != "${1:-}" ] || vault "${1:-}" -help 2>&1 | grep -q "Usage: vault ${1:-}"; then
      set -- vault "$@"
    fi
    ;;
esac

if [ "$1" != vault ] || [ "$(id -u)" != 0 ]; then
  exec "$@"
fi

if [ -z "${SKIP_CHOWN:-}" ]; then
  chown -R vault:vault /vault/config /vault/logs /vault/file
fi
if [ -z "${SKIP_SETCAP:-}" ]; then
  # Lets Vault lock its memory; undone where the container may not do that.
  setcap cap_ipc_lock=+ep /bin/vault
  if ! vault -version >/dev/null 2>&1; then
    echo >&2 "Vault cannot lock memory here: start the container with IPC_LOCK to allow it."
    setcap -r /bin/vault
  fi
fi
HOME=/home/vault exec setpriv --reuid=vault --regid=vault --init-groups "$@"
