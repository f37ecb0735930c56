package export_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/omninode-ai/omninode/catalogue/cataloguetest"
	"github.com/omninode-ai/omninode/catalogue/export"
	"github.com/omninode-ai/omninode/contract"
)

func pages(t *testing.T, f *contract.Fleet) map[string]string {
	t.Helper()
	files, err := export.Markdown(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		all[file.Path] = string(file.Data)
	}
	return all
}

func TestMarkdownGolden(t *testing.T) {
	t.Parallel()
	all := pages(t, cataloguetest.Library(t))
	for _, name := range []string{"README.md", "books.md", "desk.md", "fees.md"} {
		golden(t, "markdown/"+name, []byte(all[name]))
	}
}

// rendered returns a page as HTML, with the raw HTML that is in it.
func rendered(t *testing.T, page string) string {
	t.Helper()
	var b bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := md.Convert([]byte(page), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMarkdownLinks: every link of the catalogue leads to a page and an anchor of it.
func TestMarkdownLinks(t *testing.T) {
	t.Parallel()
	all := pages(t, cataloguetest.Library(t))
	links := regexp.MustCompile(`href="([^"#]*)#?([^"]*)"`)
	for name, page := range all {
		for _, link := range links.FindAllStringSubmatch(rendered(t, page), -1) {
			target := all[name]
			if link[1] != "" {
				target = all[link[1]]
			}
			if target == "" || link[2] != "" && !strings.Contains(target, `<a id="`+link[2]+`">`) {
				t.Errorf("%s: %s leads nowhere", name, link[0])
			}
		}
	}
}

// TestMarkdownHostile: text of contracts is rendered as it is and adds no markup.
func TestMarkdownHostile(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<[a-zA-Z/][^>]*>`)
	shape := func(f *contract.Fleet) (string, string) {
		var tagged, text strings.Builder
		for _, name := range []string{"README.md", "books.md", "fees.md", "labels.md"} {
			page := rendered(t, pages(t, f)[name])
			page = regexp.MustCompile(`(?s)<pre>.*?</pre>`).ReplaceAllString(page, "")
			page = regexp.MustCompile(`</?code>`).ReplaceAllString(page, "")
			tagged.WriteString(strings.Join(tags.FindAllString(page, -1), ""))
			text.WriteString(page)
		}
		return tagged.String(), text.String()
	}
	want, _ := shape(cataloguetest.Hostile(t, "harmless"))
	for _, s := range append(hostile(), "- item", "1. item", "> quote", "a | b", "**b** __b__ ~~s~~", "![i](x)", "<b>x</b>", "`a", "---", "+ x", "http://x/_y_", "a\\", "\\`x\\`", "$x$", "&lt;", "[x]: y", "2) x") {
		got, _ := shape(cataloguetest.Hostile(t, s))
		if got != want {
			t.Errorf("%q adds markup:\n got %s\nwant %s", s, got, want)
		}
	}
}
