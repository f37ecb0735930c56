package payload

import (
	"cmp"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Rule demands something of a value; its error says what is wrong with it.
type Rule[T any] func(v T) error

// Field checks the value of a required field.
func Field[T any](name string, v T, rules ...Rule[T]) error {
	for _, rule := range rules {
		if err := rule(v); err != nil {
			return under(name, err)
		}
	}
	return nil
}

// Optional checks the value of a field that may be absent.
func Optional[T any](name string, v *T, rules ...Rule[T]) error {
	if v == nil {
		return nil
	}
	return Field(name, *v, rules...)
}

// OptionalList checks the items of a list that may be absent.
func OptionalList[T any](name string, v []T, rules ...Rule[[]T]) error {
	if v == nil {
		return nil
	}
	return Field(name, v, rules...)
}

// Present demands a list that is not nil, because a nil list is written as null.
func Present[T any](v []T) error {
	if v == nil {
		return violation("is required")
	}
	return nil
}

// Each demands rules of every item.
func Each[T any](rules ...Rule[T]) Rule[[]T] {
	return func(list []T) error {
		for i, v := range list {
			for _, rule := range rules {
				if err := rule(v); err != nil {
					return under("["+strconv.Itoa(i)+"]", err)
				}
			}
		}
		return nil
	}
}

// MinItems demands at least n items.
func MinItems[T any](n int) Rule[[]T] {
	return func(v []T) error {
		if len(v) < n {
			return violation("has %d items, want at least %d", len(v), n)
		}
		return nil
	}
}

// MaxItems demands at most n items.
func MaxItems[T any](n int) Rule[[]T] {
	return func(v []T) error {
		if len(v) > n {
			return violation("has %d items, want at most %d", len(v), n)
		}
		return nil
	}
}

// Min demands v ≥ limit.
func Min[T cmp.Ordered](limit T) Rule[T] {
	return func(v T) error {
		if v >= limit {
			return nil
		}
		return violation("is %v, want at least %v", v, limit)
	}
}

// Max demands v ≤ limit.
func Max[T cmp.Ordered](limit T) Rule[T] {
	return func(v T) error {
		if v <= limit {
			return nil
		}
		return violation("is %v, want at most %v", v, limit)
	}
}

// MinLength demands at least n characters.
func MinLength(n int) Rule[string] {
	return func(s string) error {
		if c := utf8.RuneCountInString(s); c < n {
			return violation("has %d characters, want at least %d", c, n)
		}
		return nil
	}
}

// MaxLength demands at most n characters.
func MaxLength(n int) Rule[string] {
	return func(s string) error {
		if c := utf8.RuneCountInString(s); c > n {
			return violation("has %d characters, want at most %d", c, n)
		}
		return nil
	}
}

// OneOf demands one of the given texts.
func OneOf(allowed ...string) Rule[string] {
	return func(s string) error {
		if !slices.Contains(allowed, s) {
			return violation("is %q, want one of %s", s, strings.Join(allowed, ", "))
		}
		return nil
	}
}

// Match demands a match of re, anywhere unless it is anchored.
func Match(re *regexp.Regexp) Rule[string] {
	return func(s string) error {
		if !re.MatchString(s) {
			return violation("does not match %s", re)
		}
		return nil
	}
}

// UUID demands the canonical form of a UUID: 8-4-4-4-12 hexadecimal digits.
func UUID(s string) error {
	if len(s) != 36 {
		return violation("is not a UUID")
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return violation("is not a UUID")
			}
		default:
			if !hexDigit(c) {
				return violation("is not a UUID")
			}
		}
	}
	return nil
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// URI demands an absolute URI.
func URI(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" {
		return violation("is not an absolute URI")
	}
	return nil
}

// Email demands a bare mail address.
func Email(s string) error {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		return violation("is not a mail address")
	}
	return nil
}

// DateTime demands an RFC 3339 time.
func DateTime(s string) error {
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return violation("is not an RFC 3339 time")
	}
	return nil
}

// Date demands an RFC 3339 full-date.
func Date(s string) error {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return violation("is not a date such as 2026-01-31")
	}
	return nil
}

// Duration demands a Go duration such as 1m30s.
func Duration(s string) error {
	if _, err := time.ParseDuration(s); err != nil {
		return violation("is not a duration such as 1m30s")
	}
	return nil
}
