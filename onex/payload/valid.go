package payload

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep values may be nested, as for encoding/json.
const maxDepth = 10_000

// Valid reports whether data is exactly one JSON value. It says what json.Valid says, in a fraction of
// the time: every record is judged by it.
func Valid(data []byte) bool {
	end := value(data, space(data, 0), 1)
	return end >= 0 && space(data, end) == len(data)
}

// Each of the following takes the place of what it reads and returns the place behind it, or -1. A
// place may be the end of data.

func space(data []byte, i int) int {
	for ; i < len(data); i++ {
		switch data[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return i
		}
	}
	return i
}

func value(data []byte, i, depth int) int {
	if i >= len(data) {
		return -1
	}
	switch data[i] {
	case '{':
		return members(data, i, depth, '}', member)
	case '[':
		return members(data, i, depth, ']', value)
	case '"':
		end, _ := quotation(data, i)
		return end
	case 't':
		return literal(data, i, "true")
	case 'f':
		return literal(data, i, "false")
	case 'n':
		return literal(data, i, "null")
	}
	return numeral(data, i)
}

// members reads what is between two brackets, with commas in between.
func members(data []byte, i, depth int, end byte, one func(data []byte, i, depth int) int) int {
	if depth > maxDepth {
		return -1
	}
	if i = space(data, i+1); i < len(data) && data[i] == end {
		return i + 1
	}
	for {
		if i = one(data, i, depth+1); i < 0 {
			return -1
		}
		if i = space(data, i); i >= len(data) {
			return -1
		}
		switch data[i] {
		case end:
			return i + 1
		case ',':
			i = space(data, i+1)
		default:
			return -1
		}
	}
}

// member reads a name and its value.
func member(data []byte, i, depth int) int {
	if i >= len(data) || data[i] != '"' {
		return -1
	}
	if i, _ = quotation(data, i); i < 0 {
		return -1
	}
	if i = space(data, i); i >= len(data) || data[i] != ':' {
		return -1
	}
	return value(data, space(data, i+1), depth)
}

// quotation also says whether the string is plain: ASCII without escapes.
func quotation(data []byte, i int) (end int, plain bool) {
	plain = true
	for i++; i < len(data); i++ {
		if i, plain = run(data, i, plain); i == len(data) {
			break
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			plain = false
			if i = escape(data, i); i < 0 {
				return -1, false
			}
		case c < ' ':
			return -1, false
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return -1, false
}

// Each byte of a word, to look at eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// run passes over bytes that mean nothing in a string, eight at a time, and stops at or before the first
// that does. plain stays if all of them are ASCII.
func run(data []byte, i int, plain bool) (int, bool) {
	for ; i+8 <= len(data); i += 8 {
		w := binary.LittleEndian.Uint64(data[i:])
		quote, slash := w^('"'*ones), w^('\\'*ones)
		// The lowest bit that is set tells of the first byte which is a control, '"' or '\\'.
		stop := ((w-' '*ones)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
		if stop != 0 {
			at := bits.TrailingZeros64(stop) &^ 7 // in bits
			return i + at/8, plain && w&(1<<at-1)&highs == 0
		}
		plain = plain && w&highs == 0
	}
	return i, plain
}

// escape returns the place of the last byte of an escape.
func escape(data []byte, i int) int {
	if i++; i >= len(data) {
		return -1
	}
	switch data[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		for range 4 {
			if i++; i >= len(data) || !hexDigit(data[i]) {
				return -1
			}
		}
		return i
	}
	return -1
}

func literal(data []byte, i int, word string) int {
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func numeral(data []byte, i int) int {
	if data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if i = digits(data, i); i < 0 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		if i = digits(data, i+1); i < 0 {
			return -1
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		if i++; i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return digits(data, i)
	}
	return i
}

// digits reads at least one.
func digits(data []byte, i int) int {
	start := i
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
