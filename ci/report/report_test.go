package report

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() Report {
	return Report{
		Title: "pipeline", Took: 3 * time.Second,
		Cases: []Case{
			{Suite: "steps", Name: "start vault", Took: time.Second},
			{Suite: "running", Name: "a declined card is compensated", Took: 2 * time.Second, Failure: "no refund\nafter 10s"},
			{Suite: "running", Name: "later", Skipped: true},
		},
	}
}

func TestTextEndsWithTheSummary(t *testing.T) {
	t.Parallel()
	text := sample().Text()
	if !strings.HasSuffix(text, "\n1 passed, 1 failed, 1 skipped\n") {
		t.Errorf("the summary is not the last line:\n%s", text)
	}
	for _, want := range []string{"✓ start vault", "✗ a declined card", "      no refund\n      after 10s\n", "- later"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestSuitesStayTogether(t *testing.T) {
	t.Parallel()
	r := Report{Cases: []Case{{Suite: "b", Name: "1"}, {Suite: "a", Name: "2"}, {Suite: "b", Name: "3"}}}
	if text := r.Text(); !strings.HasPrefix(text, "b\n  ✓ 1     0.0s\n  ✓ 3     0.0s\na\n") {
		t.Errorf("got\n%s", text)
	}
	junit, err := r.JUnit()
	if err != nil || strings.Count(junit, "<testsuite ") != 2 {
		t.Errorf("want two suites, got\n%s (%v)", junit, err)
	}
}

func TestJUnitRoundTrip(t *testing.T) {
	t.Parallel()
	r := sample()
	text, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, `<testsuites name="pipeline" tests="3" failures="1" skipped="1" time="3.000">`) {
		t.Errorf("the root does not count:\n%s", text)
	}
	got, err := ParseJUnit(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, r.Cases) {
		t.Errorf("read back\n%+v\nwant\n%+v", got, r.Cases)
	}
}

func TestParseJUnitReadsOtherWriters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, xml string
		want      []Case
	}{
		{
			"one suite as root", `<testsuite name="s"><testcase name="a" time="0.5"/></testsuite>`,
			[]Case{{Suite: "s", Name: "a", Took: 500 * time.Millisecond}},
		},
		{
			"error counts as failure", `<testsuites><testsuite name="s"><testcase name="a"><error message="boom"/></testcase></testsuite></testsuites>`,
			[]Case{{Suite: "s", Name: "a", Failure: "boom"}},
		},
		{
			"failure without a word", `<testsuites><testsuite name="s"><testcase name="a"><failure/></testcase></testsuite></testsuites>`,
			[]Case{{Suite: "s", Name: "a", Failure: "failed without a message"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseJUnit(tt.xml)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("ParseJUnit = %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "<html/>", "<testsuites>"} {
		if cases, err := ParseJUnit(bad); err == nil {
			t.Errorf("ParseJUnit(%q) = %v, want an error: an empty report must not pass", bad, cases)
		}
	}
}

func TestFailureNamesTheCulpritFirstAndTheNextCommandLast(t *testing.T) {
	t.Parallel()
	f := &Failure{
		Service: "vault", Step: "seed", Cause: "sealed\ndetail",
		Log: []string{"one", "two"}, Next: "dagger call stack up",
	}
	lines := strings.Split(strings.TrimSpace(f.Error()), "\n")
	want := []string{"vault: sealed (step: seed)", "detail", "last lines of vault:", "  one", "  two", "next: dagger call stack up"}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

func TestCauseAndTail(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, output, want string }{
		{"our CLI", "working\nerror: ONEX_X_001_Y: vault is sealed\nnext:  do this\n", "ONEX_X_001_Y: vault is sealed"},
		{"another tool", "step\nfatal: no such file\n\n", "fatal: no such file"},
		{"silence", "\n", "it wrote nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Cause(tt.output); got != tt.want {
				t.Errorf("Cause = %q, want %q", got, tt.want)
			}
		})
	}
	if got := Tail("a\nb\nc\n\n", 2); !reflect.DeepEqual(got, []string{"b", "c"}) {
		t.Errorf("Tail = %q", got)
	}
	if got := Tail("\n", 2); got != nil {
		t.Errorf("Tail of nothing = %q", got)
	}
}
