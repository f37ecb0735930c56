package editor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is an editor that speaks to a server over pipes.
type session struct {
	t         *testing.T
	dir       string
	client    *jrpc2.Client
	published chan publishParams
	ended     chan error
	texts     map[string]string // open documents by node
}

// setup starts a server on the good fleet of the contract package.
func setup(t *testing.T) *session {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("..", "..", "contract", "testdata", "faults", "good.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, dir: t.TempDir(), published: make(chan publishParams, 100), ended: make(chan error, 1), texts: map[string]string{}}
	for _, f := range a.Files {
		s.write(f.Name, f.Data)
	}
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	go func() {
		err := Serve(context.Background(), fromClient, toClient, "test")
		s.ended <- errors.Join(err, toClient.Close(), fromClient.Close())
	}()
	s.client = jrpc2.NewClient(channel.LSP(fromServer, toServer), &jrpc2.ClientOptions{OnNotify: func(r *jrpc2.Request) {
		var p publishParams
		if r.UnmarshalParams(&p) == nil {
			s.published <- p
		}
	}})
	var hello initializeResult
	s.call("initialize", initializeParams{RootURI: uriOf(s.dir)}, &hello)
	if hello.ServerInfo.Name != "omninode" || !hello.Capabilities.HoverProvider {
		t.Fatalf("initialize: %+v", hello)
	}
	return s
}

func (s *session) write(name string, content []byte) {
	s.t.Helper()
	file := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, content, 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) call(method string, params, result any) {
	s.t.Helper()
	rsp, err := s.client.Call(s.t.Context(), method, params)
	if err == nil && result != nil {
		err = rsp.UnmarshalResult(result)
	}
	if err != nil {
		s.t.Fatalf("%s: %v", method, err)
	}
}

func (s *session) notify(method string, params any) {
	s.t.Helper()
	if err := s.client.Notify(s.t.Context(), method, params); err != nil {
		s.t.Fatalf("%s: %v", method, err)
	}
}

// close ends the session as an editor does.
func (s *session) close() {
	s.t.Helper()
	s.call("shutdown", nil, nil)
	s.notify("exit", nil)
	if err := <-s.ended; err != nil {
		s.t.Errorf("the server ended with %v", err)
	}
	_ = s.client.Close()
}

func (s *session) uri(node string) string {
	return uriOf(filepath.Join(s.dir, "nodes", node, "contract.yaml"))
}

// open opens a contract with some of its text changed.
func (s *session) open(node, from, to string) {
	s.t.Helper()
	src, err := os.ReadFile(pathOf(s.uri(node)))
	if err != nil || !strings.Contains(string(src), from) {
		s.t.Fatalf("%s has no %q: %v", node, from, err)
	}
	s.texts[node] = strings.Replace(string(src), from, to, 1)
	s.notify("textDocument/didOpen", documentParams{document{s.uri(node), s.texts[node]}})
}

// change types another text.
func (s *session) change(node, text string) {
	s.texts[node] = text
	s.notify("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": s.uri(node), "version": 2},
		"contentChanges": []any{map[string]any{"text": text}},
	})
}

// await waits until the diagnostics of a contract are those of the given rules.
func (s *session) await(node string, rules ...string) []diagnostic {
	s.t.Helper()
	timeout := time.After(30 * time.Second)
	var seen []string
	for {
		select {
		case p := <-s.published:
			var got []string
			for _, d := range p.Diagnostics {
				got = append(got, d.Code)
			}
			if p.URI == s.uri(node) && slices.Equal(got, rules) {
				return p.Diagnostics
			}
			seen = append(seen, p.URI+" "+strings.Join(got, ","))
		case <-timeout:
			s.t.Fatalf("no diagnostics %q of %s, but %q", rules, node, seen)
		}
	}
}

// at returns the position of the | in text, which must stand in the open contract without it.
func (s *session) at(node, text string) cursorParams {
	s.t.Helper()
	before, after, _ := strings.Cut(text, "|")
	i := strings.Index(s.texts[node], before+after)
	if i < 0 {
		s.t.Fatalf("%s has no %q", node, before+after)
	}
	return cursorParams{document{URI: s.uri(node)}, positionAt([]byte(s.texts[node]), i+len(before))}
}

