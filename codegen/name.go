package codegen

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The grammars of names that enter code as they are. The contract parser enforces them with better
// messages; they are checked again because Generate takes any model.
var (
	typeGrammar = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,63}$`)
	keyGrammar  = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	stepGrammar = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

	modulePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)
)

// quote returns s as a Go string literal: back-quoted where that reads better and cannot change the
// meaning, else as strconv.Quote does it.
func quote(s string) string {
	if strings.ContainsAny(s, `"\`) && strconv.CanBackquote(s) && printable(s) {
		return "`" + s + "`"
	}
	return strconv.QuoteToASCII(s)
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= unicode.MaxASCII }) < 0
}

// comment returns s as text of one comment line: anything that is not printable, line breaks
// included, is a space, and runs of spaces are one.
func comment(s string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, s)
	return strings.Join(strings.Fields(clean), " ")
}

// remark returns text as a comment of its own. Unless it begins like a sentence, the name it documents
// is put in front, so that it is never taken for a directive.
func remark(name, text string) string {
	text = comment(text)
	if r, _ := utf8.DecodeRuneInString(text); text == "" || unicode.IsUpper(r) {
		return text
	}
	return name + ": " + text
}

// sentence returns a comment that begins with the name it documents: "Price: What an order costs."
func sentence(subject, text string) string {
	s := subject
	if text = comment(text); text != "" {
		s += ": " + text
	}
	return strings.TrimRight(s, ".") + "."
}

// modulePath reports whether s consists of path elements that need no quoting anywhere.
func modulePath(s string) bool { return modulePattern.MatchString(s) }
