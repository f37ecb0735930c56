package config

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
)

// Explanation is the table of a node's values with their sources, sorted by key.
type Explanation []Explained

// Explained is one row: a value, redacted if it is a secret, and where it came from.
type Explained struct {
	Key         string `json:"key"`
	Env         string `json:"env"`
	Source      string `json:"source"`
	Value       string `json:"value"`
	Secret      bool   `json:"secret"`
	Description string `json:"description,omitempty"`

	Place     string       `json:"place,omitempty"`     // file and line, or path and version
	Overrides []Overridden `json:"overrides,omitempty"` // only of a Trace: what other sources hold
	Problem   string       `json:"problem,omitempty"`   // only of a Trace: why there is no value
	Where     []string     `json:"where,omitempty"`     // only of a Trace: where a value may be put
}

// Overridden is a value that another one takes precedence over.
type Overridden struct {
	Source string `json:"source"`
	Place  string `json:"place,omitempty"`
	Value  string `json:"value"`
}

// Explain returns every value with its source. Secrets, and passwords within URLs, are redacted.
func (v *Values) Explain() Explanation {
	rows := make(Explanation, 0, len(v.values))
	for _, val := range v.values {
		rows = append(rows, Explained{
			Key: val.setting.Key, Env: val.setting.Env, Source: val.source, Place: val.place,
			Value: val.display(), Secret: val.setting.Secret, Description: val.setting.Description,
		})
	}
	slices.SortFunc(rows, func(a, b Explained) int { return cmp.Compare(a.Key, b.Key) })
	return rows
}

// String renders the table with a header line.
func (e Explanation) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = w.Write([]byte("KEY\tENVIRONMENT\tSOURCE\tVALUE\n"))
	for _, r := range e {
		_, _ = w.Write([]byte(strings.Join([]string{r.Key, r.Env, r.Source, r.Value}, "\t") + "\n"))
	}
	_ = w.Flush()
	return b.String()
}

// display returns the text as people may see it.
func (v value) display() string { return Shown(v.text.Reveal(), v.setting.Secret) }

// Shown returns what people may see of a value: nothing of a secret, no password within a URL.
func Shown(text string, secret bool) string {
	if secret {
		return Redacted
	}
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}
