package codegen_test

import (
	"slices"
	"strings"
)

// canary is the file that code makes if any text of a contract is ever executed.
const canary = "omninode-canary"

// injections lists texts that would be code, directives, paths or deception if they got out of their
// place: more than 500, each way out combined with each thing to do there.
func injections() []string {
	exits := []string{"", "\"", "`", "\\\"", "*/ ", "\n", "\r\n", "\u2028", "x\"}", "`}\n}\n", "'); ", "\t// \n"}
	deeds := []string{
		`func init() { os.WriteFile("` + canary + `", nil, 0o600) }`,
		`var _ = func() int { os.WriteFile("` + canary + `", nil, 0o600); return 1 }()`,
		`import "os/exec"; func init() { exec.Command("touch", "` + canary + `").Run() }`,
		"package main", "//go:generate touch " + canary, "//go:embed /etc/passwd", "//go:build ignore", "//go:linkname os_exit os.Exit",
		"//export Run", "//line /etc/passwd:1", "+build ignore", "#cgo LDFLAGS: -Wl,-x", `import "C"`,
		`{{.Node}}{{template "imports" .}}{{printf "%s" .}}`, "$(touch " + canary + ")", "${IFS}; touch " + canary, "%s%d%!v(MISSING)%[1]*d",
		"'; DROP TABLE outbox; --", "<script>alert(1)</script>", "]]><!--",
	}
	ends := []string{"", "\"", "`", " /*", "\n//", "\x00"}
	var list []string
	for _, exit := range exits {
		for _, deed := range deeds {
			end := ends[len(list)%len(ends)]
			list = append(list, exit+deed+end, exit+deed)
		}
	}
	list = append(list, oddities()...)
	slices.Sort(list)
	return slices.Compact(list)
}

// oddities are texts that are names, paths, numbers or nothing, to who reads them wrong.
func oddities() []string {
	words := []string{
		"", " ", "\t", "\n", "\x00", "\x07", "\x1b[31mred", "\x7f", "\u0085", "\u00a0", "\ufeff", "\u200b", "\u202e\u2066} tini cnuf", "\U0010ffff",
		"\xff\xfe", "\xc3\x28", "\xed\xa0\x80", "e\u0301", "\u212a", "ﬁ", "ｆｕｎｃ", "аdmin", "İ", "ß", "日本", "🦆",
		"init", "main", "_", "func", "type", "map", "string", "error", "nil", "true", "iota", "any", "append", "panic", "context", "onex", "event",
		"Handler", "Config", "Node", "Validate", "String", "routes", "handler", "newHandler", "data", "ctx", "in", "emit", "out",
		"yes", "no", "on", "off", "y", "n", "null", "~", "0x10", "1_000", "1e999", "-0", ".inf", ".nan", "2026-01-31", "1:30", "<<", "*a", "&a", "!!str",
		"..", ".", "../..", "../../etc/passwd", "/etc/passwd", "a/../../b", "./a", "a//b", "C:\\Windows", "\\\\host\\share", "con", "nul.txt", "-rf", "--",
		"~root", "a b", "a.b", "a;b", "a|b", "a&b", "a>b", "a\\b", "a'b", "a,b", "a:b", "a@b", "a#b", "a?b", "a*b", "a[b]", "a{b}", "A_", "a--b", "a__b",
		"cmd", "vendor", "internal", "testdata", "handler.go", "node.gen.go", "x_test", "x_linux", "contract.yaml",
		"onex.evt.a.b.v1", "a/b.v1", "a/b.v0", "a/b.v99999", "b.v01", "/b.v1", "a/b", "v1", "a/b/c.v1", "1.0.0+build", "01.2.3",
		"9223372036854775808", "-9223372036854775809", "1e308", "999999999999999999999999h", "1ns", "-1s", "NaN",
		"^(a+)+$", "(", "[", "(?i", "(?P<x>", `\Q`, "a{1001}", "(?=x)", `\1`,
	}
	for _, long := range []string{"a", "A", "é", "a\n", "a-", "a_"} {
		words = append(words, strings.Repeat(long, 3000))
	}
	return words
}
