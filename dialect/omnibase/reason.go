package omnibase

import "strings"

// remark says why keys below a prefix have no meaning in a contract and what to do instead.
type remark struct{ prefix, why, fix string }

// reason explains why a value that nothing was made of is refused: by the longest prefix of its path
// that is known, or by the last key of it.
func reason(path string) (why, fix string) {
	best := remark{why: "the contract language has no key for it", fix: "keep it in the handler, or in the node's documentation if it still matters"}
	for _, r := range remarks() {
		if matches(path, r.prefix) && len(r.prefix) > len(best.prefix) {
			best = r
		}
	}
	return best.why, best.fix
}

// matches tells whether a path lies below a prefix; *.key matches the last key.
func matches(path, prefix string) bool {
	if last, ok := strings.CutPrefix(prefix, "*."); ok {
		key := path[strings.LastIndexByte(path, '.')+1:]
		key, _, _ = strings.Cut(key, "[")
		return key == last
	}
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || strings.ContainsAny(path[len(prefix):len(prefix)+1], ".["))
}

func remarks() []remark {
	const (
		history = "the history of the repository says it"
		code    = "it names Python code"
		port    = "write it in Go: the generated handler.go has a method for each input"
		reader  = "it is for readers of the contract only"
		runtime = "the runtime decides it for every node alike"
		errs    = "the errors of a handler are values of its Go code"
	)
	return []remark{
		{"metadata", reader, "add to the description what others need to know"},
		{"metadata.author", history, "look at the log of the contract"},
		{"metadata.created", history, "look at the log of the contract"},
		{"metadata.updated", history, "look at the log of the contract"},
		{"metadata.license", "a licence holds for the repository", "keep it in the file LICENSE"},
		{"metadata.tags", "free words name nothing that a node does", "name what others look for under capabilities"},
		{"tags", "free words name nothing that a node does", "name what others look for under capabilities"},
		{"metadata.ticket", history, "name the ticket in a commit"},
		{"metadata.related_tickets", history, "name the ticket in a commit"},
		{"metadata.references", history, "name the ticket in a commit"},
		{"metadata.transport_type", "every message travels on Kafka", "drop it"},
		{"capabilities", "a capability is a name", "describe it in the description of the node"},
		{"node_capabilities", "a capability is a name", "describe it in the description of the node"},
		{"state_machine.transitions", "a transition is its input, its states, its guard and what it emits; the description stands beside it as a comment", "write what it does in the reducer's handler"},
		{"fsm.transitions", "a transition is its input, its states, its guard and what it emits", "write what it does in the reducer's handler"},
		{"published_events", "a message is its topic, its payload and its description", "drop it"},
		{"consumed_events", "a message is its topic, its payload and its description", "drop it"},
		{"event_bus", "a message is its topic, its payload and its description", "drop it"},
		{"event_type", "the messages of a node are its commands and events", "declare what is missing under commands and events"},
		{"status", "every contract that is in the folder is in use", "remove what is not"},
		{"changelog", history, "look at the log of the contract"},
		{"dod_evidence", "what proves a node is its tests", "write it as a test in handler_test.go"},
		{"golden_path", "what proves a node is its tests", "write it as a test in handler_test.go"},
		{"*.module", code, port},
		{"*.class", code, port},
		{"*.function", code, port},
		{"*.handler_method", code, port},
		{"*.handler_module", code, port},
		{"*.handler_class", code, port},
		{"handler", code, port},
		{"handler_routing", "an input has one handler, found by its type", "write what the handler does in handler.go"},
		{"handler_routing.routing_strategy", "an input has one handler, found by its type", "drop it"},
		{"handler_routing.handlers", "it describes the Python handler", port},
		{"handler_routing.entry_point", code, port},
		{"handler_routing.default_handler", "an input that is not declared does not arrive", "declare the inputs that the default was for"},
		{"error_handling", errs, "return onex.Permanent(err) for what no second attempt can mend"},
		{"error_handling.retry_policy", "the retry policy of an input is attempts, first, max and then", "write what differs under handles"},
		{"error_handling.circuit_breaker", "a breaker is failures and open, one per input", "write what differs under handles"},
		{"error_handling.error_sanitization", "secrets have a type that prints nothing of them", "drop it"},
		{"event_bus.version", "the bus has no version of its own", "drop it"},
		{"published_events.topic_config", runtime, "set it on the brokers"},
		{"execution", "a node is a process of its own", "drop it"},
		{"runtime_profiles", "where a node runs is decided when it is deployed", "set it in env/"},
		{"descriptor.runtime_profiles", "where a node runs is decided when it is deployed", "set it in env/"},
		{"health_check", "every node answers /healthz and /readyz", "check what the node needs by a requirement under health"},
		{"performance", "a target is not enforced", "set timeout on the input, and an alert on its metrics"},
		{"performance_benchmarks", "a target is not enforced", "write a benchmark"},
		{"dependencies", "a Go module needs no entry in the contract", "add what the handler imports to go.mod"},
		{"idempotency", "repetitions are recognised by the envelope's id or by one property of the input", "name the property as idempotency_key"},
		{"descriptor.idempotent", "an input that comes twice is handled once, whatever the handler does", "drop it"},
		{"state_machine", "the machine enforces states and transitions only", "write what is done on the way in the reducer's handler"},
		{"state_machine.states", "a state is a name", "check what it needs in the reducer's handler"},
		{"fsm", "the machine enforces states and transitions only", "write what is done on the way in the reducer's handler"},
		{"intent_emission", "an intent is an event of the node", "declare its payload under types"},
		{"validation", "a payload is checked against its type", "declare the constraints under types"},
		{"validation_rules", "a payload is checked against its type", "declare the constraints under types"},
		{"workflow_coordination", "a workflow is its steps", "write what a step does in the node that handles its command"},
		{"mcp", "nodes are called by messages only", "put a gateway in front of the command"},
		{"db_io", "tables of its own are what a node's requirement is for", "add a requirement that reads and writes them"},
		{"database_schema", "tables of its own are what a node's requirement is for", "add a requirement that reads and writes them"},
		{"projection_api", "a node answers no queries", "write a service that consumes the node's events"},
		{"node_version", "the node's version is read from elsewhere", "drop it"},
		{"contract_version", "the language version is the key omninode", "drop it"},
		{"*.default", "a property has no default: whoever reads it decides what its absence means", "set it in the handler"},
		{"*.description", reader, "add to the description of the node what others need to know"},
		{"config", "a setting is a scalar", "give the handler a setting for each scalar it needs"},
		{"feature_flags", "a flag is a boolean with a default and a description", "add what is missing"},
		{"input_model", code, port},
		{"output_model", code, port},
		{"definitions", "a type is an object of scalars, lists and declared types", "declare the property under types by hand"},
		{"inputs", "a property is a scalar, a list or a declared type", "declare the property under types by hand"},
		{"outputs", "a property is a scalar, a list or a declared type", "declare the property under types by hand"},
		{"io_operations", "an operation is a message and its handler", "write what it does in handler.go"},
		{"operations", "an operation is a message and its handler", "write what it does in handler.go"},
		{"actions", "an operation is a message and its handler", "write what it does in handler.go"},
		{"transaction_management", "the transaction of a node holds inbox, outbox, state and offset", "drop it"},
		{"service_configuration", runtime, "drop it"},
		{"tool_specification", code, port},
	}
}
