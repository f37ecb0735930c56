package omnibase

import (
	"slices"
	"strings"
)

// readBus reads every place of the dialect that names what a node subscribes to and publishes. The
// first place that names a topic declares it; the others say the same.
func (d *draft) readBus() {
	root, bus := d.at, d.at.get("event_bus")
	for _, v := range []*value{
		bus.get("subscribe_topics"), bus.get("subscribe"), bus.get("topics", "subscribe"), root.get("subscribe_topics"), root.get("consumed_events"),
		root.get("subscribed_events"), root.get("input_subscriptions"), root.get("subscriptions"),
		root.get("topics", "consumes"), root.get("topics", "subscribes"), root.get("events", "consumes"), root.get("events", "consumed"),
		root.get("intent_consumption", "subscribed_intents"), root.get("event_sources"),
	} {
		d.readTopics(v, &d.inputs)
	}
	for _, v := range []*value{
		bus.get("publish_topics"), bus.get("publish"), bus.get("topics", "publish"), root.get("publish_topics"), root.get("published_events"),
		root.get("produced_events"), root.get("publications"), root.get("topics", "produces"), root.get("topics", "publishes"),
		root.get("events", "emits"), root.get("events", "emitted"), root.get("emits"), root.get("event_outputs"), root.get("output_models"),
		root.get("intent_emission", "intents"), root.get("terminal_event"), root.get("terminal_events"), bus.get("terminal_event"),
	} {
		d.readTopics(v, &d.outputs)
	}
	for _, h := range root.get("handler_routing", "handlers").items() {
		d.readTopics(h.get("output_topic"), &d.outputs)
	}
	for _, op := range root.get("io_operations").items() {
		d.readTopics(op.get("output_topic"), &d.outputs)
	}
	d.readTopicMetadata(bus.get("subscribe_topic_metadata"), d.inputs)
	d.readTopicMetadata(bus.get("publish_topic_metadata"), d.outputs)
	if v := root.get("intent_emission", "enabled"); v.isTrue() {
		v.follow(nil, "an event that is declared may be emitted")
	}
	d.readGroups()
}

// readGroups accounts for what follows from the node's name.
func (d *draft) readGroups() {
	bus := d.at.get("event_bus")
	for _, v := range []*value{bus.get("consumer_group"), bus.get("subscribe", "consumer_group")} {
		v.follow(nil, "the consumer group follows from the node's name")
	}
	for _, v := range bus.get("dlq_topics").items() {
		v.follow(nil, "each input has a dead-letter topic of its own")
	}
	bus.get("event_bus_enabled").follow(nil, "every node has a bus")
}

// readTopics reads a topic, or a list or mapping of topics.
func (d *draft) readTopics(v *value, list *[]*port) {
	switch {
	case v == nil:
	case v.scalar():
		d.addTopic(v, nil, list)
	case topicOf(v) != nil:
		d.addTopic(topicOf(v), v, list)
	default:
		for _, e := range v.children() {
			if v.isList() || topicKey(e.name) || e.isMap() {
				d.readTopics(e, list)
			}
		}
	}
}

// topicOf returns the name of the topic that a mapping describes.
func topicOf(v *value) *value {
	t := v.first("topic", "topic_suffix", "topic_name", "intent_type", "name")
	if t.scalar() && (t.name != "name" || strings.Contains(t.text(), ".")) {
		return t
	}
	return nil
}

func topicKey(name string) bool {
	return strings.HasSuffix(name, "topic") || strings.HasSuffix(name, "topics") || strings.HasSuffix(name, "_event")
}

// addTopic adds a topic once and reads what is said about it.
func (d *draft) addTopic(at, about *value, list *[]*port) {
	t := parseTopic(at.text())
	if len(words(at.text())) == 0 {
		return
	}
	i := slices.IndexFunc(*list, func(p *port) bool { return p.topic == t })
	if i < 0 {
		i = len(*list)
		*list = append(*list, &port{node: d, raw: at.text(), topic: t, at: at})
	} else {
		at.follow((*list)[i].at, "the topic is named already")
	}
	d.describe((*list)[i], about)
}

// describe reads what a mapping says about a topic.
func (d *draft) describe(p *port, about *value) {
	if about == nil {
		return
	}
	for _, key := range []string{"full_topic_pattern", "topic_suffix", "topic"} {
		if v := about.get(key); v.scalar() && v != p.at && parseTopic(v.text()) == p.topic {
			v.follow(p.at, "the topic is named already")
		}
	}
	if v := about.get("description"); p.description == "" && line(v.text()) != "" {
		p.description = line(v.text())
		p.claims = append(p.claims, claim{v, "description"})
	}
	model := about.first("event_type", "payload_model", "schema", "payload_schema", "schema_ref", "model", "name")
	if model.isMap() {
		model = model.get("name")
	}
	if model.scalar() && parseTopic(model.text()) != p.topic && p.record == nil {
		p.record = d.record(modelName(model.text()))
		p.record.claim(model, "")
		d.readFields(p.record, about.first("payload_fields", "fields"))
	}
	if v := about.first("message_category", "internal"); v != nil {
		v.follow(p.at, "the topic says so")
	}
	d.readTopicConfig(p, about.get("topic_config"))
}

// readTopicConfig reads what the topic of an own message is like.
func (d *draft) readTopicConfig(p *port, v *value) {
	if n := v.get("partitions"); inRange(n.text(), 1, 1000) && p.partitions == "" {
		p.partitions = n.text()
		p.claims = append(p.claims, claim{n, "partitions"})
	}
	kafka := v.get("kafka_config")
	if ms := kafka.get("retention.ms"); p.retention == "" && duration(ms.text(), millisecond) != "" {
		p.retention = duration(ms.text(), millisecond)
		p.claims = append(p.claims, claim{ms, "retention"})
	}
	if policy := kafka.get("cleanup.policy"); policy.text() == "delete" {
		policy.follow(nil, "records are deleted when their retention ends")
	}
}

// readTopicMetadata reads a mapping from topics to what they are like.
func (d *draft) readTopicMetadata(v *value, list []*port) {
	for _, e := range v.entries() {
		t := parseTopic(e.name)
		if i := slices.IndexFunc(list, func(p *port) bool { return p.topic == t }); i >= 0 {
			d.describe(list[i], e)
		}
	}
}
