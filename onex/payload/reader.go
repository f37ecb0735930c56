package payload

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Reader reads a JSON document in one pass. Its methods read the value at hand and move on; the
// first mismatch is kept and everything after it reads as zero, so that callers check Err once, at
// the end. A Reader is for one goroutine.
type Reader struct {
	data  []byte
	pos   int
	depth int        // of brackets around the value at hand
	names [16]string // of fields that are not required, so that each is made once
	named int
	err   *Error // its path grows on the way out
}

// NewReader returns a Reader of data, which must be exactly one JSON value.
func NewReader(data []byte) (*Reader, error) {
	if !Valid(data) {
		return nil, violation("is not JSON")
	}
	return &Reader{data: data}, nil
}

// Err returns the first mismatch, or nil.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// end returns what is wrong with the document as a whole. What was read to its end without a mismatch
// is JSON; elsewhere that is judged first.
func (r *Reader) end() error {
	if r.err == nil && r.pos > 0 && space(r.data, r.pos) == len(r.data) {
		return nil
	}
	if !Valid(r.data) {
		return violation("is not JSON")
	}
	return r.Err()
}

// Object reads an object: field is called for every field that is not null, with the Reader at its
// value; what field does not read is skipped. A required field that is absent or null is a
// mismatch. Names are compared exactly; of a field given twice the last one counts.
func (r *Reader) Object(required []string, field func(name string)) {
	var buf [32]bool
	seen := append(buf[:0], make([]bool, len(required))...)
	next := 0 // the required field that comes now if they come in order
	for more := r.open('{', "an object"); more; more = r.another('}') {
		name, i := r.name(required, next)
		if r.peek() == 'n' {
			r.skip()
			continue
		}
		if i >= 0 {
			seen[i], next = true, i+1
		}
		start := r.pos
		if field(name); r.pos == start {
			r.skip()
		}
		r.under(name)
	}
	if i := slices.Index(seen, false); i >= 0 && r.err == nil {
		r.err = &Error{Path: required[i], Message: "is required"}
	}
}

const fewItems = 4 // that a list has room for from its first on

// List reads an array; read reads one item. It never returns nil, except after a mismatch.
func List[T any](r *Reader, read func(*Reader) T) []T {
	list := []T{}
	for more := r.open('[', "an array"); more; more = r.another(']') {
		if len(list) == 0 {
			list = make([]T, 0, fewItems)
		}
		list = append(list, read(r))
		if r.err != nil {
			r.under("[" + strconv.Itoa(len(list)-1) + "]")
		}
	}
	if r.err != nil {
		return nil
	}
	return list
}

// String reads a string.
func (r *Reader) String() string {
	if r.peek() != '"' {
		r.mismatch("a string")
		return ""
	}
	return r.text()
}

