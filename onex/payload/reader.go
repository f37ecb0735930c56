package payload

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// Reader reads a JSON document in one pass. Its methods read the value at hand and move on; the
// first mismatch is kept and everything after it reads as zero, so that callers check Err once, at
// the end. A Reader is for one goroutine.
type Reader struct {
	data []byte // syntactically valid JSON
	pos  int
	path []step
	err  error
}

// step is one part of the path to the value at hand.
type step struct {
	name  string // "": an item of a list
	index int
}

// NewReader returns a Reader of data, which must be exactly one JSON value.
func NewReader(data []byte) (*Reader, error) {
	if !Valid(data) {
		return nil, violation("is not JSON")
	}
	return &Reader{data: data}, nil
}

// Err returns the first mismatch, or nil.
func (r *Reader) Err() error { return r.err }

// Object reads an object: field is called for every field that is not null, with the Reader at its
// value; what field does not read is skipped. A required field that is absent or null is a
// mismatch. Names are compared exactly; of a field given twice the last one counts.
func (r *Reader) Object(required []string, field func(name string)) {
	var buf [32]bool
	seen := append(buf[:0], make([]bool, len(required))...)
	r.each('{', '}', "an object", func(int) {
		name := r.name()
		if r.peek() == 'n' {
			r.skip()
			return
		}
		for i := range required {
			seen[i] = seen[i] || required[i] == name
		}
		start := r.pos
		r.within(step{name: name}, func() { field(name) })
		if r.pos == start {
			r.skip()
		}
	})
	for i, ok := range seen {
		if !ok && r.err == nil {
			r.within(step{name: required[i]}, func() { r.fail("is required") })
		}
	}
}

// List reads an array; read reads one item. It never returns nil, except after a mismatch.
func List[T any](r *Reader, read func(*Reader) T) []T {
	list := []T{}
	r.each('[', ']', "an array", func(i int) {
		r.within(step{index: i}, func() { list = append(list, read(r)) })
	})
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

// each calls item for every element between two brackets, with the Reader before it.
func (r *Reader) each(open, end byte, what string, item func(i int)) {
	if r.peek() != open {
		r.mismatch(what)
		return
	}
	r.pos++
	for i := 0; r.peek() != end; i++ {
		item(i)
		if r.err != nil {
			return
		}
		if r.peek() == ',' {
			r.pos++
		}
	}
	r.pos++
}

// within calls f with s added to the path.
func (r *Reader) within(s step, f func()) {
	r.path = append(r.path, s)
	f()
	r.path = r.path[:len(r.path)-1]
}

// name reads the name of a field and the colon.
func (r *Reader) name() string {
	r.peek()
	name := r.text()
	r.peek()
	r.pos++
	return name
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
	r.scalar()
	return r.data[start:r.pos]
}

// text reads the string at hand. Only a string with escapes or invalid UTF-8 is left to
// encoding/json.
func (r *Reader) text() string {
	start := r.pos
	escaped := r.quoted()
	span := r.data[start:r.pos]
	if inner := span[1 : len(span)-1]; !escaped && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	if err := json.Unmarshal(span, &s); err != nil {
		r.fail("is not a string")
	}
	return s
}

// quoted moves behind the string at hand and reports whether it has escapes.
func (r *Reader) quoted() (escaped bool) {
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			escaped = true
			r.pos++
		}
	}
	r.pos++
	return escaped
}

// scalar moves behind the number or literal at hand.
func (r *Reader) scalar() {
	for ; r.pos < len(r.data); r.pos++ {
		switch r.data[r.pos] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return
		}
	}
}

// skip moves behind the value at hand, whatever it is.
func (r *Reader) skip() {
	switch r.peek() {
	case '{', '[':
		r.skipNested()
	case '"':
		r.quoted()
	default:
		r.scalar()
	}
}

func (r *Reader) skipNested() {
	for depth := 0; r.pos < len(r.data); {
		switch r.data[r.pos] {
		case '"':
			r.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		r.pos++
		if depth == 0 {
			return
		}
	}
}

func (r *Reader) mismatch(want string) { r.fail("is not " + want) }

func (r *Reader) fail(message string) {
	if r.err == nil {
		r.err = &Error{Path: r.place(), Message: message}
	}
}

func (r *Reader) place() string {
	var b []byte
	for _, s := range r.path {
		switch {
		case s.name == "":
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
			continue
		case len(b) > 0:
			b = append(b, '.')
		}
		b = append(b, s.name...)
	}
	return string(b)
}
