#!/bin/bash
# Archives, while the image is built, the classes that formatting the storage
# and starting the broker load: the two JVMs of a start then take half the CPU.
# The official image does so too.
set -euo pipefail

bin=/opt/kafka/bin
KAFKA_JVM_PERFORMANCE_OPTS=-XX:ArchiveClassesAtExit=/opt/kafka/storage.jsa \
  CLUSTER_ID=5L6g3nShT-eMCtK--X86sw \
  $bin/kafka-run-class.sh kafka.docker.KafkaDockerWrapper setup \
  --default-configs-dir /etc/kafka/docker \
  --mounted-configs-dir /mnt/shared/config \
  --final-configs-dir /opt/kafka/config

KAFKA_JVM_PERFORMANCE_OPTS=-XX:ArchiveClassesAtExit=/opt/kafka/kafka.jsa \
  $bin/kafka-server-start.sh /opt/kafka/config/server.properties &
broker=$!
$bin/kafka-topics.sh --bootstrap-server localhost:9092 --create --topic warm-up
kill "$broker"
wait "$broker" || true # ends by the signal
test -s /opt/kafka/kafka.jsa

rm -rf /tmp/kraft-combined-logs /opt/kafka/config/* /opt/kafka/logs/*
