package contract

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestNoFalseAlarms makes random edits of the good fleet that keep it valid: names are changed
// wherever they stand, optional keys and comments are added, mappings are reordered. None of the
// fleets is reported.
func TestNoFalseAlarms(t *testing.T) {
	t.Parallel()
	good := goodFleet(t)
	const fleets = 200
	done := map[string]int{}
	for i := range fleets {
		e := validEditor{files: maps.Clone(good), rand: rand.New(rand.NewPCG(uint64(i), 1))}
		for range 1 + e.rand.IntN(6) {
			e.edit()
		}
		for _, what := range e.done {
			done[what]++
		}
		if ds := fleetDiagnostics(t, e.files); len(ds) > 0 {
			t.Errorf("fleet %d, after %q: %v", i, e.done, ds)
		}
	}
	if len(done) < 40 {
		t.Errorf("only %d kinds of edits were made: %v", len(done), done)
	}
}

// validEditor edits a fleet so that it stays valid.
type validEditor struct {
	files map[string][]byte
	rand  *rand.Rand
	done  []string
	count int
}

func (e *validEditor) edit() {
	e.count++
	switch e.rand.IntN(3) {
	case 0:
		e.rename()
	case 1:
		e.add()
	default:
		e.reorder()
	}
}

// rename gives something another name wherever it stands.
func (e *validEditor) rename() {
	kebab := strings.Fields(`price-order order-priced charge-card card-charged card-declined card-refunded refund-card place-order
		order-placed order-ready start-checkout checkout-failed send-mail mail-sent entry-written mailer ledger pricing`)
	snake := strings.Fields(`order_id payment_id sku units total_cents placed_at reason customer_id tax_percent gateway_url gateway_token
		gateway new_layout placed cancelled ready confirm charge place price`)
	types := strings.Fields(`Basket BasketLine Price Charge Receipt Order OrderState Cart Done Failure Mail Entry Gateway`)
	all := slices.Concat(kebab, snake, types)
	i := e.rand.IntN(len(all))
	suffix := fmt.Sprintf("N%d", e.count)
	switch {
	case i < len(kebab):
		suffix = "-" + strings.ToLower(suffix)
	case i < len(kebab)+len(snake):
		suffix = "_" + strings.ToLower(suffix)
	}
	e.replace(all[i], all[i]+suffix)
}

// replace replaces a whole word in every file and in the names of the folders.
func (e *validEditor) replace(from, to string) {
	word := regexp.MustCompile(`(^|[^A-Za-z0-9_-])` + regexp.QuoteMeta(from) + `($|[^A-Za-z0-9_-])`)
	files := map[string][]byte{}
	for name, src := range e.files {
		for word.Match(src) { // neighbours share the character between them
			src = word.ReplaceAll(src, []byte("${1}"+to+"${2}"))
		}
		if path.Base(path.Dir(name)) == from {
			name = nodeFile(to)
		}
		files[name] = src
	}
	e.files = files
	e.done = append(e.done, "rename "+from)
}

// add adds an optional key, a declaration or a comment.
func (e *validEditor) add() {
	n := e.count
	lines := []struct{ after, text string }{
		{"kind: .*", fmt.Sprintf("description: Number %d.", n)},
		{"kind: .*", "# a comment"},
		{"kind: .*", "resources: {cpu: 100m, memory: 32Mi}"},
		{"kind: .*", "scaling: {min: 1, max: 3, cpu: 50}"},
		{"kind: .*", fmt.Sprintf("flags: {flag_%d: {default: true, description: A flag.}}", n)},
		{"config:", fmt.Sprintf("  setting_%d: {type: string, format: duration, default: 5m}", n)},
		{"secrets:", fmt.Sprintf("  secret_%d: {description: 'A secret: kept.'}", n)},
		{"    properties:", fmt.Sprintf("      added_%d: {type: string, maxLength: 9}", n)},
		{"    properties:", fmt.Sprintf("      added_%d: {type: array, items: {type: number, minimum: -1.5}, maxItems: 3}", n)},
		{"    type: object", fmt.Sprintf("    description: Type %d.", n)},
		{"    external: true", fmt.Sprintf("    description: Message %d.", n)},
		{"      timeout: 30s", "      # as long as the gateway takes"},
		{"  initial: .*", "  # the states"},
	}
	l := lines[e.rand.IntN(len(lines))]
	after := regexp.MustCompile("(?m)^" + l.after + "$")
	key, _, _ := strings.Cut(strings.TrimSpace(l.text), ":")
	for _, name := range slices.Sorted(maps.Keys(e.files)) {
		src := e.files[name]
		at := after.FindAllIndex(src, -1)
		if len(at) == 0 || strings.Contains(string(src), key+":") || e.rand.IntN(2) == 0 {
			continue
		}
		i := at[e.rand.IntN(len(at))][1]
		e.files[name] = slices.Concat(src[:i], []byte("\n"+l.text), src[i:])
		e.done = append(e.done, "add "+strings.Trim(key, "0123456789"))
		return
	}
}

// reorder shuffles the entries of every mapping of a file.
func (e *validEditor) reorder() {
	names := slices.Sorted(maps.Keys(e.files))
	name := names[e.rand.IntN(len(names))]
	var doc yaml.Node
	if err := yaml.Unmarshal(e.files[name], &doc); err != nil {
		return // reported by the check of the fleet
	}
	e.shuffle(&doc)
	out, err := yaml.Dump(&doc, yaml.WithIndent(2))
	if err == nil {
		e.files[name] = out
		e.done = append(e.done, "reorder "+path.Base(path.Dir(name)))
	}
}

func (e *validEditor) shuffle(n *yaml.Node) {
	for _, child := range n.Content {
		e.shuffle(child)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	e.rand.Shuffle(len(n.Content)/2, func(i, j int) {
		n.Content[2*i], n.Content[2*j] = n.Content[2*j], n.Content[2*i]
		n.Content[2*i+1], n.Content[2*j+1] = n.Content[2*j+1], n.Content[2*i+1]
	})
}
