package onex

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMetricsAreDocumented holds the table of docs/metrics.md to what a node measures.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `onex_") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	wanted := slices.Sorted(slices.Values(newMetrics().rows))
	if !slices.Equal(rows, wanted) {
		t.Errorf("docs/metrics.md is to have these rows:\n%s", strings.Join(wanted, "\n"))
	}
}