// TestDiagnostics types a mistake into one contract: it is shown, with what it means for others,
// and goes away when it is corrected.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	s := setup(t)
	defer s.close()
	s.open("pricing", "kind: compute", "kind: compute")
	s.await("pricing")
	good := s.texts["pricing"]
	s.change("pricing", strings.Replace(good, "  price-order:", "  prize-order:", 1))
	ds := s.await("checkout", "unknown-message")
	if d := ds[0]; len(d.Related) != 1 || d.Related[0].Location.URI != s.uri("pricing") || d.Range.Start.Line != 23 ||
		!strings.Contains(d.Message, "did you mean") {
		t.Errorf("diagnostic %+v", d)
	}
	s.change("pricing", good)
	s.await("checkout")
	s.change("pricing", "omninode: [")
	s.await("pricing", "syntax")
	s.notify("textDocument/didClose", documentParams{document{URI: s.uri("pricing")}})
	s.await("pricing")
}

func TestCodeActions(t *testing.T) {
	t.Parallel()
	s := setup(t)
	defer s.close()
	s.open("mailer", "    emits: [mail-sent.v1]", "    emit: [mail-sent.v1] # é𝄞")
	s.change("mailer", strings.Replace(s.texts["mailer"], "flags:", "health: {}\nflags:", 1))
	var list []codeAction
	s.call("textDocument/codeAction", actionParams{document{URI: s.uri("mailer")}, span{position{12, 0}, position{12, 9}}}, &list)
	if len(list) != 2 || list[0].Title != "did you mean emits?" || !list[0].IsPreferred || list[1].Kind != "source.fixAll" {
		t.Fatalf("actions %+v", list)
	}
	want := []textEdit{{span{position{12, 4}, position{12, 8}}, "emits"}}
	if got := list[0].Edit.Changes[s.uri("mailer")]; !slices.Equal(got, want) {
		t.Errorf("edits %+v, want %+v", got, want)
	}
	all := list[1].Edit.Changes[s.uri("mailer")]
	if len(all) != 1 || strings.Contains(all[0].NewText, "health") || !strings.Contains(all[0].NewText, "emits: [mail-sent.v1] # é𝄞") {
		t.Errorf("everything mechanical: %+v", all)
	}
	s.change("mailer", strings.Replace(s.texts["mailer"], "data: Mail}", "data: Letter}", 1))
	line := s.at("mailer", "|data: Letter").Position
	list = nil
	s.call("textDocument/codeAction", actionParams{document{URI: s.uri("mailer")}, span{line, line}}, &list)
	if len(list) < 1 || list[0].IsPreferred || !strings.Contains(list[0].Edit.Changes[s.uri("mailer")][0].NewText, "Letter: {type: object") {
		t.Errorf("what to paste: %+v", list)
	}
}

func TestHoverAndDefinition(t *testing.T) {
	t.Parallel()
	s := setup(t)
	defer s.close()
	s.open("checkout", "kind", "kind")
	s.open("orders", "kind", "kind")
	for _, tc := range []struct{ node, at, hover, node2, line string }{
		{"checkout", "      tim|eout: 30s", "How long the step waits", "", ""},
		{"checkout", "ki|nd: orchestrator", "One of compute, effect, reducer, orchestrator", "", ""},
		{"checkout", "send: payment/charge-|card.v1", "payment/charge-card.v1**: command, key order_id, data Charge", "payment", "    v1: {key: order_id, data: Charge}"},
		{"checkout", "start: start-ch|eckout.v1", "command", "checkout", "    v1: {key: order_id, data: Cart}"},
		{"checkout", "after: [cha|rge]", "a step", "checkout", "    charge:"},
		{"orders", "data: Order|State}", "a type", "orders", "  OrderState:"},
		{"orders", "access: [checkout, mai|ler]", "a node", "mailer", "node: mailer"},
		{"orders", "final: [ready, cance|lled]", "a state", "orders", "    - {input: payment/card-declined.v1, from: placed, to: cancelled, early: 30s}"},
		{"orders", "version: 3|.1.0", "", "", ""},
	} {
		var h *hover
		s.call("textDocument/hover", s.at(tc.node, tc.at), &h)
		if (h == nil) != (tc.hover == "") || h != nil && !strings.Contains(h.Contents.Value, tc.hover) {
			t.Errorf("hover at %q: %+v, want %q", tc.at, h, tc.hover)
		}
		var l *location
		s.call("textDocument/definition", s.at(tc.node, tc.at), &l)
		if got := s.line(l); got != tc.line || l != nil && l.URI != s.uri(tc.node2) {
			t.Errorf("definition at %q: %+v, line %q, want %q of %s", tc.at, l, got, tc.line, tc.node2)
		}
	}
}

