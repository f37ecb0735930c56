package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mistake is one mistake in the words of every tool.
type mistake struct {
	what  string
	edits map[string]edit // by the tool's name
}

// edit turns the text of a service into a mistaken one.
type edit struct{ old, text, at string }

// readMistakes reads peers/mistakes.txt.
func readMistakes() ([]mistake, error) {
	raw, err := inputs.ReadFile("peers/mistakes.txt")
	if err != nil {
		return nil, err
	}
	var all []mistake
	for paragraph := range strings.SplitSeq(string(raw), "\n\n") {
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		if strings.HasPrefix(lines[0], "#") {
			continue
		}
		m := mistake{what: lines[0], edits: map[string]edit{}}
		for _, line := range lines[1:] {
			tool, rest, _ := strings.Cut(line, ": ")
			old, text, ok := strings.Cut(rest, " => ")
			if !ok {
				return nil, fmt.Errorf("peers/mistakes.txt: %q has no =>", line)
			}
			text, at, _ := strings.Cut(text, " or at ")
			newline := strings.NewReplacer(`\n`, "\n")
			m.edits[tool] = edit{newline.Replace(old), newline.Replace(text), at}
		}
		all = append(all, m)
	}
	return all, nil
}

// score counts the mistakes that a tool found.
type score struct {
	line, fix, all int
	missed         []string // what of, each once
}

// find makes each mistake in each of the services, alone, and reads what the tool says about it.
func (t *trial) find(ctx context.Context, mistakes []mistake, names []string) (score, error) {
	var s score
	for i, name := range names {
		dir, err := t.workspace(ctx, fmt.Sprintf("mistakes-%d", i), []string{name})
		if err != nil {
			return score{}, err
		}
		good, err := t.text(name)
		if err != nil {
			return score{}, err
		}
		// A service of its own length each: no line may be right by chance.
		good = t.padded(good, i)
		for _, m := range mistakes {
			line, fix, err := t.tell(ctx, dir, name, good, m)
			if err != nil {
				return score{}, err
			}
			s.all++
			switch {
			case line:
				s.line++
			case !slices.Contains(s.missed, m.what):
				s.missed = append(s.missed, m.what)
			}
			if line && fix {
				s.fix++
			}
		}
	}
	return s, nil
}

// padded puts n comments in front of the last third of a text.
func (t *trial) padded(text string, n int) string {
	sign := "# "
	if strings.HasSuffix(t.input, ".api") || strings.HasSuffix(t.input, ".txt") {
		sign = "// "
	}
	first, rest, _ := strings.Cut(text, "\n")
	return first + "\n" + strings.Repeat(sign+"comment\n", n) + rest
}

// advice is how a message says what to do; generous to everybody.
var advice = regexp.MustCompile(`(?i)did you mean|fix:|expected|expects|should|must|instead|\buse\b|\btry\b`)

// tell makes a mistake and says whether the tool names its line, and what to do about it.
func (t *trial) tell(ctx context.Context, dir, name, good string, m mistake) (line, fix bool, err error) {
	e, ok := m.edits[t.input[:strings.IndexByte(t.input, '.')]]
	if !ok {
		return false, false, fmt.Errorf("%s has no mistake %q", t.name, m.what)
	}
	in := strings.NewReplacer("NAME", name)
	old, text, at := in.Replace(e.old), in.Replace(e.text), in.Replace(e.at)
	offset := strings.Index(good, old)
	if offset < 0 {
		return false, false, fmt.Errorf("mistake %q: the service of %s has no %q", m.what, t.name, old)
	}
	bad := good[:offset] + text + good[offset+len(old):]
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(t.path(name))), []byte(bad), 0o644); err != nil {
		return false, false, err
	}
	out, failed := t.output(ctx, dir, name)
	if !failed {
		return false, false, nil
	}
	lines := []int{lineAt(bad, offset), lineAt(bad, offset) + strings.Count(text, "\n")}
	if at != "" {
		lines = append(lines, lineAt(bad, strings.Index(bad, at)))
	}
	for _, n := range lines {
		line = line || regexp.MustCompile(fmt.Sprintf(`(?i)(:|line |\s)%d(:|\]|\b)`, n)).MatchString(out)
	}
	return line, advice.MatchString(out), nil
}

// output runs the tool on one service and returns what it prints.
func (t *trial) output(ctx context.Context, dir, name string) (string, bool) {
	for _, args := range t.runs([]string{name}) {
		c := exec.CommandContext(ctx, t.program, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			return usage.ReplaceAllString(string(out), ""), true
		}
	}
	return "", false
}

// usage is the help that a tool prints with every error; it would count as advice.
var usage = regexp.MustCompile(`(?s)(\x1b\[\d+m)?Usage:.*?Error:`)

func lineAt(text string, offset int) int { return 1 + strings.Count(text[:offset], "\n") }
