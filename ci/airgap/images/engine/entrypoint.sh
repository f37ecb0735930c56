#!/bin/sh
# Starts the mirror, then becomes the engine.
set -eu

docker-registry serve /etc/docker/registry/airgap.yml &
exec dagger-engine "$@"
