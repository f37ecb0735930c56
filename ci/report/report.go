// Package report holds the outcome of a pipeline run: its steps and scenarios, as a table for people,
// as JUnit for machines, and the failure that is shown first. It knows nothing about Dagger.
package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Case is one thing that passed, failed or was skipped.
type Case struct {
	Suite   string
	Name    string
	Took    time.Duration
	Failure string // "" unless it failed
	Skipped bool
}

// Report is the outcome of a run, in the order in which its cases ended.
type Report struct {
	Title string
	Took  time.Duration
	Cases []Case
}

// Count returns how many cases passed, failed and were skipped.
func (r Report) Count() (passed, failed, skipped int) {
	for _, c := range r.Cases {
		switch {
		case c.Failure != "":
			failed++
		case c.Skipped:
			skipped++
		default:
			passed++
		}
	}
	return passed, failed, skipped
}

// FirstFailure returns the first case that failed.
func (r Report) FirstFailure() (Case, bool) {
	for _, c := range r.Cases {
		if c.Failure != "" {
			return c, true
		}
	}
	return Case{}, false
}

// Timings returns the seconds each case took, by suite and name.
func (r Report) Timings() map[string]map[string]float64 {
	all := map[string]map[string]float64{"total": {"total": r.Took.Seconds()}}
	for _, c := range r.Cases {
		if all[c.Suite] == nil {
			all[c.Suite] = map[string]float64{}
		}
		all[c.Suite][c.Name] = c.Took.Seconds()
	}
	return all
}

// bySuite returns the cases with those of a suite together, suites in the order in which they began.
func (r Report) bySuite() []Case {
	var suites []string
	for _, c := range r.Cases {
		if !slices.Contains(suites, c.Suite) {
			suites = append(suites, c.Suite)
		}
	}
	return slices.SortedStableFunc(slices.Values(r.Cases), func(a, b Case) int {
		return slices.Index(suites, a.Suite) - slices.Index(suites, b.Suite)
	})
}

// Summary is the last line of the table.
func (r Report) Summary() string {
	passed, failed, skipped := r.Count()
	s := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if skipped > 0 {
		s += fmt.Sprintf(", %d skipped", skipped)
	}
	return s
}

// Text renders the table: one line a case, what failed with its cause, and the summary last.
func (r Report) Text() string {
	var b strings.Builder
	width := 0
	for _, c := range r.Cases {
		width = max(width, len([]rune(c.Name)))
	}
	suite := ""
	for _, c := range r.bySuite() {
		if c.Suite != suite {
			suite = c.Suite
			fmt.Fprintf(&b, "%s\n", suite)
		}
		fmt.Fprintf(&b, "  %s %-*s %7.1fs\n", c.mark(), width, c.Name, c.Took.Seconds())
		if c.Failure != "" {
			fmt.Fprintf(&b, "      %s\n", strings.ReplaceAll(strings.TrimSpace(c.Failure), "\n", "\n      "))
		}
	}
	fmt.Fprintf(&b, "%s in %.1fs\n%s\n", cmp.Or(r.Title, "total"), r.Took.Seconds(), r.Summary())
	return b.String()
}

func (c Case) mark() string {
	switch {
	case c.Failure != "":
		return "✗"
	case c.Skipped:
		return "-"
	default:
		return "✓"
	}
}

// The JUnit format, as far as test reporters agree on it.
type (
	junitRoot struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr,omitempty"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      float64       `xml:"time,attr"`
		Failure   *junitMessage `xml:"failure"`
		Error     *junitMessage `xml:"error"`
		Skipped   *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit encodes the report.
func (r Report) JUnit() (string, error) {
	root := junitRoot{Name: r.Title, Time: seconds(r.Took)}
	for _, c := range r.bySuite() {
		root.add(c)
	}
	raw, err := xml.MarshalIndent(root, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the JUnit report: %w", err)
	}
	return xml.Header + string(raw) + "\n", nil
}

func (root *junitRoot) add(c Case) {
	n := len(root.Suites)
	if n == 0 || root.Suites[n-1].Name != c.Suite {
		root.Suites = append(root.Suites, junitSuite{Name: c.Suite, Time: "0"})
		n++
	}
	s := &root.Suites[n-1]
	jc := junitCase{Name: c.Name, ClassName: c.Suite, Time: c.Took.Seconds()}
	root.Tests, s.Tests = root.Tests+1, s.Tests+1
	switch {
	case c.Failure != "":
		first, _, _ := strings.Cut(c.Failure, "\n")
		jc.Failure = &junitMessage{Message: first, Text: c.Failure}
		root.Failures, s.Failures = root.Failures+1, s.Failures+1
	case c.Skipped:
		jc.Skipped = &junitMessage{}
		root.Skipped, s.Skipped = root.Skipped+1, s.Skipped+1
	}
	s.Cases = append(s.Cases, jc)
	s.Time = seconds(s.took())
}

func (s *junitSuite) took() time.Duration {
	var sum float64
	for _, c := range s.Cases {
		sum += c.Time
	}
	return time.Duration(sum * float64(time.Second))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// ParseJUnit reads the cases of a JUnit report whose root is testsuites or testsuite.
func ParseJUnit(text string) ([]Case, error) {
	var root struct {
		XMLName xml.Name
		Suites  []junitSuite `xml:"testsuite"`
		Name    string       `xml:"name,attr"`
		Cases   []junitCase  `xml:"testcase"`
	}
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return nil, fmt.Errorf("read the JUnit report: %w", err)
	}
	suites := root.Suites
	switch root.XMLName.Local {
	case "testsuites":
	case "testsuite":
		suites = []junitSuite{{Name: root.Name, Cases: root.Cases}}
	default:
		return nil, fmt.Errorf("read the JUnit report: its root is <%s>", root.XMLName.Local)
	}
	var cases []Case
	for _, s := range suites {
		for _, c := range s.Cases {
			cases = append(cases, c.toCase(s.Name))
		}
	}
	return cases, nil
}

func (c junitCase) toCase(suite string) Case {
	out := Case{Suite: suite, Name: c.Name, Took: time.Duration(c.Time * float64(time.Second)), Skipped: c.Skipped != nil}
	if m := cmp.Or(c.Failure, c.Error); m != nil {
		out.Failure = cmp.Or(strings.TrimSpace(m.Text), m.Message, "failed without a message")
	}
	return out
}
