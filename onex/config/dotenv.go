package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DotenvError is a line of a .env file that cannot be read. It never holds the line's value.
type DotenvError struct {
	File    string
	Line    int
	Message string
}

func (e *DotenvError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// ParseDotenv reads the text of a .env file: NAME=value lines, blank lines and # comments, an
// optional "export " in front. A value is bare (up to the line's end or " #"), 'single-quoted'
// (taken as it is) or "double-quoted" (with \\ \" \n \r \t). Nothing is expanded, because a $ in a
// password is a $. A name set twice is an error. file is only used in messages.
func ParseDotenv(file string, text []byte) (map[string]string, error) {
	lines, err := parseLines(file, text)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(lines))
	for name, l := range lines {
		values[name] = l.value.Reveal()
	}
	return values, nil
}

// assignment is a line of a .env file.
type assignment struct {
	file  string
	line  int
	value Secret
}

func (a assignment) place() string { return fmt.Sprintf("%s:%d", a.file, a.line) }

func parseLines(file string, text []byte) (map[string]assignment, error) {
	values := map[string]assignment{}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, problem := parseAssignment(line)
		if first, twice := values[name]; twice && problem == "" {
			problem = fmt.Sprintf("%s is set twice, first in line %d", name, first.line)
		}
		if problem != "" {
			return nil, &DotenvError{File: file, Line: n, Message: problem}
		}
		values[name] = assignment{file: file, line: n, value: NewSecret(value)}
	}
	return values, nil
}

func parseAssignment(line string) (name, value, problem string) {
	name, raw, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
	name = strings.TrimSpace(name)
	switch {
	case !found:
		return "", "", "expected NAME=value"
	case !validEnvName(name):
		return "", "", "the text before = is not the name of an environment variable"
	}
	value, problem = parseValue(strings.TrimSpace(raw))
	if problem != "" {
		problem = name + ": " + problem
	}
	return name, value, problem
}

func validEnvName(name string) bool {
	for i, c := range name {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func parseValue(raw string) (value, problem string) {
	if raw == "" || raw[0] == '#' {
		return "", ""
	}
	if raw[0] != '"' && raw[0] != '\'' {
		if i := strings.Index(raw, " #"); i >= 0 {
			raw = strings.TrimSpace(raw[:i])
		}
		return raw, ""
	}
	value, rest, problem := parseQuoted(raw)
	if rest = strings.TrimSpace(rest); problem == "" && rest != "" && rest[0] != '#' {
		problem = "text after the closing quote"
	}
	return value, problem
}

// parseQuoted reads the quoted text raw begins with and returns what follows it.
func parseQuoted(raw string) (value, rest, problem string) {
	quote := raw[0]
	var b strings.Builder
	for i := 1; i < len(raw); i++ {
		c := raw[i]
		if c == quote {
			return b.String(), raw[i+1:], ""
		}
		if c == '\\' && quote == '"' && i+1 < len(raw) {
			i++
			c = raw[i]
			if plain, ok := escapes()[c]; ok {
				c = plain
			} else {
				return "", "", `unknown escape in a double-quoted value; known are \\ \" \n \r \t`
			}
		}
		b.WriteByte(c)
	}
	return "", "", "the closing quote is missing"
}

func escapes() map[byte]byte {
	return map[byte]byte{'\\': '\\', '"': '"', 'n': '\n', 'r': '\r', 't': '\t'}
}

// FormatDotenv renders values, sorted by name, so that ParseDotenv reads them back unchanged.
func FormatDotenv(values map[string]string) []byte {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	var b strings.Builder
	for _, name := range slices.SortedFunc(maps.Keys(values), cmp.Compare) {
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, quote.Replace(values[name]))
	}
	return []byte(b.String())
}