// Int reads an integer; 3.0 is one.
func (r *Reader) Int() int64 {
	span := string(r.number("an integer"))
	if r.err != nil {
		return 0
	}
	if n, err := strconv.ParseInt(span, 10, 64); err == nil {
		return n
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(span, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		r.fail("is " + span + ", want a 64-bit integer")
		return 0
	}
	return int64(f)
}

// Float reads a number.
func (r *Reader) Float() float64 {
	span := string(r.number("a number"))
	if r.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(span, 64)
	if err != nil {
		r.fail("is " + span + ", want a number in the range of 64 bits")
		return 0
	}
	return f
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	c := r.peek()
	if c != 't' && c != 'f' {
		r.mismatch("true or false")
		return false
	}
	r.skip()
	return c == 't'
}

// open moves into what begins with a bracket and reports whether it has an element.
func (r *Reader) open(bracket byte, what string) bool {
	if r.peek() != bracket {
		r.mismatch(what)
		return false
	}
	if r.depth++; r.depth > maxDepth {
		r.malformed()
		return false
	}
	r.pos++
	return r.peek() != bracket+closing || r.leave()
}

// closing is what a bracket's counterpart comes after it in ASCII.
const closing = '}' - '{'

// leave moves behind the bracket at hand; there is no other element.
func (r *Reader) leave() bool {
	r.pos++
	r.depth--
	return false
}

// another moves to the next element and reports whether there is one.
func (r *Reader) another(end byte) bool {
	switch c := r.peek(); {
	case c == end && r.err == nil:
		return r.leave()
	case c == ',':
		r.pos++
		return true
	}
	r.malformed()
	return false
}

// name reads the name of a field and the colon, and says which of some names it is, or -1; it is
// probably the one at next.
func (r *Reader) name(known []string, next int) (name string, i int) {
	if r.peek() != '"' {
		r.malformed()
		return "", -1
	}
	name, i = r.known(known, next)
	if r.peek() != ':' {
		r.malformed()
		return "", -1
	}
	r.pos++
	return name, i
}

// known reads a name; i is its place among names, or -1. A name that was there before is not made again.
func (r *Reader) known(names []string, next int) (name string, i int) {
	span, plain := r.quoted()
	if !plain {
		name = r.unquote(span)
		return name, slices.Index(names, name)
	}
	if next < len(names) && names[next] == string(span) {
		return names[next], next
	}
	same := func(n string) bool { return n == string(span) }
	if i := slices.IndexFunc(names, same); i >= 0 {
		return names[i], i
	}
	if i := slices.IndexFunc(r.names[:r.named], same); i >= 0 {
		return r.names[i], -1
	}
	name = string(span)
	if r.named < len(r.names) {
		r.names[r.named] = name
		r.named++
	}
	return name, -1
}

// peek skips white space and returns the byte at hand; 0 after a mismatch or at the end.
func (r *Reader) peek() byte {
	if r.err != nil {
		return 0
	}
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// number returns the text of a number.
func (r *Reader) number(what string) []byte {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.mismatch(what)
		return nil
	}
	start := r.pos
	r.skip()
	return r.data[start:r.pos]
}

// text reads the string at hand.
func (r *Reader) text() string {
	span, plain := r.quoted()
	if plain {
		return string(span)
	}
	return r.unquote(span)
}

// quoted moves behind the string at hand and returns what is between the quotation marks; plain says
// that it is ASCII without escapes.
func (r *Reader) quoted() (span []byte, plain bool) {
	end, plain := quotation(r.data, r.pos)
	if end < 0 {
		r.malformed()
		return nil, true
	}
	span = r.data[r.pos+1 : end-1]
	r.pos = end
	return span, plain
}

// unquote returns the text of a string. Only one with escapes or invalid UTF-8 is left to encoding/json.
func (r *Reader) unquote(span []byte) string {
	if !bytes.ContainsRune(span, '\\') && utf8.Valid(span) {
		return string(span)
	}
	var s string
	if err := json.Unmarshal(slices.Concat([]byte{'"'}, span, []byte{'"'}), &s); err != nil {
		r.fail("is not a string")
	}
	return s
}

// skip moves behind the value at hand, whatever it is.
func (r *Reader) skip() {
	r.peek()
	if r.err != nil {
		return
	}
	if end := value(r.data, r.pos, r.depth+1); end >= 0 {
		r.pos = end
	} else {
		r.malformed()
	}
}

func (r *Reader) mismatch(want string) { r.fail("is not " + want) }

// malformed is a mismatch of the document itself, which end tells of.
func (r *Reader) malformed() { r.fail("is not JSON") }

func (r *Reader) fail(message string) {
	if r.err == nil {
		r.err = &Error{Message: message}
	}
}

// under puts a part of the path in front of that of a mismatch.
func (r *Reader) under(part string) {
	switch {
	case r.err == nil:
	case r.err.Path == "" || r.err.Path[0] == '[':
		r.err.Path = part + r.err.Path
	default:
		r.err.Path = part + "." + r.err.Path
	}
}
