package drawing

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/catalogue/cataloguetest"
	"github.com/omninode-ai/omninode/contract"
)

var update = flag.Bool("update", false, "rewrite the expected drawings in testdata")

func plain(_, text string) string { return text }

func formats() map[string]func(Picture) []byte {
	return map[string]func(Picture) []byte{
		"txt": func(p Picture) []byte { return Text(p, plain) },
		"mmd": Mermaid,
		"dot": DOT,
		"svg": SVG,
	}
}

// pictures returns what the tests draw.
func pictures(t *testing.T) map[string]Picture {
	t.Helper()
	lib, shop := cataloguetest.Library(t), cataloguetest.Shop(t)
	all := map[string]Picture{"library": Fleet(lib), "shop": Fleet(shop), "large": Fleet(cataloguetest.Large(t, 60))}
	for _, f := range []struct {
		name  string
		nodes []string
	}{{"library", []string{"books", "desk", "mailer"}}} {
		for _, n := range f.nodes {
			all[n] = Node(lib, lib.Contract(n))
		}
	}
	return all
}

// TestGolden compares drawings of the library with testdata.
func TestGolden(t *testing.T) {
	t.Parallel()
	all := pictures(t)
	for _, name := range []string{"library", "books", "desk"} {
		for format, draw := range formats() {
			got := draw(all[name])
			file := filepath.Join("testdata", name+"."+format)
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from what is drawn:\n%s", file, got)
			}
		}
	}
}

// TestSameBytes: a picture is drawn the same each time.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	first, second := pictures(t), pictures(t)
	for name := range first {
		for format, draw := range formats() {
			if !bytes.Equal(draw(first[name]), draw(second[name])) {
				t.Errorf("%s is drawn differently as %s the second time", name, format)
			}
		}
	}
}

// TestNothingIsCovered: boxes and labels lie apart from each other, inside the drawing.
func TestNothingIsCovered(t *testing.T) {
	t.Parallel()
	for name, p := range pictures(t) {
		for _, part := range p.Parts {
			a := arrange(part)
			places := append([]place{}, a.boxes...)
			for _, l := range a.labels {
				if l.w > 0 {
					places = append(places, l.place)
				}
			}
			for i, one := range places {
				if math.IsNaN(one.y) || one.x < 0 || one.y < 0 || one.x+one.w > a.width+0.01 || one.y+one.h > a.height+0.01 {
					t.Errorf("%s, %s: %+v lies outside of %v × %v", name, part.Title, one, a.width, a.height)
				}
				for _, other := range places[:i] {
					if one.x < other.x+other.w && other.x < one.x+one.w && one.y < other.y+other.h && other.y < one.y+one.h {
						t.Errorf("%s, %s: %+v covers %+v", name, part.Title, one, other)
					}
				}
			}
		}
	}
}

// TestFewCrossings bounds how tangled the drawings are: the shop has no line that crosses another,
// the large fleet few.
func TestFewCrossings(t *testing.T) {
	t.Parallel()
	all := pictures(t)
	for name, most := range map[string]int{"shop": 1, "library": 1, "large": 14} {
		l := newLayout(all[name].Parts[0])
		l.rank()
		l.bend()
		l.order()
		at := make([]int, len(l.vertices))
		l.index(at)
		if n := l.crossings(at); n > most {
			t.Errorf("%s: %d lines cross, want at most %d", name, n, most)
		}
	}
}

// TestEverythingIsDrawn: each box, label and message of a picture is in its drawing.
func TestEverythingIsDrawn(t *testing.T) {
	t.Parallel()
	for name, p := range pictures(t) {
		for format, draw := range formats() {
			drawn := string(draw(p))
			for _, part := range p.Parts {
				for _, b := range part.Boxes {
					if b.Kind != KindOutside && !strings.Contains(drawn, b.Title) {
						t.Errorf("%s as %s: no %s", name, format, b.Title)
					}
				}
				for _, ch := range part.Channels {
					for _, l := range ch.Labels {
						if !strings.Contains(drawn, l) {
							t.Errorf("%s as %s: no %s", name, format, l)
						}
					}
				}
			}
		}
	}
}

