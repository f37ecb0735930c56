package explorer

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/catalogue/cataloguetest"
	"github.com/omninode-ai/omninode/contract"
)

func render(t *testing.T, f *contract.Fleet, selected *contract.Contract) string {
	t.Helper()
	p, err := Page(f, selected)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func TestPageIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first := render(t, cataloguetest.Library(t), nil)
	if second := render(t, cataloguetest.Library(t), nil); first != second {
		t.Error("the second page differs")
	}
}

// TestPageNeedsNoNetwork: nothing refers to another file, and the policy names exactly the script and
// the style that are there.
func TestPageNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	p := render(t, cataloguetest.Shop(t), nil)
	for _, bad := range regexp.MustCompile(`(?i)(src|href)\s*=|@import|url\([^#)]|https?://`).FindAllString(p, -1) {
		t.Errorf("the page refers to something: %s", bad)
	}
	for tag, part := range map[string]string{"style": between(t, p, "<style>", "</style>"), "script": between(t, p, "<script>", "</script>")} {
		if policy := tag + "-src &#39;" + digest(part) + "&#39;"; !strings.Contains(strings.ReplaceAll(p, "&#43;", "+"), policy) {
			t.Errorf("the policy does not allow the %s", tag)
		}
	}
}

func between(t *testing.T, s, open, shut string) string {
	t.Helper()
	_, rest, found := strings.Cut(s, open)
	inner, _, ended := strings.Cut(rest, shut)
	if !found || !ended {
		t.Fatalf("no %s…%s", open, shut)
	}
	return inner
}

// TestPageKnowsEverything: each node and message is in the data and in the drawing.
func TestPageKnowsEverything(t *testing.T) {
	t.Parallel()
	f := cataloguetest.Library(t)
	p := render(t, f, f.Contract("desk"))
	var d data
	if err := json.Unmarshal([]byte(between(t, p, `<script type="application/json" id="data">`, "</script>")), &d); err != nil {
		t.Fatal(err)
	}
	for i, c := range f.Contracts {
		if d.Nodes[i].Name != c.Node || !strings.Contains(p, `data-id="`+c.Node+`"`) {
			t.Errorf("%s is missing", c.Node)
		}
		if (c.Machine != nil || c.Workflow != nil) != strings.Contains(p, `id="view-`+c.Node+`"`) {
			t.Errorf("what is inside %s is missing", c.Node)
		}
		for _, m := range c.Messages {
			if d.Messages[m.Ref.String()].Name != m.Topic().String() || !strings.Contains(p, m.Ref.String()) {
				t.Errorf("%s is missing", m.Ref)
			}
		}
	}
	if !strings.Contains(p, `data-selected="desk"`) {
		t.Error("desk is not selected")
	}
}

// TestHostileText: text of contracts adds no element to the page.
func TestHostileText(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<[a-zA-Z!/]+`)
	plain := len(tags.FindAllString(render(t, cataloguetest.Hostile(t, "harmless"), nil), -1))
	for _, text := range []string{
		`</script><img src=x onerror=alert(1)>`, `--><svg onload=alert(1)>`, `"><b>`, `</style><script>alert(1)</script>`,
		"{{.Title}} ${data} `x`", `\u003cscript\u003e`, `<!--<script>`, `]]></title><script>`,
	} {
		p := render(t, cataloguetest.Hostile(t, text), nil)
		if n := len(tags.FindAllString(p, -1)); n != plain {
			t.Errorf("%q: the page has %d tags, want %d", text, n, plain)
		}
		if strings.Contains(text, "<") && strings.Contains(p, text) {
			t.Errorf("%q stands in the page as it is", text)
		}
	}
}

// TestBrowser opens the page in a browser, where there is one: its script runs under its policy, and
// hostile text is shown as text.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
		}
	}
	if browser == "" {
		t.Skip("needs Chromium")
	}
	const text = `</script><img src=x onerror="document.title='run'"> & <b>`
	f := cataloguetest.Hostile(t, text)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(render(t, f, f.Contract("books"))), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=2000", "--dump-dom", "file://"+file)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	dom, err := c.Output()
	if err != nil {
		t.Skipf("the browser does not start: %v\n%s", err, stderr.String())
	}
	for _, want := range []string{
		`<h2>books</h2>`, `class="view shown dimmed"`, `&lt;/script&gt;&lt;img src=x onerror=`, `<button class="link">books/lend-book.v1</button>`,
	} {
		if !strings.Contains(string(dom), want) {
			t.Errorf("the page shows no %s\n%s", want, dom)
		}
	}
	if strings.Contains(string(dom), "<title>run") || strings.Contains(string(dom), "<img") {
		t.Error("hostile text was run")
	}
}
