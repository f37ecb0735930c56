#!/bin/sh
# Runs a class of Kafka: kafka-run-class.sh CLASS [ARGUMENT…]. Honours
# KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS, KAFKA_LOG4J_OPTS and KAFKA_OPTS.
set -eu

# The jars by name and in order: an archive of classes fits one class path only.
CLASSPATH="$(printf '%s:' /opt/kafka/libs/*.jar)${CLASSPATH:-}"
export CLASSPATH
config=/opt/kafka/config
[ -f "$config/tools-log4j2.yaml" ] || config=/etc/kafka/docker

# The variables are lists of options: splitting them is intended.
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS:-} \
  ${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=$config/tools-log4j2.yaml} \
  ${KAFKA_OPTS:-} "$@"
