package contract

import (
	"slices"
	"testing"
)

// TestUpcast reads a chain of versions: what is carried and set, who replaced whom, and what is
// consumed and produced because of it.
func TestUpcast(t *testing.T) {
	t.Parallel()
	f, err := ParseFleet(map[string][]byte{
		"pricing/contract.yaml": []byte(`
omninode: 1
node: pricing
version: 1.0.0
kind: compute
commands: {price: {external: true, v1: {key: id, data: Order}}}
events:
  priced:
    v1: {key: id, data: Price}
    v3: {key: ref, data: Full, upcast: {from: v2, rename: {ref: id}}}
    v2: {key: id, data: Gross, upcast: {from: v1, rename: {gross: total}, set: {unit: cent, exact: true}}}
handles: {price.v1: {emits: [priced.v3]}}
types:
  Order: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}
  Price:
    type: object
    required: [id, total]
    properties:
      id: {type: string, format: uuid}
      total: {type: integer, minimum: 1, maximum: 9}
      words: {type: array, items: {type: string, maxLength: 9}, maxItems: 3}
      mode: {type: string, enum: [a, b]}
      gone: {type: boolean}
  Gross:
    type: object
    required: [id, unit]
    properties:
      id: {type: string, format: uuid}
      gross: {type: integer, minimum: 0}
      unit: {type: string}
      exact: {type: boolean}
      words: {type: array, items: {type: string, maxLength: 10}}
      mode: {type: string, enum: [a, b, c]}
      new: {type: boolean}
  Full:
    type: object
    required: [ref]
    properties:
      ref: {type: string, minLength: 1}
      mode: {type: string, maxLength: 1}
`),
		"mailer/contract.yaml": []byte("omninode: 1\nnode: mailer\nversion: 1.0.0\nkind: effect\nhandles: {pricing/priced.v3: {}}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	pricing, mailer := f.Contract("pricing"), f.Contract("mailer")
	v1, v2, v3 := pricing.Messages[1], pricing.Messages[2], pricing.Messages[3]
	if v1.ReplacedBy != v2 || v2.ReplacedBy != v3 || v3.ReplacedBy != nil || v1.Upcast != nil {
		t.Errorf("replaced: v1 by %v, v2 by %v, v3 by %v", v1.ReplacedBy, v2.ReplacedBy, v3.ReplacedBy)
	}
	carry := []Carried{{"gross", "total"}, {"id", "id"}, {"mode", "mode"}, {"words", "words"}}
	set := []Constant{{"exact", "true"}, {"unit", "cent"}}
	if !slices.Equal(v2.Upcast.Carry, carry) || !slices.Equal(v2.Upcast.Set, set) {
		t.Errorf("v2 carries %v and sets %v", v2.Upcast.Carry, v2.Upcast.Set)
	}
	if got := mailer.Inputs(); !slices.Equal(got, []*Message{v1, v2, v3}) {
		t.Errorf("the mailer consumes %v", got)
	}
	if got := pricing.Outputs(); !slices.Equal(got, []*Message{v3}) {
		t.Errorf("pricing produces %v", got)
	}
}
