package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostile returns inputs that are meant to hurt, by name, and the rule that must refuse each.
func hostile() map[string]struct {
	src  []byte
	rule string
} {
	type input = struct {
		src  []byte
		rule string
	}
	rep := func(s string, n int) string { return strings.Repeat(s, n) }
	fill := func(head string, line func(i int) string) []byte {
		b := bytes.NewBufferString(head)
		for i := 0; b.Len() < MaxBytes-100; i++ {
			b.WriteString(line(i))
		}
		return b.Bytes()
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	block := new(strings.Builder)
	for i := range 700 {
		block.WriteString(rep(" ", i) + "a:\n")
	}
	chain := "types:\n"
	for i := range 60 {
		chain += fmt.Sprintf("  T%d: {type: object, required: [a, b], properties: {a: {$ref: T%d}, b: {$ref: T%d}}}\n", i, i+1, i+1)
	}
	return map[string]input{
		"alias bomb":          {[]byte(bomb), ruleAlias},
		"10 MB":               {bytes.Repeat([]byte("a: b\n"), 2<<20), ruleTooLarge},
		"10 MB of brackets":   {bytes.Repeat([]byte("["), 10<<20), ruleTooLarge},
		"flow depth":          {[]byte("a: " + rep("[", 10_000) + rep("]", 10_000)), ruleDepth},
		"open brackets":       {[]byte(rep("[", MaxBytes-1)), ruleDepth},
		"open braces":         {[]byte(rep("{a: ", MaxBytes/4-1)), ruleDepth},
		"block depth":         {[]byte(block.String()), ruleDepth},
		"dashes":              {[]byte(rep("- ", MaxBytes/2-1)), ruleDepth},
		"NUL":                 {[]byte("omninode: 1\x00\n"), ruleEncoding},
		"invalid UTF-8":       {[]byte("omninode: \xff\n"), ruleEncoding},
		"UTF-16":              {[]byte("\xff\xfeo\x00m\x00"), ruleEncoding},
		"byte order mark":     {[]byte("\xef\xbb\xbfomninode: 1\n"), ruleEncoding},
		"many unknown keys":   {fill("omninode: 1\n", func(i int) string { return fmt.Sprintf("handels%d: 1\n", i) }), ruleTooLarge},
		"many duplicate keys": {fill("", func(int) string { return "omninode: 1\n" }), ruleTooLarge},
		"many near misses":    {[]byte(nearMisses()), ruleTooMany},
		"many documents":      {fill("a: 1\n", func(int) string { return "---\na: 1\n" }), ruleDocuments},
		"many comments":       {fill("", func(int) string { return "# x\n" }), ruleEmpty},
		"long scalar":         {[]byte("omninode: " + rep("x", MaxBytes-20)), ruleWrongType},
		"long key":            {[]byte(rep("x", MaxBytes-20) + ": 1\n"), ruleUnknownKey},
		"quoted newlines":     {[]byte("omninode: \"" + rep("\n", MaxBytes-20) + "\""), ruleWrongType},
		"question marks":      {[]byte(rep("? ", MaxBytes/2-1)), ruleDepth},
		"colons":              {[]byte(rep(": ", MaxBytes/2-1)), ruleDepth},
		"case-fold collision": {[]byte("types: {T: {type: object, properties: {a_b: {type: string}, ab: {type: string}, a_B: {type: string}}}, t: {}}\n"), ruleBadName},
		"folder above":        {[]byte("node: ..\n"), ruleBadName},
		"absolute folder":     {[]byte("node: /etc\n"), ruleBadName},
		"exponential types":   {[]byte(chain + "  T60: {type: object, properties: {a: {type: string}}}\n"), ruleExample},
	}
}

// nearMisses is a contract whose references are all almost right.
func nearMisses() string {
	var b strings.Builder
	b.WriteString("omninode: 1\nnode: a\nversion: 1.0.0\nkind: compute\nevents:\n")
	for i := range 999 {
		fmt.Fprintf(&b, "  something-that-happened-with-a-long-name-%d: {v1: {key: id, data: T}}\n", i)
	}
	b.WriteString("handles:\n  b/c.v1:\n    emits:\n")
	for i := range 999 {
		fmt.Fprintf(&b, "    - somethinf-that-happened-with-a-long-nam-%d.v1\n", i)
	}
	return b.String() + "types: {T: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}}\n"
}

// TestHostile checks that what is meant to hurt is refused, quickly, with few diagnostics.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, tc := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			c, ds := Parse("contract.yaml", tc.src)
			if took := time.Since(start); took > 20*time.Second { // without bounds: for ever; see BenchmarkHostile
				t.Errorf("took %v", took)
			}
			if c != nil || !hasRule(ds, tc.rule) {
				t.Errorf("contract %v, diagnostics %.300s; want rule %s", c, ds.Error(), tc.rule)
			}
			if n := len(ds.Error()); len(ds) > MaxDiagnostics+1 || n > 100_000 {
				t.Errorf("%d diagnostics of %d bytes", len(ds), n)
			}
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, tc := range hostile() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, ds := Parse("contract.yaml", tc.src); ds == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func hasRule(ds Diagnostics, rule string) bool {
	for _, d := range ds {
		if d.Rule == rule {
			return true
		}
	}
	return false
}
