package contract

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// goldenFleet returns a fleet of testdata/fleet.
func goldenFleet(t *testing.T, name string) *Fleet {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "fleet", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFleet(sources(a))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOperation checks what is read of the keys that say how a node runs.
func TestOperation(t *testing.T) {
	t.Parallel()
	orders, reports := goldenFleet(t, "operation").Contract("orders"), goldenFleet(t, "operation").Contract("reports")
	h, placed := reports.Handles[0], orders.Messages[1]
	for what, ok := range map[string]bool{
		"batch":          *h.Batch == Batch{Size: 100, Wait: 50 * time.Millisecond},
		"breaker":        *h.Breaker == Breaker{Failures: 5, Open: 30 * time.Second},
		"then":           orders.Machine.Transitions[0].Then == "halt_key",
		"partitions":     placed.Partitions == 12 && orders.Messages[0].Partitions == 6,
		"retention":      placed.Retention == 168*time.Hour && orders.Messages[0].Retention == 0,
		"access":         slices.Equal(placed.Access, []string{"reports"}) && orders.Messages[0].Access == nil,
		"check":          reports.Health[0].Every == 10*time.Second && reports.Health[0].Timeout == DefaultCheckTimeout,
		"check, timeout": reports.Health[1].Requirement == "store" && reports.Health[1].Timeout == 5*time.Second,
		"database role":  reports.Secrets[0].DatabaseRole == "reporting-reader" && reports.Secrets[1].DatabaseRole == "",
		"flag":           reports.Flags[0].Key == "new_layout" && reports.Flags[0].Default && reports.Flags[0].Description != "",
		"resources":      *reports.Resources == Resources{CPU: "250m", Memory: "64Mi", Milli: 250, Bytes: 64 << 20},
		"scaling":        *reports.Scaling == Scaling{Min: 2, Max: 12, CPU: 70} && *orders.Scaling == Scaling{Min: 2, Max: 2},
		"left out":       orders.Resources == nil && orders.Flags == nil && orders.Health == nil,
	} {
		if !ok {
			t.Errorf("%s is not what the contract says", what)
		}
	}
}

// TestDeriveOperation checks what follows from these keys.
func TestDeriveOperation(t *testing.T) {
	t.Parallel()
	d := Derive(goldenFleet(t, "operation").Contract("reports"))
	var secrets []string
	for _, v := range d.Environment {
		secrets = append(secrets, v.Name)
	}
	if want := []string{"REPORTS_DATABASE_URL", "REPORTS_READER_PASSWORD", "REPORTS_READER_USERNAME", "REPORTS_TOKEN"}; !slices.Equal(secrets, want) {
		t.Errorf("environment %q, want %q", secrets, want)
	}
	if !slices.Equal(d.Vault.Fields, []string{"database_url", "token"}) || !slices.Equal(d.Vault.Credentials, []string{"database/creds/reporting-reader"}) {
		t.Errorf("Vault %+v", d.Vault)
	}
	if f := d.Flags[0]; f.Env != "REPORTS_FLAG_NEW_LAYOUT" || f.Path != "omninode/flags/reports/new_layout" {
		t.Errorf("flag %+v", f)
	}
	if ch := d.Consumes[0]; ch.Partitions != 12 || ch.Retention != "168h0m0s" || !slices.Equal(ch.Access, []string{"reports"}) {
		t.Errorf("channel %+v", ch)
	}
	if want := []ACL{
		{"User:reports", "READ", "group:onex.reports"},
		{"User:reports", "READ", "topic:onex.evt.orders.placed.v1"},
		{"User:reports", "WRITE", "topic:onex.dlq.reports.orders-placed.v1"},
		{"User:reports", "CREATE", "topic:onex.dlq.reports.orders-placed.v1"},
		{"User:reports", "DESCRIBE_CONFIGS", "topic:onex.dlq.reports.orders-placed.v1"},
		{"User:reports", "READ", "topic:onex.replay.reports"},
		{"User:reports", "CREATE", "topic:onex.replay.reports"},
		{"User:reports", "DESCRIBE_CONFIGS", "topic:onex.replay.reports"},
	}; !slices.Equal(d.ACLs, want) {
		t.Errorf("rights in Kafka %+v, want %+v", d.ACLs, want)
	}
}

// TestRightsOfAReplacedEvent: its owner only keeps its topic, its readers read it with the newer one.
func TestRightsOfAReplacedEvent(t *testing.T) {
	t.Parallel()
	const types = "types: {Told: {type: object, required: [id], properties: {id: {type: string, minLength: 1}}}}\n"
	f, err := ParseFleet(map[string][]byte{
		"nodes/teller/contract.yaml": []byte("omninode: 1\nnode: teller\nversion: 1.0.0\nkind: compute\n" +
			"commands: {tell: {external: true, v1: {key: id, data: Told}}}\n" +
			"events: {told: {v1: {key: id, data: Told, retention: 48h}, v2: {key: id, data: Told, upcast: {from: v1}}}}\n" +
			"handles: {tell.v1: {emits: [told.v2]}}\n" + types),
		"nodes/reader/contract.yaml": []byte("omninode: 1\nnode: reader\nversion: 1.0.0\nkind: effect\nhandles: {teller/told.v2: {}}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[string][]string{
		"teller": {"DESCRIBE", "CREATE", "DESCRIBE_CONFIGS"}, "reader": {"READ"},
	} {
		var got []string
		for _, a := range Derive(f.Contract(node)).ACLs {
			if a.Resource == "topic:onex.evt.teller.told.v1" {
				got = append(got, a.Operation)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s may %v, want %v", node, got, want)
		}
	}
}
