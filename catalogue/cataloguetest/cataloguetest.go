// Package cataloguetest provides fleets to test catalogues, drawings and exports with.
package cataloguetest

import (
	_ "embed"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/contract"
)

//go:embed library.txtar
var library []byte

// Library returns a lending library: five nodes of every kind.
func Library(t testing.TB) *contract.Fleet {
	t.Helper()
	return parse(t, txtar.Parse(library))
}

// Shop returns the fleet of this repository's nodes.
func Shop(t testing.TB) *contract.Fleet {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("where is this file?")
	}
	f, err := contract.LoadFleet(filepath.Join(filepath.Dir(file), "..", "..", "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Hostile returns the library with text in every free field: descriptions, examples, enums.
func Hostile(t testing.TB, text string) *contract.Fleet {
	t.Helper()
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	return parse(t, txtar.Parse([]byte(strings.NewReplacer(
		"description: Knows where each book is.", "description: "+quoted,
		"description: A reader has the book.", "description: "+quoted,
		"description: A book and who reads it.", "description: "+quoted,
		"description: Where reminders go.", "description: "+quoted,
		"description: Bearer token of the bank.", "description: "+quoted,
		"description: Base URL of the bank.", "description: "+quoted,
		"enum: [red, green]", "enum: ["+quoted+"]",
	).Replace(string(library)))))
}

// Large returns a fleet of n nodes, a multiple of six, in which flows of several nodes meet: an
// orchestrator leads a compute, an effect and a reducer, and an effect listens to what becomes of it
// and to the reducer of the flow before.
func Large(t testing.TB, n int) *contract.Fleet {
	t.Helper()
	areas := strings.Fields("billing shipping stock returns catalog pricing fraud loyalty support search")
	var b strings.Builder
	before := ""
	for i := range n / 6 {
		area := areas[i%len(areas)]
		if i >= len(areas) {
			area += strconv.Itoa(i)
		}
		listens := ""
		if before != "" {
			listens = "  " + before + "-ledger/entry-made.v1: {}\n"
		}
		b.WriteString(strings.NewReplacer("LISTENS\n", listens, "AREA", area).Replace(flow))
		before = area
	}
	return parse(t, txtar.Parse([]byte(b.String())))
}

const flow = `
-- AREA-ledger/contract.yaml --
omninode: 1
node: AREA-ledger
version: 1.0.0
kind: reducer
description: Keeps the entries of AREA.
capabilities: [AREA.ledger]
commands: {make-entry: {v1: {key: id, data: Item}}}
events: {entry-made: {v1: {key: id, data: Item}}}
state: {key: id, data: Item}
machine:
  initial: open
  final: [closed]
  transitions:
    - {input: make-entry.v1, from: open, to: closed, emits: [entry-made.v1]}
types: {Item: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}}
-- AREA-check/contract.yaml --
omninode: 1
node: AREA-check
version: 1.0.0
kind: compute
description: Checks what AREA is asked for.
commands: {check-item: {v1: {key: id, data: Item}}}
events: {item-checked: {v1: {key: id, data: Item}}, item-refused: {v1: {key: id, data: Item}}}
handles: {check-item.v1: {emits: [item-checked.v1, item-refused.v1]}}
types: {Item: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}}
-- AREA-gateway/contract.yaml --
omninode: 1
node: AREA-gateway
version: 1.0.0
kind: effect
description: Talks to the partner of AREA.
commands: {call-partner: {v1: {key: id, data: Item}}, take-back: {v1: {key: id, data: Item}}}
events: {partner-called: {v1: {key: id, data: Item}}, taken-back: {v1: {key: id, data: Item}}}
handles: {call-partner.v1: {emits: [partner-called.v1]}, take-back.v1: {emits: [taken-back.v1]}}
types: {Item: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}}
-- AREA-desk/contract.yaml --
omninode: 1
node: AREA-desk
version: 1.0.0
kind: orchestrator
description: Leads a request through AREA.
commands: {start: {external: true, v1: {key: id, data: Item}}}
events: {completed: {external: true, v1: {key: id, data: Item}}, failed: {external: true, v1: {key: id, data: Item}}}
workflow:
  start: start.v1
  steps:
    check: {send: AREA-check/check-item.v1, success: [AREA-check/item-checked.v1], failure: [AREA-check/item-refused.v1]}
    call: {after: [check], send: AREA-gateway/call-partner.v1, success: [AREA-gateway/partner-called.v1], undo: AREA-gateway/take-back.v1, timeout: 10s}
    enter: {after: [call], send: AREA-ledger/make-entry.v1, success: [AREA-ledger/entry-made.v1], timeout: 10s}
  completed: completed.v1
  failed: failed.v1
types: {Item: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}}
-- AREA-report/contract.yaml --
omninode: 1
node: AREA-report
version: 1.0.0
kind: compute
description: Reports what happens in AREA.
events: {report-made: {v1: {key: id, data: Item}}}
handles:
  AREA-ledger/entry-made.v1: {emits: [report-made.v1]}
types: {Item: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}}
-- AREA-mailer/contract.yaml --
omninode: 1
node: AREA-mailer
version: 1.0.0
kind: effect
description: Tells the people of AREA.
handles:
  AREA-report/report-made.v1: {}
LISTENS
`

func parse(t testing.TB, a *txtar.Archive) *contract.Fleet {
	t.Helper()
	files := map[string][]byte{}
	for _, f := range a.Files {
		files["nodes/"+f.Name] = f.Data
	}
	f, err := contract.ParseFleet(files)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
