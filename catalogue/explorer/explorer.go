// Package explorer renders a fleet as one page that needs no network: the event graph to search, to
// pan and to zoom, with what the contracts say about each node and message, state machines and
// workflows.
//
// Text of contracts reaches the page as data and as text only: its own script and style are named by
// their digests in the page's content security policy, everything else is refused by the browser.
package explorer

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"

	"github.com/omninode-ai/omninode/catalogue/drawing"
	"github.com/omninode-ai/omninode/contract"
)

//go:embed page.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// page is what the template renders.
type page struct {
	Title    string
	Policy   string
	Style    template.CSS
	Script   template.JS
	Markers  template.HTML
	Data     data
	Views    []view
	Selected string // node shown at first
}

// view is one drawing of the page.
type view struct {
	ID, Title     string
	Width, Height string
	SVG           template.HTML
}

// fleetView is the id of the view of the whole graph.
const fleetView = "fleet"

// Page renders a fleet. With a contract it begins with that node selected.
func Page(f *contract.Fleet, selected *contract.Contract) ([]byte, error) {
	style := "html, html[data-theme=light] { " + drawing.Colours(false) + "}\nhtml[data-theme=dark] { " + drawing.Colours(true) +
		"}\n@media (prefers-color-scheme: dark) { html:not([data-theme]) { " + drawing.Colours(true) + "} }\n" + drawing.Style() + pageStyle
	p := page{
		Title: "Event graph", Style: template.CSS(style), Script: template.JS(pageScript), // our own files
		Policy:  "default-src 'none'; style-src '" + digest(style) + "'; script-src '" + digest(pageScript) + "'; base-uri 'none'; form-action 'none'",
		Markers: template.HTML(drawing.Markers()), // holds no text of contracts
		Data:    facts(f), Views: views(f),
	}
	if selected != nil {
		p.Title, p.Selected = selected.Node, selected.Node
	}
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the template of the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return b.Bytes(), nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// views draws the fleet and what is inside its nodes.
func views(f *contract.Fleet) []view {
	list := []view{draw(fleetView, drawing.Fleet(f).Parts[0])}
	for _, c := range f.Contracts {
		if c.Machine != nil {
			list = append(list, draw(c.Node, drawing.Machine(c)))
		}
		if c.Workflow != nil {
			list = append(list, draw(c.Node, drawing.Workflow(c)))
		}
	}
	return list
}

func draw(id string, part drawing.Part) view {
	d := drawing.Draw(part)
	return view{
		ID: "view-" + id, Title: part.Title, Width: pixels(d.Width), Height: pixels(d.Height),
		SVG: template.HTML(d.SVG), // the drawing escapes the text of contracts
	}
}

func pixels(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