// line returns the line on disk that a location names.
func (s *session) line(l *location) string {
	if l == nil {
		return ""
	}
	return strings.Split(string(read(pathOf(l.URI))), "\n")[l.Range.Start.Line]
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	s := setup(t)
	defer s.close()
	s.open("checkout", "kind", "kind")
	s.open("mailer", "kind", "kind")
	s.open("orders", "kind", "kind")
	s.open("pricing", "kind", "kind")
	for _, tc := range []struct{ node, from, to, has, lacks string }{
		{"checkout", "      timeout: 1h", "      timeout: 1h\n      un|", "undo failure", "send timeout"},
		{"mailer", "flags:", "requ|\nflags:", "requires health description", "flags kind machine workflow"},
		{"pricing", "  price-order.v1:\n    emits: [order-priced.v1]", "  price-order.v1:\n    |", "emits", "timeout retry"},
		{"pricing", "    emits: [order-priced.v1]", "    emits: [|]", "order-priced.v1", "price-order.v1 payment/card-charged.v1"},
		{"pricing", "    emits: [order-priced.v1]", "    emits: [or|", "order-priced.v1", "price-order.v1"},
		{"pricing", "kind: compute", "kind: |", "compute effect", "pricing"},
		{"pricing", "data: Basket}", "data: |}", "Basket Price BasketLine", "Charge"},
		{"pricing", "{$ref: BasketLine}", "{$ref: Ba|}", "Basket BasketLine", "order_id"},
		{"checkout", "send: pricing/price-order.v1", "send: pri|", "pricing/price-order.v1 payment/charge-card.v1", "pricing/order-priced.v1 start-checkout.v1"},
		{"checkout", "after: [charge]", "after: [|]", "place price charge", "order_id"},
		{"orders", "access: [checkout, mailer]", "access: [checkout, |]", "ledger mailer", "orders"},
		{"orders", "to: cancelled", "to: |", "placed ready", "order_id"},
		{"mailer", "  orders/order-placed.v1:", "  pa|:", "payment/card-charged.v1", "payment/charge-card.v1 orders/order-placed.v1x"},
		{"mailer", "  new_layout: {default: false", "  new_layout: {default: |", "true false", "null"},
	} {
		good := s.texts[tc.node]
		if !strings.Contains(good, tc.from) {
			t.Fatalf("%s has no %q", tc.node, tc.from)
		}
		s.change(tc.node, strings.Replace(good, tc.from, strings.Replace(tc.to, "|", "", 1), 1))
		var items []completionItem
		s.call("textDocument/completion", s.at(tc.node, tc.to), &items)
		labels := map[string]bool{}
		for _, i := range items {
			labels[i.Label] = true
		}
		for want := range strings.FieldsSeq(tc.has) {
			if !labels[want] {
				t.Errorf("%s, %q: %q is not offered, but %q", tc.node, tc.to, want, slices.Sorted(maps.Keys(labels)))
			}
		}
		for not := range strings.FieldsSeq(tc.lacks) {
			if labels[not] {
				t.Errorf("%s, %q: %q is offered", tc.node, tc.to, not)
			}
		}
		s.change(tc.node, good)
	}
}

// TestHostileDocuments opens what is no contract: the server answers as before.
func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	s := setup(t)
	defer s.close()
	s.open("pricing", "kind", "kind")
	for _, text := range []string{
		"", "\x00", "a: &a [*a]", "[[[[", "- - -", strings.Repeat("{a: ", 100), "? ?\n", "handles: {? [a]: b}", "\xff", strings.Repeat("x", 300<<10),
		"node: [a]\ncommands: [b]\ntypes: c\nmachine: {transitions: {a: b}}", "v1: v1\r\nkind: 𝄞",
	} {
		s.change("pricing", text)
		for _, method := range []string{"hover", "definition", "completion"} {
			var raw json.RawMessage
			s.call("textDocument/"+method, cursorParams{document{URI: s.uri("pricing")}, position{1, 500}}, &raw)
		}
		var raw json.RawMessage
		s.call("textDocument/codeAction", actionParams{document{URI: s.uri("pricing")}, span{position{0, 0}, position{9, 9}}}, &raw)
	}
	if _, err := s.client.Call(t.Context(), "textDocument/rename", nil); err == nil {
		t.Error("a method that the server does not have is answered")
	}
}

// TestEndWithoutShutdown closes the stream: the server says that nobody told it to end.
func TestEndWithoutShutdown(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_ = s.client.Close()
	if err := <-s.ended; !errors.Is(err, ErrNoShutdown) {
		t.Errorf("the server ended with %v", err)
	}
}
