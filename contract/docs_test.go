package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReference checks docs/contract.md: its complete contract is valid, its table of rules is the
// one of this package, and it explains every key the reader knows.
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
	for key := range strings.FieldsSeq(knownKeys) {
		if !strings.Contains(page, "`"+key+"`") && !strings.Contains(page, "."+key+"`") {
			t.Errorf("the page does not explain key %s", key)
		}
		if home(key) == "" {
			t.Errorf("home does not know key %s", key)
		}
	}
}

// knownKeys lists every key that the reader asks for: TestKnownKeys compares it with the sources.
const knownKeys = `omninode node version kind description capabilities commands events handles state machine
	workflow config secrets requires types external key data emits idempotency_key timeout retry attempts first max
	then initial final transitions input from to early start steps completed failed after send success failure undo
	type default example format enum pattern minLength maxLength minimum maximum items minItems maxItems $ref required
	properties`

func TestKnownKeys(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`\.(?:get|need)\("([^"]+)"|(?m)^\t\t\{"([a-zA-Z]+)", (?:text|list|number), `)
	known := map[string]bool{}
	for key := range strings.FieldsSeq(knownKeys) {
		known[key] = false
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(src), -1) {
			key := m[1] + m[2]
			if _, ok := known[key]; !ok && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s asks for key %s, which knownKeys lacks", file, key)
			}
			known[key] = true
		}
	}
	for key, asked := range known {
		if !asked {
			t.Errorf("nothing asks for key %s", key)
		}
	}
}
