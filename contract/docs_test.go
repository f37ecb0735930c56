package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReference checks docs/contract.md: its complete contract is valid and its table of rules is the
// one of this package. TestReferenceTables checks its tables of keys.
func TestReference(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "docs", "contract.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	block := regexp.MustCompile("(?s)```yaml\n(omninode: 1.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("the page has no complete contract")
	}
	if _, err := ParseFleet(map[string][]byte{"mailer/contract.yaml": []byte(block[1])}); err != nil {
		t.Error(err)
	}
	for _, r := range Rules() {
		fleet := ""
		if r.Fleet {
			fleet = "yes"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |\n", r.ID, r.Meaning, fleet); !strings.Contains(page, row) {
			t.Errorf("the page lacks the row %s", row)
		}
	}
}
