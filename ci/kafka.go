package main

// kafka runs one broker that is its own controller. Giving one KAFKA_ variable replaces all defaults
// of the image, so this is the whole configuration.
func (m *Omninode) kafka(run string) *backend {
	c := m.from(kafkaImage)
	for _, v := range [][2]string{
		{"KAFKA_NODE_ID", "1"},
		{"KAFKA_PROCESS_ROLES", "broker,controller"},
		{"KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"},
		{"KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"},
		{"KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"},
		{"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"},
		{"KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"},
		{"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"},
		{"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "4"},
		{"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"},
		{"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"},
		{"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS", "4"},
		{"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"},
		{"KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"},
	} {
		c = c.WithEnvVariable(v[0], v[1])
	}
	return server(run, "kafka", 9092, c, "/etc/kafka/docker/run")
}
