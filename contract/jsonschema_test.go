package contract

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// schemaCompiler knows the schema of contracts as contract.schema.json.
func schemaCompiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	src, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("contract.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := schemaCompiler(t).Compile("contract.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaIsPublished holds docs/contract.schema.json to the grammar.
func TestSchemaIsPublished(t *testing.T) {
	t.Parallel()
	published := filepath.Join("..", "docs", "contract.schema.json")
	want, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(published, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the grammar says; run go test ./contract -run TestSchemaIsPublished -update", published)
	}
}

// judge tells what the schema says about a contract; ok is false for what is no single YAML mapping.
func judge(s *jsonschema.Schema, src []byte) (verdict error, ok bool) {
	var doc any
	if ok = yaml.Unmarshal(src, &doc) == nil; ok {
		verdict = s.Validate(asJSON(doc))
	}
	return verdict, ok
}

// asJSON turns a decoded YAML value into what a JSON decoder would return.
func asJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = asJSON(e)
		}
		return m
	case map[any]any:
		m := map[string]any{}
		for k, e := range v {
			m[fmt.Sprint(k)] = asJSON(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = asJSON(e)
		}
		return l
	case string, bool, int, float64, nil:
		return v
	}
	return fmt.Sprint(v)
}

// structural returns the rules the schema knows; the others need the whole contract, the fleet or
// the text of the file.
func structural() []string {
	return []string{
		ruleUnknownKey, ruleMisplacedKey, ruleMissingKey, ruleWrongType, ruleEmpty, ruleBadValue, ruleBadName, ruleBadVersion,
		ruleBadDuration, ruleDuplicate, ruleContradiction, ruleBadReference,
	}
}

// beyond lists the cases of structural rules that the schema cannot express: they compare values
// with each other or with their units, or look at characters.
func beyond() []string {
	return []string{
		"resources-out-of-range.yaml", "scaling-down.yaml", "scaling-without-load.yaml", "fixed-with-load.yaml", "bad-health.yaml",
		"overlapping-checks.yaml", "wrong-ends.yaml", "answer-twice.yaml", "unprintable.yaml",
		"unknown-properties.yaml", "two-successors.yaml", "same-name.yaml", "twice.yaml", "bad-constant.yaml", "wrong-constant.yaml",
		"delay-too-long.yaml", "replaces-declared.yaml", "replaces-shared.yaml", "two-without-guard.yaml", "guard-after-open.yaml",
		"unfit-key.yaml", "new-key.yaml", "unfit-format.yaml", "same-instance.yaml", "same-idempotency-key.yaml", "other-idempotency-key.yaml",
	}
}

// TestSchemaAgrees compares the schema with the reader on every contract of the corpus: it accepts
// the good ones and refuses those that break a structural rule.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	s, alone, good := compiledSchema(t), map[string]int{}, 0
	for name, src := range everyContract(t) {
		_, ds := Parse(name, src)
		verdict, ok := judge(s, src)
		rules := rulesOf(ds)
		breaks := slices.ContainsFunc(rules, func(rule string) bool { return slices.Contains(structural(), rule) })
		exempt := slices.Contains(beyond(), path.Base(name))
		switch {
		case !ok: // no YAML at all, or a key twice
		case len(ds) == 0 && verdict != nil:
			t.Errorf("%s is good, but the schema says %v", name, verdict)
		case breaks && (verdict == nil) != exempt:
			t.Errorf("%s: refused %t, exempt %t\n%v", name, verdict != nil, exempt, ds)
		case len(rules) == 1 && verdict != nil:
			alone[rules[0]]++
		case len(ds) == 0:
			good++
		}
	}
	if good < 20 {
		t.Errorf("only %d good contracts", good)
	}
	for _, rule := range structural() {
		if alone[rule] == 0 {
			t.Errorf("no contract that breaks rule %s alone is refused", rule)
		}
	}
}

func rulesOf(ds Diagnostics) []string {
	var rules []string
	for _, d := range ds {
		if !slices.Contains(rules, d.Rule) {
			rules = append(rules, d.Rule)
		}
	}
	return rules
}

// everyContract returns every contract of the golden files and of the shop, by name.
func everyContract(t *testing.T) map[string][]byte {
	t.Helper()
	all := shop(t)
	for _, pattern := range []string{"testdata/*/*.txtar", "../codegen/testdata/golden/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range a.Files {
				if strings.HasSuffix(f.Name, ".yaml") {
					all[file+"/"+f.Name] = f.Data
				}
			}
		}
	}
	return all
}

// TestSchemaNamesItsLimits holds docs/editors.md to the rules the schema does not know.
func TestSchemaNamesItsLimits(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "editors.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "## What only the command knows")
	for _, r := range Rules() {
		if known := slices.Contains(structural(), r.ID); strings.Contains(list, "`"+r.ID+"`") == known {
			t.Errorf("rule %s: the schema knows it %t, the page's list must have it %t", r.ID, known, !known)
		}
	}
}