// hostile is text that means something in one of the formats.
func hostile() []string {
	return []string{
		`</text></svg><script>alert(1)</script>`, `"]; click p0b0 "javascript:alert(1)"`, `\" ] digraph x { a -> b }`,
		"&lt;b&gt; &amp; ]]> <!-- -- >", "%%{init: {}}%% `x` #quot; ;", `\N \G \L \`, "a\u202eb\u0085c", "${x} {{.}} $$x$$",
	}
}

// TestHostileText: text of contracts cannot leave its place in any format.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, text := range hostile() {
		p := Picture{Title: text, Parts: []Part{{
			Title:    text,
			Boxes:    []Box{{ID: "a", Kind: "effect", Title: text, Lines: []string{text}, Note: text}, {ID: "b", Kind: "compute", Title: "b"}},
			Channels: []Channel{{Class: ClassEvent, Labels: []string{text}, From: []string{"a"}, To: []string{"b"}}},
		}, {Title: "second"}}}
		checkXML(t, SVG(p), text)
		checkDOT(t, DOT(p))
		lines, want := strings.Count(string(Mermaid(p)), "\n"), strings.Count(string(Mermaid(inert(p))), "\n")
		if lines != want || strings.ContainsAny(mermaidText(text), "<>`;%$\\") && strings.Contains(mermaidText(text), "<script") {
			t.Errorf("mermaid of %q has %d lines, want %d:\n%s", text, lines, want, Mermaid(p))
		}
		if strings.Count(mermaidText(text), `"`) != 2 || strings.ContainsAny(strings.ReplaceAll(mermaidText(text), "<br/>", ""), "<>`%$\\@") {
			t.Errorf("mermaid quotes %q as %s", text, mermaidText(text))
		}
	}
}

// inert is a picture of the same form with text that means nothing.
func inert(p Picture) Picture {
	p.Parts = []Part{{
		Title:    "x",
		Boxes:    []Box{{ID: "a", Kind: "effect", Title: "x", Lines: []string{"x"}}, {ID: "b", Kind: "compute", Title: "b"}},
		Channels: []Channel{{Class: ClassEvent, Labels: []string{"x"}, From: []string{"a"}, To: []string{"b"}}},
	}, {Title: "second"}}
	return p
}

// checkXML demands well-formed XML without scripts in which the text stands as it is.
func checkXML(t *testing.T, svg []byte, text string) {
	t.Helper()
	found := false
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "script" {
				t.Errorf("a script in\n%s", svg)
			}
		case xml.CharData:
			found = found || string(token) == printable(text)
		}
	}
	if !found {
		t.Errorf("%q is not in the drawing", text)
	}
}

// checkDOT lets Graphviz read what is written, where it is installed.
func checkDOT(t *testing.T, src []byte) {
	t.Helper()
	dot, err := exec.LookPath("dot")
	if err != nil {
		return
	}
	c := exec.CommandContext(t.Context(), dot, "-Tplain")
	c.Stdin = bytes.NewReader(src)
	out, err := c.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("syntax")) {
		t.Errorf("dot refuses it: %v: %s\n%s", err, out, src)
	}
}

// TestGraphvizReadsIt: dot draws every picture, with as many boxes and lines as were written.
func TestGraphvizReadsIt(t *testing.T) {
	t.Parallel()
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("needs dot of Graphviz")
	}
	for name, p := range pictures(t) {
		c := exec.CommandContext(t.Context(), dot, "-Tplain")
		c.Stdin = bytes.NewReader(DOT(p))
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		boxes := 0
		for _, part := range p.Parts {
			boxes += len(part.Boxes)
		}
		if n := strings.Count(string(out), "\nnode "); n < boxes {
			t.Errorf("%s: dot draws %d boxes, want at least %d", name, n, boxes)
		}
	}
}

// TestReplacedVersion: a version that only old records are of has consumers, but nobody sends it.
func TestReplacedVersion(t *testing.T) {
	t.Parallel()
	f, err := contract.ParseFleet(map[string][]byte{"nodes/books/contract.yaml": []byte(`
omninode: 1
node: books
version: 2.0.0
kind: effect
commands:
  lend: {external: true, v1: {key: id, data: Book}}
events:
  lent:
    external: true
    v1: {key: id, data: Book}
    v2: {key: id, data: Loan, upcast: {from: v1, set: {shelf: A}}}
handles: {lend.v1: {emits: [lent.v2]}}
types:
  Book: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}
  Loan: {type: object, required: [id, shelf], properties: {id: {type: string, format: uuid}, shelf: {type: string}}}
`), "nodes/mailer/contract.yaml": []byte(`
omninode: 1
node: mailer
version: 1.0.0
kind: effect
handles: {books/lent.v2: {}}
`)})
	if err != nil {
		t.Fatal(err)
	}
	if older := catalogue.Routes(f.Contract("mailer"))[0].Older; len(older) != 1 || older[0] != "books/lent.v1" {
		t.Errorf("the route takes %v besides", older)
	}
	for _, topic := range catalogue.Topics(f) {
		if (topic.Message == "books/lent.v1" && topic.Class == "event") != (topic.ReplacedBy == "books/lent.v2") {
			t.Errorf("%s is replaced by %q", topic.Name, topic.ReplacedBy)
		}
	}
	p := Fleet(f)
	if text := string(Text(p, plain)); !strings.Contains(text, "◀── lent.v1  from nobody") {
		t.Errorf("the replaced version is not drawn:\n%s", text)
	}
	for format, draw := range formats() {
		if !strings.Contains(string(draw(p)), "lent.v1") {
			t.Errorf("as %s: no lent.v1", format)
		}
	}
	checkDOT(t, DOT(p))
}
